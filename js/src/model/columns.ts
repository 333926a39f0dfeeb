import { usageOf } from "./decode";
import { type Fields, fail, fields, integers, list, maybeNumber, own, text } from "./guard";
import type { Body, PointEvent, Preview, SpanError, Spans, Usage } from "./types";

const MAX_ROWS = 1_000_000;
const ID_LENGTH = 16;

/** Check and read the columns of a trace. Throws `BadPayload`. */
export function decodeColumns(value: unknown): Spans {
  const from = fields(value, "cols");
  const parent = integers(own(from, "p"), "cols.p");
  const size = parent.length;
  if (size > MAX_ROWS) fail("it has more than 1,000,000 rows");
  const column = (key: string) => sized(integers(own(from, key), `cols.${key}`), size, key);
  const names = strings(own(from, "names"), "cols.names");
  const types = strings(own(from, "types"), "cols.types");
  const start = new Float64Array(column("s"));
  const duration = new Float64Array(column("d"));
  for (let row = 0; row < size; row++) if ((duration[row] ?? 0) < -1) duration[row] = -1;
  const name = indexes(column("n"), names.length, "n");
  return {
    size,
    ...shapeOf(parent),
    name,
    names,
    type: indexes(column("t"), types.length, "t"),
    types,
    start,
    duration,
    state: statesOf(column("e")),
    flags: new Int32Array(column("f")),
    ordinal:
      own(from, "k") === undefined
        ? ordinalsOf(name, names.length, start)
        : new Int32Array(column("k")),
    ids: idsOf(own(from, "id"), size),
    models: modelsOf(from, size),
    usage: ownUsageOf(own(from, "u"), size),
    cost: costsOf(own(from, "c"), size),
    errors: errorsOf(own(from, "x"), size),
    events: eventsOf(own(from, "ev"), size, names),
  };
}

/** Name a span the same way in every update of its trace. */
export function spanKey(spans: Spans, row: number): string {
  return spanId(spans, row) ?? `#${row}`;
}

export function spanId(spans: Spans, row: number): string | null {
  if (spans.ids === "") return null;
  return spans.ids.slice(row * ID_LENGTH, (row + 1) * ID_LENGTH);
}

const rowsByKey = new WeakMap<Spans, ReadonlyMap<string, number>>();

/** The row of a span named by `spanKey`, or null when this trace has it no more. */
export function rowOfKey(spans: Spans, key: string): number | null {
  if (key.startsWith("#")) {
    const row = Number(key.slice(1));
    return row < spans.size ? row : null;
  }
  let index = rowsByKey.get(spans);
  if (index === undefined) {
    const rows = new Map<string, number>();
    for (let row = 0; row < spans.size; row++) rows.set(spanKey(spans, row), row);
    index = rows;
    rowsByKey.set(spans, index);
  }
  return index.get(key) ?? null;
}

/** Read the previews of a trace, by row. Throws `BadPayload`. */
export function decodePreviews(value: unknown, size: number): ReadonlyMap<number, Preview> {
  const from = fields(value, "text");
  const rows = rowsOf(own(from, "r"), size, "text.r");
  const inputs = sized(list(own(from, "i"), "text.i"), rows.length, "text.i");
  const outputs = sized(list(own(from, "o"), "text.o"), rows.length, "text.o");
  const previews = new Map<number, Preview>();
  rows.forEach((row, at) => {
    previews.set(row, { input: textOrNull(inputs[at]), output: textOrNull(outputs[at]) });
  });
  return previews;
}

/** Read the bodies of a trace, by row. Throws `BadPayload`. */
export function decodeBodies(value: unknown, size: number): ReadonlyMap<number, Body> {
  const from = fields(value, "bodies");
  const rows = rowsOf(own(from, "r"), size, "bodies.r");
  const given = sized(list(own(from, "b"), "bodies.b"), rows.length, "bodies.b");
  const bodies = new Map<number, Body>();
  rows.forEach((row, at) => {
    bodies.set(row, bodyOf(fields(given[at], "a body")));
  });
  return bodies;
}

export function bodyOf(from: Fields): Body {
  const part = (key: string) => textOrNull(own(from, key));
  const exception = own(from, "exc");
  const raised = exception == null ? null : fields(exception, "exc");
  return {
    input: part("in"),
    output: part("out"),
    attributes: part("attrs"),
    events: part("events"),
    links: part("links"),
    exception: raised && {
      type: text(own(raised, "type")),
      message: text(own(raised, "message")),
      stack: text(own(raised, "stack")),
    },
    inputBytes: maybeNumber(own(from, "in_n")),
    outputBytes: maybeNumber(own(from, "out_n")),
  };
}

