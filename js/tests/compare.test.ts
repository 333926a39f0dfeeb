import { describe, expect, test } from "vitest";
import { decodeColumns } from "../src/model/columns";
import { type Comparison, changeWords, compare, deltaText } from "../src/model/compare";
import { decodePayload } from "../src/model/decode";
import { BadPayload, fields } from "../src/model/guard";
import { readSection } from "../src/model/inflate";
import { payload } from "./fixtures";

async function parts() {
  const decoded = decodePayload(payload("compare"));
  if (!decoded.ok) throw new Error(decoded.error);
  const [before, after] = decoded.payload.traces;
  if (!before || !after || !decoded.payload.pairs) throw new Error("no pairs");
  const old = decodeColumns(readSection(before.columns));
  const now = decodeColumns(readSection(after.columns));
  return { before, old, now, pairs: readSection(decoded.payload.pairs) };
}

function lines(comparison: Comparison): string[] {
  const { spans } = comparison;
  return Array.from({ length: spans.size }, (_, row) =>
    [
      " ".repeat(spans.depth[row]!) + spans.names[spans.name[row]!],
      changeWords(comparison, row),
      deltaText(comparison, row).replaceAll("\u2009", " "),
    ].join("|"),
  );
}

test("both runs make one tree, each row with what changed", async () => {
  const { before, old, now, pairs } = await parts();

  expect(lines(compare(pairs, before, old, now))).toEqual([
    "answer_question||3.42 s → 2.72 s (−20 %)",
    " plan||310 ms",
    "  openai.chat||290 ms · 412 tok",
    ...Array(5).fill(" retrieve||39.0 ms"),
    " retrieve|gone|39.0 ms",
    " rerank|gone|95.0 ms",
    " research||1.61 s",
    "  openai.chat||720 ms · 1,204 tok",
    "  lookup_city|≠ output, status|31.0 ms",
    "  openai.chat||835 ms · 1,311 tok",
    " openai.chat|≠ output|1.12 s → 420 ms (−62 %) · 9,403 → 7,200 tok",
    " check_answer|new|8.00 ms",
    " parse_answer||14.0 ms",
  ]);
});

test("what is notable comes with the rows above it", async () => {
  const { before, old, now, pairs } = await parts();

  const { notable } = compare(pairs, before, old, now);

  expect([...notable].flatMap((mark, row) => (mark ? [row] : []))).toEqual([
    0, 8, 9, 10, 12, 14, 15,
  ]);
});

describe("pairs that do not fit the rows", () => {
  const broken: [string, Record<string, unknown>][] = [
    ["no list", { a: 3 }],
    ["another length", { a: [0] }],
    ["a row beyond the first trace", { a: [99], b: [0], c: [0] }],
    ["a row beyond the second trace", { a: [0], b: [99], c: [0] }],
    ["a pair of nothing", { a: [-1], b: [-1], c: [0] }],
    ["a text for a row", { a: ["0"], b: [0], c: [0] }],
  ];
  test.each(broken)("%s", async (_, change) => {
    const { before, old, now, pairs } = await parts();
    const given = { ...fields(pairs, "pairs"), ...change };

    expect(() => compare(given, before, old, now)).toThrow(BadPayload);
  });
});

test("a row whose parent comes later stands at the top", async () => {
  const { before, old, now } = await parts();

  const { spans } = compare({ a: [1, 0], b: [1, 0], c: [0, 0] }, before, old, now);

  expect([...spans.depth]).toEqual([0, 0]);
});
