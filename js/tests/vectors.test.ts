import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeColumns } from "../src/model/columns";
import { findFolds } from "../src/model/folds";
import { bodyHolds, findRows } from "../src/model/search";
import { criticalPath, selfTime } from "../src/model/timing";
import type { Body } from "../src/model/types";

const FOLDER = join(import.meta.dirname, "../../tests/fixtures");

interface Layout {
  name: string;
  cols: unknown;
  depth: number[];
  ordinal: number[];
  runs: Record<string, number>;
  now: number;
  self: number[];
  critical: number[];
}

interface Search {
  name: string;
  query: string;
  spans: {
    name: string;
    type?: string;
    model?: string;
    error?: [string, string];
    input?: unknown;
    output?: unknown;
    attributes?: unknown;
  }[];
  named: number[];
  inside: number[];
}

/** Vectors that tests/unit/render/test_vectors.py reads as well. */
function vectors<T>(file: string): T[] {
  return JSON.parse(readFileSync(join(FOLDER, `${file}.json`), "utf8"));
}

describe("layout", () => {
  for (const vector of vectors<Layout>("layout")) {
    test(vector.name, () => {
      const spans = decodeColumns(vector.cols);
      const folds = findFolds(spans);
      const rows = Array.from({ length: spans.size }, (_, row) => row);
      const isInsideRun = (row: number) => (folds.shift[spans.parent[row] ?? -1] ?? 0) > 0;
      const runs = rows.filter((row) => folds.size[row] && !isInsideRun(row));
      expect([...spans.depth]).toEqual(vector.depth);
      expect([...spans.ordinal]).toEqual(vector.ordinal);
      expect(Object.fromEntries(runs.map((row) => [row, folds.size[row]]))).toEqual(vector.runs);
      expect(rows.map((row) => selfTime(spans, row, vector.now))).toEqual(vector.self);
      const marks = criticalPath(spans, vector.now);
      expect(rows.filter((row) => marks[row])).toEqual(vector.critical);
    });
  }
});

describe("search", () => {
  for (const vector of vectors<Search>("find")) {
    test(vector.name, () => {
      const { spans, query } = vector;
      const models = new Map<number, string>();
      const errors = new Map<number, { type: string; message: string }>();
      spans.forEach(({ model, error }, row) => {
        if (model !== undefined) models.set(row, model);
        if (error !== undefined) errors.set(row, { type: error[0], message: error[1] });
      });
      const columns = decodeColumns({
        p: spans.map((_, row) => (row === 0 ? -1 : 0)),
        n: spans.map((_, row) => row),
        names: spans.map((one) => one.name),
        t: spans.map((_, row) => row),
        types: spans.map((one) => one.type ?? "TOOL"),
        ...Object.fromEntries(["s", "d", "e", "f"].map((key) => [key, spans.map(() => 0)])),
      });
      const found = findRows({ ...columns, models, errors }, new Map(), query);
      const inside = spans.flatMap((one, row) => (bodyHolds(bodyOf(one), query) ? [row] : []));
      expect(found).toEqual(vector.named);
      expect(inside).toEqual(vector.inside);
    });
  }
});

function bodyOf(span: Search["spans"][number]): Body {
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
  return {
    input: json(span.input),
    output: json(span.output),
    attributes: json(span.attributes),
    events: null,
    links: null,
    exception: null,
    inputBytes: null,
    outputBytes: null,
  };
}
