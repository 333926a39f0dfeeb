import { isModelType } from "./spantype";
import type { Spans, Usage } from "./types";

export interface Total {
  readonly usage: Usage;
  readonly cost: number | null;
  /** A model call below reported nothing, so the true sum is at least this one. */
  readonly usagePartial: boolean;
  readonly costPartial: boolean;
}

export const NO_USAGE: Usage = {
  input: null,
  output: null,
  total: null,
  cacheRead: null,
  cacheWrite: null,
  reasoning: null,
};

const NOTHING: Total = {
  usage: NO_USAGE,
  cost: null,
  usagePartial: false,
  costPartial: false,
};

export interface Rollup {
  /** Σ(span), by row. */
  readonly spans: readonly Total[];
  /** Σ over the children alone, by row: what the span's own report is compared with. */
  readonly below: readonly Total[];
  readonly trace: Total;
}

/**
 * Sum tokens and cost, each call once: a span that reports tokens stands for
 * everything below it, for tokens and cost alike. A span that reports cost alone
 * counts when nothing below it reports tokens.
 */
export function rollUp(
  spans: Pick<Spans, "size" | "parent" | "usage" | "cost" | "type" | "types">,
): Rollup {
  const totals = new Array<Total>(spans.size).fill(NOTHING);
  const below = new Array<Total>(spans.size).fill(NOTHING);
  let trace = NOTHING;
  const models = spans.types.map(isModelType);
  for (let row = spans.size - 1; row >= 0; row--) {
    const isModel = models[spans.type[row] ?? -1] === true;
    const isSilent = !isModel && !spans.usage.has(row) && !spans.cost.has(row);
    // Nothing to sum, in most rows of most traces.
    if (isSilent && below[row] === NOTHING) continue;
    const total = totalOf(
      spans.usage.get(row) ?? NO_USAGE,
      spans.cost.get(row) ?? null,
      below[row] ?? NOTHING,
      isModel,
    );
    totals[row] = total;
    const parent = spans.parent[row] ?? -1;
    if (parent >= 0) below[parent] = add(total, below[parent] ?? NOTHING);
    else trace = add(total, trace);
  }
  return { spans: totals, below, trace };
}

/** The count to show for "tokens": as reported, else input and output together. */
export function tokensOf(usage: Usage): number | null {
  if (usage.total !== null) return usage.total;
  return usage.input !== null && usage.output !== null ? usage.input + usage.output : null;
}

function totalOf(usage: Usage, cost: number | null, below: Total, isModel: boolean): Total {
  if (reportsAny(usage)) {
    return { usage, cost, usagePartial: false, costPartial: cost === null };
  }
  if (reportsAny(below.usage)) return below;
  const sum = cost ?? below.cost;
  return {
    usage: NO_USAGE,
    cost: sum,
    usagePartial: isModel || below.usagePartial,
    costPartial: sum === null ? isModel || below.costPartial : cost === null && below.costPartial,
  };
}

function reportsAny(usage: Usage): boolean {
  return (
    usage.input !== null ||
    usage.output !== null ||
    usage.total !== null ||
    usage.cacheRead !== null ||
    usage.cacheWrite !== null ||
    usage.reasoning !== null
  );
}

function add(a: Total, b: Total): Total {
  if (a === NOTHING) return b;
  if (b === NOTHING) return a;
  return {
    usage: {
      input: plus(a.usage.input, b.usage.input),
      output: plus(a.usage.output, b.usage.output),
      total: plus(a.usage.total, b.usage.total),
      cacheRead: plus(a.usage.cacheRead, b.usage.cacheRead),
      cacheWrite: plus(a.usage.cacheWrite, b.usage.cacheWrite),
      reasoning: plus(a.usage.reasoning, b.usage.reasoning),
    },
    cost: plus(a.cost, b.cost),
    usagePartial: a.usagePartial || b.usagePartial,
    costPartial: a.costPartial || b.costPartial,
  };
}

function plus(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}
