import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020";
import { describe, expect, test } from "vitest";
import {
  decodeBodies,
  decodeColumns,
  decodePreviews,
  rowOfKey,
  spanKey,
} from "../src/model/columns";
import { decodePayload } from "../src/model/decode";
import { BadPayload } from "../src/model/guard";
import { readSection } from "../src/model/inflate";
import type { Payload } from "../src/model/types";
import { mulberry, payload, payloads } from "./fixtures";

const SCHEMA = join(import.meta.dirname, "../src/model/payload.schema.json");

function decoded(data: unknown): Payload {
  const result = decodePayload(data);
  if (!result.ok) throw new Error(result.error);
  return result.payload;
}

async function everything(data: unknown): Promise<void> {
  for (const trace of decoded(data).traces) {
    const spans = decodeColumns(readSection(trace.columns));
    if (trace.previews) decodePreviews(readSection(trace.previews), spans.size);
    if (trace.bodies) decodeBodies(readSection(trace.bodies), spans.size);
  }
}

describe("fixtures", () => {
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(SCHEMA, "utf8")));
  for (const [name, data] of payloads()) {
    test(`${name} decodes`, () => everything(data));
    test.skipIf(name === "hostile")(`${name} follows the schema`, () => {
      expect(validate(data), JSON.stringify(validate.errors)).toBe(true);
    });
  }
});

test("a packed payload decodes to the same spans as the plain one", async () => {
  const [plain, packed] = await Promise.all(
    ["agent", "packed"].map(async (name) => {
      const [trace] = decoded(payload(name)).traces;
      if (trace === undefined) throw new Error("no trace");
      return decodeColumns(readSection(trace.columns));
    }),
  );
  expect(packed).toEqual(plain);
});

test("numbers tell spans of one name apart in start order", () => {
  const [trace] = decoded(payload("agent")).traces;
  const spans = decodeColumns(trace?.columns.packed === null ? trace.columns.value : null);
  const numbered = Array.from(spans.ordinal, (number, row) => [
    spans.names[spans.name[row]!],
    number,
  ]);
  expect(numbered.filter(([name]) => name === "openai.chat").map(([, number]) => number)).toEqual([
    1, 2, 3, 4,
  ]);
  expect(spans.ordinal[0]).toBe(0);
});

test("span keys lead back to their rows", () => {
  const [trace] = decoded(payload("agent")).traces;
  const spans = decodeColumns(trace?.columns.packed === null ? trace.columns.value : null);
  for (let row = 0; row < spans.size; row++) expect(rowOfKey(spans, spanKey(spans, row))).toBe(row);
});

describe("what breaks the format is one line of error", () => {
  const cases: [string, unknown][] = [
    ["nothing", null],
    ["a list", []],
    ["text", "hello"],
    ["another version", { v: 2, by: "spantree 9.0.0", traces: [] }],
    ["no traces", { v: 1 }],
    ["a trace without columns", { v: 1, traces: [{}] }],
    ["traces of numbers", { v: 1, traces: [1] }],
  ];
  for (const [name, data] of cases) {
    test(name, () => {
      const result = decodePayload(data);
      expect(result.ok).toBe(false);
      expect(result.ok ? "" : result.error).toMatch(/^This trace cannot be drawn: [^\n]+\.$/);
    });
  }
});

describe("columns that lie are refused", () => {
  const good = {
    p: [-1, 0, 1, 0],
    n: [0, 0, 0, 0],
    names: ["a"],
    t: [0, 0, 0, 0],
    types: ["TOOL"],
    s: [0, 1, 2, 3],
    d: [9, 1, 1, 1],
    e: [1, 1, 1, 1],
    f: [0, 0, 0, 0],
  };
  const cases: [string, object][] = [
    ["a parent that comes later", { p: [-1, 2, 0, 0] }],
    ["a parent that is itself", { p: [0, 0, 1, 0] }],
    ["a parent that was left", { p: [-1, 0, 0, 1] }],
    ["a parent below -1", { p: [-1, -2, 0, 0] }],
    ["a short column", { s: [0] }],
    ["a name outside", { n: [0, 0, 0, 7] }],
    ["a negative type", { t: [0, 0, 0, -1] }],
    ["fractions", { s: [0.5, 1, 2, 3] }],
    ["text for numbers", { d: ["9", 1, 1, 1] }],
    ["ids of a wrong length", { id: "00" }],
    ["ids that are no hexadecimals", { id: "<".repeat(64) }],
    ["a sparse row outside", { c: [[9], [0.1]] }],
    ["a sparse column of another length", { c: [[1], []] }],
    ["a model outside", { m: [[0], [3]], models: ["x"] }],
  ];
  test("the unchanged ones are not", () => {
    expect(decodeColumns(good).size).toBe(4);
  });
  for (const [name, change] of cases) {
    test(name, () => {
      expect(() => decodeColumns({ ...good, ...change })).toThrow(BadPayload);
    });
  }
});

test("mutated payloads give a result or one error, never another exception", async () => {
  const random = mulberry(7);
  const sources = payloads();
  for (let round = 0; round < 1000; round++) {
    const [, source] = sources[Math.floor(random() * sources.length)]!;
    const mutated = mutate(structuredClone(source), random);
    const result = decodePayload(mutated);
    if (!result.ok) continue;
    for (const trace of result.payload.traces) {
      try {
        const spans = decodeColumns(readSection(trace.columns));
        if (trace.previews) decodePreviews(readSection(trace.previews), spans.size);
        if (trace.bodies) decodeBodies(readSection(trace.bodies), spans.size);
      } catch (error) {
        expect(error).toBeInstanceOf(BadPayload);
      }
    }
  }
});

const WRONG = [
  null,
  -1,
  1e99,
  0.5,
  "",
  "z:AAAA",
  "z:!",
  [],
  {},
  [[]],
  true,
  "\ud800",
  [1, "x", null],
];

/** Replace one value somewhere in a payload with one that does not belong there. */
function mutate(data: unknown, random: () => number): unknown {
  let at = data;
  for (let depth = 0; depth < 8; depth++) {
    if (typeof at !== "object" || at === null) break;
    const holder = at as Record<string, unknown>;
    const keys = Object.keys(holder);
    const key = keys[Math.floor(random() * keys.length)];
    if (key === undefined) break;
    if (random() < 0.4 || typeof holder[key] !== "object") {
      holder[key] = WRONG[Math.floor(random() * WRONG.length)];
      break;
    }
    at = holder[key];
  }
  return data;
}
