import { formatDuration, oneLine } from "../../model/format";
import type { Body, PointEvent } from "../../model/types";
import { JsonTree } from "../JsonTree";

/** Moments of a span with their offset from its start, then what they carried. */
export function EventsTab({
  events,
  body,
  start,
}: {
  events: readonly PointEvent[];
  body: Body | null;
  start: number;
}) {
  return (
    <div class="st-events">
      {events.map((event, at) => (
        <div key={at} class="st-event-line">
          <span class="st-offset">+{formatDuration(event.at - start)}</span>
          <span>{oneLine(event.name)}</span>
        </div>
      ))}
      {body?.events != null && <JsonTree json={body.events} label="Events" />}
      {body?.links != null && (
        <>
          <h4>Links</h4>
          <JsonTree json={body.links} label="Links" />
        </>
      )}
    </div>
  );
}
