import { formatCost, formatDuration, formatTokens, oneLine, plural } from "../model/format";
import { tokensOf } from "../model/rollup";
import type { Trace } from "../model/types";
import { State } from "./State";

/** One trace as a line that opens. */
export function TraceLine({ trace, onOpen }: { trace: Trace; onOpen: () => void }) {
  const tokens = tokensOf(trace.usage);
  return (
    <button type="button" class="st-line" aria-expanded={false} onClick={onOpen}>
      <span class="st-chevron st-parent" />
      <State state={trace.state} />
      <span class="st-title">{oneLine(trace.name)}</span>
      <span class="st-line-preview">{oneLine(trace.request)}</span>
      <span class="st-cell">
        {trace.errorCount > 0 && <em>{plural(trace.errorCount, "error")}</em>}
      </span>
      <span class="st-cell">{trace.duration === null ? "" : formatDuration(trace.duration)}</span>
      <span class="st-cell">{tokens === null ? "" : `${formatTokens(tokens)} tok`}</span>
      <span class="st-cell">{trace.cost === null ? "" : formatCost(trace.cost)}</span>
    </button>
  );
}