/** Whether the payload holds only the beginning of a value. */
export function isShortened(body: Body): boolean {
  return (
    (body.inputBytes ?? 0) > (body.input?.length ?? 0) ||
    (body.outputBytes ?? 0) > (body.output?.length ?? 0)
  );
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/**
 * Depth, subtree end and number of children. Refuses rows that are not in
 * depth-first pre-order: every later step walks a subtree as a range of rows.
 */
export function shapeOf(parents: readonly number[]) {
  const size = parents.length;
  const depth = new Int32Array(size);
  const end = new Int32Array(size);
  const childCount = new Int32Array(size);
  const position = new Int32Array(size);
  let rootCount = 0;
  const path: number[] = [];
  for (let row = 0; row < size; row++) {
    const parent = parents[row] ?? -1;
    while (path.length > 0 && path[path.length - 1] !== parent) {
      end[path.pop() ?? 0] = row;
    }
    if (parent !== -1 && path.length === 0) fail(`row ${row} does not follow its parent`);
    depth[row] = path.length;
    if (parent < 0) position[row] = ++rootCount;
    else position[row] = childCount[parent] = (childCount[parent] ?? 0) + 1;
    path.push(row);
  }
  for (const row of path) end[row] = size;
  return { parent: new Int32Array(parents), depth, end, childCount, position, rootCount };
}

/** Number the spans of each name in start order; a name that occurs once gets none. */
function ordinalsOf(name: Int32Array, names: number, start: Float64Array): Int32Array {
  const size = name.length;
  const ordinal = new Int32Array(size);
  const seen = new Int32Array(names);
  // A program that does one thing at a time starts each span after the row above it.
  let isAscending = true;
  for (let row = 0; row < size; row++) {
    const index = name[row] ?? 0;
    seen[index] = (seen[index] ?? 0) + 1;
    if (row > 0 && (start[row] ?? 0) < (start[row - 1] ?? 0)) isAscending = false;
  }
  const byStart = isAscending
    ? null
    : Int32Array.from(name.keys()).sort((a, b) => (start[a] ?? 0) - (start[b] ?? 0) || a - b);
  const next = new Int32Array(names);
  for (let at = 0; at < size; at++) {
    const row = byStart === null ? at : (byStart[at] ?? 0);
    const index = name[row] ?? 0;
    if ((seen[index] ?? 0) < 2) continue;
    next[index] = ordinal[row] = (next[index] ?? 0) + 1;
  }
  return ordinal;
}

function statesOf(states: readonly number[]): Uint8Array {
  const known = new Uint8Array(states.length);
  for (let row = 0; row < states.length; row++) {
    const state = states[row] ?? 0;
    if (state < 256) known[row] = Math.max(0, state);
  }
  return known;
}

function idsOf(value: unknown, size: number): string {
  if (value === undefined || value === null) return "";
  const ids = text(value);
  if (ids.length !== size * ID_LENGTH || !/^[0-9a-f]*$/.test(ids)) fail("cols.id is malformed");
  return ids;
}

function sized<T>(values: readonly T[], size: number, where: string): readonly T[] {
  return values.length === size ? values : fail(`${where} has another length`);
}

function strings(value: unknown, where: string): readonly string[] {
  return list(value, where).map((item) => text(item));
}

function indexes(values: readonly number[], length: number, where: string): Int32Array {
  for (const value of values) {
    if (value < 0 || value >= length) fail(`cols.${where} points outside its dictionary`);
  }
  return new Int32Array(values);
}

function rowsOf(value: unknown, size: number, where: string): readonly number[] {
  const rows = integers(value, where);
  for (const row of rows) {
    if (row < 0 || row >= size) fail(`${where} points outside the rows`);
  }
  return rows;
}

interface Sparse {
  readonly rows: readonly number[];
  readonly columns: readonly (readonly unknown[])[];
}

function sparse(value: unknown, size: number, where: string): Sparse {
  if (value === undefined || value === null) return { rows: [], columns: [] };
  const [first, ...rest] = list(value, where);
  const rows = rowsOf(first, size, where);
  return { rows, columns: rest.map((part) => sized(list(part, where), rows.length, where)) };
}

function modelsOf(from: Fields, size: number): ReadonlyMap<number, string> {
  const { rows, columns } = sparse(own(from, "m"), size, "cols.m");
  const names = rows.length > 0 ? strings(own(from, "models"), "cols.models") : [];
  const models = new Map<number, string>();
  rows.forEach((row, at) => {
    const name = names[Number(columns[0]?.[at])];
    if (name === undefined) fail("cols.m points outside its dictionary");
    models.set(row, name);
  });
  return models;
}

function ownUsageOf(value: unknown, size: number): ReadonlyMap<number, Usage> {
  const { rows, columns } = sparse(value, size, "cols.u");
  const usage = new Map<number, Usage>();
  const keys = ["in", "out", "total", "cr", "cw", "re"];
  rows.forEach((row, at) => {
    usage.set(row, usageOf(Object.fromEntries(keys.map((key, k) => [key, columns[k]?.[at]]))));
  });
  return usage;
}

function costsOf(value: unknown, size: number): ReadonlyMap<number, number> {
  const { rows, columns } = sparse(value, size, "cols.c");
  const costs = new Map<number, number>();
  rows.forEach((row, at) => {
    const cost = maybeNumber(columns[0]?.[at]);
    if (cost !== null) costs.set(row, cost);
  });
  return costs;
}

function errorsOf(value: unknown, size: number): ReadonlyMap<number, SpanError> {
  const { rows, columns } = sparse(value, size, "cols.x");
  const errors = new Map<number, SpanError>();
  rows.forEach((row, at) => {
    errors.set(row, { type: text(columns[0]?.[at]), message: text(columns[1]?.[at]) });
  });
  return errors;
}

function eventsOf(
  value: unknown,
  size: number,
  names: readonly string[],
): ReadonlyMap<number, PointEvent[]> {
  const { rows, columns } = sparse(value, size, "cols.ev");
  const events = new Map<number, PointEvent[]>();
  rows.forEach((row, at) => {
    const ofRow = events.get(row) ?? [];
    ofRow.push({
      at: maybeNumber(columns[0]?.[at]) ?? 0,
      name: names[Number(columns[1]?.[at])] ?? fail("cols.ev points outside its dictionary"),
      kind: String(columns[2]?.[at] ?? ""),
    });
    events.set(row, ofRow);
  });
  return events;
}
