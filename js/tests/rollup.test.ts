import { describe, expect, test } from "vitest";
import { NO_USAGE, rollUp } from "../src/model/rollup";
import type { Usage } from "../src/model/types";
import { type RollupVector, rollupVectors } from "./fixtures";

const NAMES: Record<string, keyof Usage> = {
  input_tokens: "input",
  output_tokens: "output",
  total_tokens: "total",
  cache_read_input_tokens: "cacheRead",
  cache_creation_input_tokens: "cacheWrite",
  reasoning_output_tokens: "reasoning",
};

function usageOf(tokens: Record<string, number>): Usage {
  const named = Object.entries(tokens).map(([name, count]) => [NAMES[name], count]);
  return { ...NO_USAGE, ...Object.fromEntries(named) };
}

function totalOf(spans: RollupVector["spans"]) {
  const rows = new Map(spans.map((span, row) => [span.id, row]));
  const usage = new Map<number, Usage>();
  const cost = new Map<number, number>();
  spans.forEach((span, row) => {
    if (span.usage !== null) usage.set(row, usageOf(span.usage));
    if (span.cost !== null) cost.set(row, span.cost);
  });
  const parent = Int32Array.from(spans, (span) => rows.get(span.parent ?? "") ?? -1);
  const type = new Int32Array(spans.length);
  return rollUp({ size: spans.length, parent, usage, cost, type, types: ["TOOL"] }).trace;
}

describe("shared vectors", () => {
  for (const vector of rollupVectors()) {
    test(vector.name, () => {
      const total = totalOf(vector.spans);
      expect(total.usage).toEqual(usageOf(vector.usage));
      expect(total.cost).toBe(vector.cost ?? null);
    });
  }
});

test("a model span without a report makes the sum a lower bound", () => {
  const spans = {
    size: 3,
    parent: Int32Array.of(-1, 0, 0),
    usage: new Map([[1, usageOf({ input_tokens: 4, output_tokens: 1, total_tokens: 5 })]]),
    cost: new Map<number, number>(),
    type: Int32Array.of(0, 1, 1),
    types: ["AGENT", "CHAT_MODEL"],
  };
  const { trace } = rollUp(spans);
  expect(trace.usage.total).toBe(5);
  expect(trace.usagePartial).toBe(true);
});
