import { formatDuration, formatTokens, group, oneLine } from "../model/format";
import { NO_USAGE, tokensOf } from "../model/rollup";
import { STATE_RUNNING } from "../model/types";
import type { TraceView } from "./useTrace";

const TOLERANCE = 0.01;

/** The line below a span's values: its own tokens, its times, and how a model stopped. */
export function Facts({
  view,
  row,
  finish,
}: {
  view: TraceView;
  row: number;
  finish: string | null;
}) {
  const { spans, rollup } = view;
  const usage = spans.usage.get(row) ?? NO_USAGE;
  const facts: string[] = [];
  const counts: [string, number | null][] = [
    ["in", usage.input],
    ["out", usage.output],
    ["cached", usage.cacheRead],
    ["cache written", usage.cacheWrite],
    ["reasoning", usage.reasoning],
  ];
  for (const [label, count] of counts) {
    if (count !== null) facts.push(`${label} ${group(count)}`);
  }
  const difference = reportedDifference(
    tokensOf(usage),
    tokensOf(rollup.below[row]?.usage ?? NO_USAGE),
  );
  if (difference !== null) facts.push(difference);
  if ((spans.childCount[row] ?? 0) > 0 && spans.state[row] !== STATE_RUNNING) {
    const self = view.selfOf(row).reduce((sum, part) => sum + part.to - part.from, 0);
    facts.push(`self ${formatDuration(self)}`);
  }
  facts.push(`starts at ${formatDuration(spans.start[row] ?? 0)}`);
  return (
    <footer class="st-facts">
      <span>{facts.join(" · ")}</span>
      {finish !== null && (
        <span>
          finish <b>{oneLine(finish)}</b>
        </span>
      )}
    </footer>
  );
}

/** "reported 2,952 / children 2,945" when the two do not agree. */
function reportedDifference(own: number | null, below: number | null): string | null {
  if (own === null || below === null) return null;
  if (Math.abs(own - below) <= TOLERANCE * Math.max(own, below)) return null;
  return `reported ${formatTokens(own)} / children ${formatTokens(below)}`;
}
