import { useMemo, useState } from "preact/hooks";
import { decodeColumns } from "../model/columns";
import { compare } from "../model/compare";
import { oneLine } from "../model/format";
import { fields } from "../model/guard";
import type { Payload, Trace } from "../model/types";
import { decoded, useSection } from "./hooks";
import type { Host } from "./host";
import { Loaded } from "./TracePane";

/** Two traces aligned in one tree, or the line that opens to it. */
export function ComparePane({
  payload,
  before,
  after,
  host,
}: {
  payload: Payload;
  before: Trace;
  after: Trace;
  host: Host;
}) {
  const [open, setOpen] = useState(!payload.closed);
  if (open) {
    const onClose = payload.closed ? () => setOpen(false) : undefined;
    return <Aligned payload={payload} traces={[before, after]} host={host} onClose={onClose} />;
  }
  return (
    <button type="button" class="st-line" aria-expanded={false} onClick={() => setOpen(true)}>
      <span class="st-chevron st-parent" />
      <span class="st-title">{oneLine(after.name)}</span>
      <span class="st-line-preview">{oneLine(payload.headline)}</span>
    </button>
  );
}

function Aligned({
  payload,
  traces: [before, after],
  host,
  onClose,
}: {
  payload: Payload;
  traces: readonly [Trace, Trace];
  host: Host;
  onClose: (() => void) | undefined;
}) {
  const old = useSection(before.columns, decodeColumns);
  const now = useSection(after.columns, decodeColumns);
  const pairs = useSection(payload.pairs, (value) => fields(value, "pairs"));
  const parts = [old, now, pairs];
  const aligned = useMemo(
    () =>
      decoded(() => {
        if (old.state !== "ready" || now.state !== "ready" || pairs.state !== "ready") return null;
        if (old.value === null || now.value === null) return null;
        return compare(pairs.value, before, old.value, now.value);
      }),
    parts,
  );
  for (const part of [...parts, aligned]) {
    if (part.state === "failed") return <div class="st-failure">{part.error}</div>;
  }
  const comparison = aligned.state === "ready" ? aligned.value : null;
  if (comparison === null) return null;
  // What is said of a row of the trace is said of its row in the tree.
  const assessments = after.assessments.map((one) => ({
    ...one,
    row: one.row === null ? null : comparison.newRow.indexOf(one.row),
  }));
  return (
    <Loaded
      payload={payload}
      trace={{ ...after, assessments }}
      spans={comparison.spans}
      comparison={comparison}
      host={host}
      onClose={onClose}
      onLoad={undefined}
    />
  );
}
