import { type Family, familyOf, isWorker } from "./spantype";
import type { Range } from "./timing";
import { type Spans, STATE_ERROR } from "./types";

/** Spans that may be shown alone: of a family, the failed ones, the slow ones. */
export type Kind = Family | "failed" | "slow";

const MAX_FAMILIES = 5;
/** A slow span works itself for this share of the trace's time at least. */
const SLOW = 0.1;

/** What telling a kind needs to know of a trace. */
export interface Timed {
  readonly spans: Spans;
  readonly range: Range;
  /** Stretches of a span in which it worked itself. */
  selfOf(row: number): readonly Range[];
}

export function isOfKind({ spans, range, selfOf }: Timed, row: number, kind: Kind): boolean {
  if (kind === "failed") return spans.state[row] === STATE_ERROR;
  if (kind !== "slow") return familyOf(spans.types[spans.type[row] ?? -1] ?? "") === kind;
  const least = SLOW * (range.to - range.from);
  const duration = spans.duration[row] ?? -1;
  if (duration >= 0 && duration < least) return false;
  return selfOf(row).reduce((sum, part) => sum + part.to - part.from, 0) >= least;
}

/** Families of the spans that do work, the most frequent first; then the failed and the slow. */
export function kindCounts(trace: Timed): readonly (readonly [Kind, number])[] {
  const { spans } = trace;
  const byType = spans.types.map((type) => familyOf(type));
  const counts = new Map<Kind, number>();
  let [failed, slow] = [0, 0];
  for (let row = 0; row < spans.size; row++) {
    const family = byType[spans.type[row] ?? -1];
    if (family !== undefined && isWorker(family)) counts.set(family, (counts.get(family) ?? 0) + 1);
    if (isOfKind(trace, row, "failed")) failed++;
    if (isOfKind(trace, row, "slow")) slow++;
  }
  const families = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MAX_FAMILIES);
  const others = [["failed", failed] as const, ["slow", slow] as const];
  return [...families, ...others.filter(([, count]) => count > 0)];
}
