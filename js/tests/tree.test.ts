import { describe, expect, test } from "vitest";
import { decodeColumns } from "../src/model/columns";
import { findFolds } from "../src/model/folds";
import { axisTicks, criticalPath, selfStretches, selfTime } from "../src/model/timing";
import type { Spans } from "../src/model/types";
import {
  digest,
  errorPaths,
  filteredItems,
  foldItem,
  itemDepth,
  openRows,
  parentItem,
  visibleItems,
} from "../src/model/visible";
import { payload } from "./fixtures";

function spansOf(name: string): Spans {
  const data = payload(name) as { traces: { cols: unknown }[] };
  return decodeColumns(data.traces[0]?.cols);
}

function names(spans: Spans, items: Int32Array): string[] {
  return Array.from(items, (item) => {
    const row = item < 0 ? -1 - item : item;
    return `${item < 0 ? "×" : ""}${spans.names[spans.name[row]!]}`;
  });
}

function marked(spans: Spans, ...rows: number[]): Uint8Array {
  return Uint8Array.from({ length: spans.size }, (_, row) => (rows.includes(row) ? 1 : 0));
}

const ALL = { level: Number.POSITIVE_INFINITY, toggled: new Map() };

describe("the agent's tree", () => {
  const spans = spansOf("agent");
  const folds = findFolds(spans);

  test("six like siblings fold into one row", () => {
    expect(folds.size[3]).toBe(6);
    const items = visibleItems(spans, folds, openRows(spans, { level: 1, toggled: new Map() }));
    expect(names(spans, items)).toEqual([
      "answer_question",
      "plan",
      "×retrieve",
      "rerank",
      "research",
      "openai.chat",
      "parse_answer",
    ]);
  });

  test("an open run holds its members one level deeper", () => {
    const items = visibleItems(spans, folds, openRows(spans, ALL));
    expect(items.length).toBe(17);
    expect(itemDepth(spans, folds, foldItem(3))).toBe(1);
    expect(itemDepth(spans, folds, 3)).toBe(2);
    expect(parentItem(spans, folds, 4)).toBe(foldItem(3));
    expect(parentItem(spans, folds, foldItem(3))).toBe(0);
  });

  test("a filter keeps matches and the way to them", () => {
    const items = filteredItems(spans, (row) => spans.types[spans.type[row]!] === "TOOL");
    expect(names(spans, items)).toEqual(["answer_question", "research", "lookup_city"]);
  });

  test("the ancestors of a failure are its path", () => {
    expect([...errorPaths(spans)].sort((a, b) => a - b)).toEqual([0, 10]);
  });

  test("a small box keeps what is wanted, with everything above it", () => {
    const items = visibleItems(spans, folds, openRows(spans, ALL));
    const few = digest(items, marked(spans, 0, 10, 12), 5);
    expect(names(spans, few)).toEqual([
      "answer_question",
      "plan",
      "openai.chat",
      "research",
      "lookup_city",
    ]);
  });
});

describe("times", () => {
  //  0 ........................ 100   root
  //    10 ...... 40                   a
  //         30 ........ 60            b (overlaps a)
  //                       70 .. 90    c
  const spans = decodeColumns({
    p: [-1, 0, 0, 0],
    n: [0, 1, 2, 3],
    names: ["root", "a", "b", "c"],
    t: [0, 0, 0, 0],
    types: ["TASK"],
    s: [0, 10, 30, 70],
    d: [100, 30, 30, 20],
    e: [1, 1, 1, 1],
    f: [0, 0, 0, 0],
  });

  test("self time is what no child covers", () => {
    expect(selfStretches(spans, 0, 100)).toEqual([
      { from: 0, to: 10 },
      { from: 60, to: 70 },
      { from: 90, to: 100 },
    ]);
    expect(selfTime(spans, 0, 100)).toBe(30);
    expect(selfTime(spans, 1, 100)).toBe(30);
  });

  test("the critical path walks back through what ended last", () => {
    expect([...criticalPath(spans, 100)]).toEqual([1, 0, 1, 1]);
  });

  test("axis marks are round and few", () => {
    expect(axisTicks({ from: 0, to: 3_420_000 }, 345, 60)).toEqual([0, 1e6, 2e6, 3e6]);
    expect(axisTicks({ from: 0, to: 1 }, 345, 60).length).toBeLessThanOrEqual(6);
  });
});

test("100,000 spans in a chain or side by side stay linear", () => {
  const size = 100_000;
  const column = (value: number) => new Array<number>(size).fill(value);
  for (const p of [
    Array.from({ length: size }, (_, row) => row - 1),
    Array.from({ length: size }, (_, row) => (row === 0 ? -1 : 0)),
  ]) {
    const started = performance.now();
    const spans = decodeColumns({
      p,
      n: column(0),
      names: ["x"],
      t: column(0),
      types: ["TOOL"],
      s: Array.from({ length: size }, (_, row) => row),
      d: column(1),
      e: column(1),
      f: column(0),
    });
    const folds = findFolds(spans);
    visibleItems(spans, folds, openRows(spans, ALL));
    criticalPath(spans, size);
    expect(performance.now() - started).toBeLessThan(5000);
  }
});
