import { shapeOf } from "./columns";
import { formatDuration, formatTokens } from "./format";
import { fail, fields, integers, own } from "./guard";
import { NO_USAGE, tokensOf } from "./rollup";
import type { Marks } from "./timing";
import type { Spans, Trace } from "./types";

/** Bits of the wire's `pairs.c`. */
export const INPUT_CHANGED = 1;
export const OUTPUT_CHANGED = 2;
export const STATUS_CHANGED = 4;

/** Two traces as one tree: the later one's spans, and those that only the earlier one has. */
export interface Comparison {
  readonly before: Trace;
  /** The earlier trace's spans, and the row of each row of the tree in them, −1 for none. */
  readonly old: Spans;
  readonly oldRow: readonly number[];
  /** The row in the later trace, −1 for a span that is gone. */
  readonly newRow: readonly number[];
  readonly changes: readonly number[];
  readonly spans: Spans;
  /** Rows that differ by more than a little time, and those above them. */
  readonly notable: Marks;
}

/** A span slower or faster by less says nothing; as the static outputs have it. */
const NOTABLE = 0.1;

/** Merge two traces by the rows that stand for each other. Throws `BadPayload`. */
export function compare(pairs: unknown, before: Trace, old: Spans, now: Spans): Comparison {
  const from = fields(pairs, "pairs");
  const [oldRow, newRow, changes] = ["a", "b", "c"].map((key) =>
    integers(own(from, key), `pairs.${key}`),
  ) as [readonly number[], readonly number[], readonly number[]];
  const size = newRow.length;
  if (oldRow.length !== size || changes.length !== size) fail("pairs differ in length");
  const place = [new Map<number, number>(), new Map<number, number>()] as const;
  const parents = newRow.map((row, at) => {
    const isNew = row >= 0;
    const known = isNew ? row : (oldRow[at] ?? -1);
    const source = isNew ? now : old;
    if (known < 0 || known >= source.size || (oldRow[at] ?? 0) >= old.size) {
      fail("pairs point outside the rows");
    }
    place[0].set(oldRow[at] ?? -1, at);
    place[1].set(row, at);
    const parent = source.parent[known] ?? -1;
    return parent < 0 ? -1 : (place[isNew ? 1 : 0].get(parent) ?? -1);
  });
  const at = (row: number) => newRow[row] ?? -1;
  const rows = newRow.keys();
  const column = (key: "start" | "duration" | "state" | "flags") =>
    newRow.map((row, k) => (row < 0 ? old[key][oldRow[k] ?? -1] : now[key][row]) ?? 0);
  const numbered = (key: "name" | "type", offset: number) =>
    Int32Array.from(newRow, (row, k) =>
      row < 0 ? offset + (old[key][oldRow[k] ?? -1] ?? 0) : (now[key][row] ?? 0),
    );
  const moved = <T>(known: ReadonlyMap<number, T>): ReadonlyMap<number, T> =>
    new Map([...known].map(([row, value]) => [place[1].get(row) ?? -1, value]));
  const idOf = ({ ids }: Spans, row: number) => ids.slice(row * 16, row * 16 + 16);
  const spans: Spans = {
    size,
    ...shapeOf(parents),
    name: numbered("name", now.names.length),
    names: [...now.names, ...old.names],
    type: numbered("type", now.types.length),
    types: [...now.types, ...old.types],
    start: Float64Array.from(column("start")),
    duration: Float64Array.from(column("duration")),
    state: Uint8Array.from(column("state")),
    flags: Int32Array.from(column("flags")),
    ordinal: new Int32Array(size),
    ids:
      old.ids && now.ids
        ? Array.from(rows, (k) => (at(k) < 0 ? idOf(old, oldRow[k] ?? -1) : idOf(now, at(k)))).join(
            "",
          )
        : "",
    models: moved(now.models),
    usage: moved(now.usage),
    cost: moved(now.cost),
    errors: moved(now.errors),
    events: moved(now.events),
  };
  const bare = { before, old, oldRow, newRow, changes, spans };
  return { ...bare, notable: notableRows(bare) };
}

/** What is kept by row of either trace, by row of the tree. */
export function merged<T>(
  { newRow, oldRow }: Comparison,
  now: ReadonlyMap<number, T>,
  old: ReadonlyMap<number, T>,
): ReadonlyMap<number, T> {
  const found = new Map<number, T>();
  newRow.forEach((row, at) => {
    const value = row < 0 ? old.get(oldRow[at] ?? -1) : now.get(row);
    if (value !== undefined) found.set(at, value);
  });
  return found;
}

type Pairs = Omit<Comparison, "notable">;

function notableRows(pairs: Pairs): Marks {
  const { spans } = pairs;
  const notable: Marks = new Uint8Array(spans.size);
  for (let row = 0; row < spans.size; row++) {
    const { isOne, before, after, tokens } = sides(pairs, row);
    const isSlower = Math.abs(after - before) > NOTABLE * Math.max(before, after, 1000);
    if (isOne || pairs.changes[row] || tokens[0] !== tokens[1] || isSlower) {
      for (let up = row; up >= 0 && !notable[up]; up = spans.parent[up] ?? -1) notable[up] = 1;
    }
  }
  return notable;
}

function sides({ old, oldRow, newRow, spans }: Pairs, row: number) {
  const was = oldRow[row] ?? -1;
  const before = old.duration[was] ?? -1;
  const own = (usage: Spans["usage"], at: number) => tokensOf(usage.get(at) ?? NO_USAGE);
  return {
    isOne: was < 0 || (newRow[row] ?? -1) < 0,
    before,
    after: spans.duration[row] ?? -1,
    tokens: [own(old.usage, was), own(spans.usage, row)] as const,
  };
}

/** "new", "gone", or what changed: "input, output". Empty for a span that did the same. */
export function changeWords(comparison: Comparison, row: number): string {
  if ((comparison.oldRow[row] ?? -1) < 0) return "new";
  if (isGone(comparison, row)) return "gone";
  const bits = comparison.changes[row] ?? 0;
  const words = [];
  if (bits & INPUT_CHANGED) words.push("input");
  if (bits & OUTPUT_CHANGED) words.push("output");
  if (bits & STATUS_CHANGED) words.push("status");
  return words.length > 0 ? `≠ ${words.join(", ")}` : "";
}

export function isGone({ newRow }: Comparison, row: number): boolean {
  return (newRow[row] ?? -1) < 0;
}

/** "1.84 s → 1.21 s (−34 %) · 812 → 640 tok"; one side alone where there is one. */
export function deltaText(comparison: Comparison, row: number): string {
  const { isOne, before, after, tokens } = sides(comparison, row);
  const time = (us: number) => (us < 0 ? "running" : formatDuration(us));
  const count = (of: number | null) => (of === null ? "?" : formatTokens(of));
  const [was, is] = tokens;
  if (isOne) {
    const own = isGone(comparison, row) ? was : is;
    return time(after) + (own === null ? "" : ` · ${count(own)} tok`);
  }
  const share = before > 0 && after >= 0 ? Math.round((100 * (after - before)) / before) : null;
  const percent = share ? ` (${share < 0 ? "−" : "+"}${Math.abs(share)} %)` : "";
  const parts = [pair(time(before), time(after)) + percent];
  if (was !== null || is !== null) parts.push(`${pair(count(was), count(is))} tok`);
  return parts.join(" · ");
}

/** "a → b", or one of them where they read the same. */
function pair(before: string, after: string): string {
  return before === after ? after : `${before} → ${after}`;
}
