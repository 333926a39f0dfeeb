import { formatDuration } from "../model/format";
import { familyOf } from "../model/spantype";
import { drawnStretches, endOf, type Range } from "../model/timing";
import { FLAG_PLACEHOLDER, type Spans, STATE_NO_END, STATE_RUNNING } from "../model/types";
import { hasChildren, type Item, isFold, rowOf, runMembers } from "../model/visible";
import { barText, typeOf } from "./Row";
import type { Scale } from "./Tree";
import type { TraceView } from "./useTrace";

const MIN_WIDTH = 3;
const LABEL_GAP = 6;
const CHARACTER = 6.4;

/** A span's time on the axis: solid where it worked itself, pale where its children did. */
export function bar(view: TraceView, item: Item, scale: Scale) {
  const { spans } = view;
  const row = rowOf(item);
  if ((spans.flags[row] ?? 0) & FLAG_PLACEHOLDER)
    return <div class="st-track" aria-hidden="true" />;
  const time = timeOf(view, item);
  const { left, width, clipped } = place(time, scale);
  if (width === 0) {
    return (
      <div class="st-track" aria-hidden="true">
        <span class="st-bar-label" style={{ left: time.to <= scale.range.from ? "2px" : "auto" }}>
          {time.to <= scale.range.from ? "←" : ""}
        </span>
      </div>
    );
  }
  const family = familyOf(typeOf(view, row));
  const label = barText(view, item);
  const classes = ["st-bar", `st-t-${family}`];
  if (spans.state[row] === STATE_RUNNING) classes.push("st-running-bar");
  const isUnfinished = spans.state[row] === STATE_NO_END;
  if (isUnfinished) classes.push("st-unfinished-bar");
  const { comparison } = view;
  const old = comparison?.oldRow[row] ?? -1;
  if (
    comparison === null &&
    view.state.critical &&
    rowsOf(view, item).some((one) => view.critical[one])
  ) {
    classes.push("st-critical");
  }
  const mixed = isUnfinished ? null : fill(view, item, time, scale);
  if (mixed !== null) classes.push("st-mixed");
  return (
    <div class="st-track" aria-hidden="true">
      <div
        class={classes.join(" ")}
        title={`${label}, starts at ${formatDuration(spans.start[row] ?? 0)}`}
        style={{
          left: `${left}px`,
          width: `${width}px`,
          ...(mixed === null ? {} : { backgroundImage: mixed }),
        }}
      />
      {comparison !== null && old >= 0 && ghost(comparison.old, old, scale)}
      {events(view, row, scale)}
      {labelBeside(
        [label, formatDuration(time.to - time.from)],
        clipped ? " →" : "",
        left,
        width,
        scale,
      )}
    </div>
  );
}

/** The span it is compared with: a line under the bar, on the same axis. */
function ghost(spans: Spans, row: number, scale: Scale) {
  const from = spans.start[row] ?? 0;
  const { left, width } = place({ from, to: from + Math.max(0, spans.duration[row] ?? 0) }, scale);
  return <i class="st-before" style={{ left: `${left}px`, width: `${width}px` }} />;
}

function timeOf(view: TraceView, item: Item): Range {
  const { spans } = view;
  const from = spans.start[rowOf(item)] ?? 0;
  const ends = rowsOf(view, item).map((row) => endOf(spans, row, view.now));
  return { from, to: ends.reduce((a, b) => Math.max(a, b), from) };
}

/** The spans a drawn row stands for: itself, or the members of a run. */
function rowsOf({ spans, folds }: TraceView, item: Item): readonly number[] {
  return isFold(item) ? runMembers(spans, folds, rowOf(item)) : [item];
}

/** Pixels of a stretch of time, clipped to the axis. */
function place(time: Range, scale: Scale) {
  const { from, to } = scale.range;
  const pixels = (at: number) => ((at - from) / (to - from)) * scale.trackWidth;
  const left = Math.max(0, pixels(time.from));
  const right = Math.min(scale.trackWidth, pixels(time.to));
  if (time.to < from || time.from > to) return { left: 0, width: 0, clipped: false };
  const width = Math.max(MIN_WIDTH, right - left);
  return {
    left: Math.min(left, scale.trackWidth - width),
    width,
    clipped: time.to > to,
  };
}

/**
 * Solid stretches over a pale ground, as one gradient: a bar stays one element. None for
 * a span without children, which is solid by its class.
 */
function fill(view: TraceView, item: Item, time: Range, scale: Scale): string | null {
  if (!hasChildren(view.spans, item)) return null;
  const solid = isFold(item)
    ? rowsOf(view, item).map((row) => ({
        from: view.spans.start[row] ?? 0,
        to: endOf(view.spans, row, view.now),
      }))
    : view.selfOf(rowOf(item));
  const from = Math.max(time.from, scale.range.from);
  const span = Math.max(1, Math.min(time.to, scale.range.to) - from);
  const percent = (at: number) =>
    `${Math.min(100, Math.max(0, ((at - from) / span) * 100)).toFixed(2)}%`;
  const stops = ["var(--st-pale) 0%"];
  for (const part of drawnStretches(solid)) {
    const [a, b] = [percent(part.from), percent(part.to)];
    stops.push(`var(--st-pale) ${a}`, `var(--st-solid) ${a}`, `var(--st-solid) ${b}`);
    stops.push(`var(--st-pale) ${b}`);
  }
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

const MAX_EVENTS = 20;

function events(view: TraceView, row: number, scale: Scale) {
  const { from, to } = scale.range;
  const own = view.spans.events.get(row);
  if (own === undefined) return null;
  return (
    <>
      {own
        .filter((event) => event.at >= from && event.at <= to)
        .slice(0, MAX_EVENTS)
        .map((event, at) => (
          <i
            key={at}
            class="st-event"
            title={event.name}
            style={{ left: `${((event.at - from) / (to - from)) * scale.trackWidth}px` }}
          />
        ))}
    </>
  );
}

/** The longest text that fits: right of the bar, left of it, or inside. */
function labelBeside(
  texts: readonly string[],
  suffix: string,
  left: number,
  width: number,
  scale: Scale,
) {
  const right = left + width;
  for (const text of texts) {
    const label = text + suffix;
    const needed = label.length * CHARACTER + LABEL_GAP * 2;
    if (right + needed <= scale.trackWidth) {
      return labelText(label, { left: `${right + LABEL_GAP}px` });
    }
    if (left >= needed) {
      const edge = scale.trackWidth - left + LABEL_GAP;
      return labelText(label, { right: `${edge}px` });
    }
    if (width >= needed) {
      const edge = scale.trackWidth - right + 2;
      return labelText(label, { right: `${edge}px` }, true);
    }
  }
  return null;
}

function labelText(text: string, style: Record<string, string>, inside = false) {
  return (
    <span class={inside ? "st-bar-label st-inside" : "st-bar-label"} style={style}>
      {text}
    </span>
  );
}
