import { type Spans, STATE_ERROR, STATE_RUNNING } from "./types";

const MIN_FOLD = 5;

/** Runs of like siblings that may be drawn as one row. */
export interface Folds {
  /** First row of the run a row belongs to, −1 outside runs. */
  readonly head: Int32Array;
  /** Members of the run a row is the first of, 0 elsewhere. */
  readonly size: Int32Array;
  /** Levels a row is indented beyond its depth, because runs above it hold one level. */
  readonly shift: Int32Array;
}

/** No runs at all. */
export function noFolds({ size }: Spans): Folds {
  const none = new Int32Array(size);
  return { head: new Int32Array(size).fill(-1), size: none, shift: none };
}

/** Find runs of at least five siblings of one name and type, none failed or running. */
export function findFolds(spans: Spans): Folds {
  const head = new Int32Array(spans.size).fill(-1);
  const size = new Int32Array(spans.size);
  const shift = new Int32Array(spans.size);
  const notable = notableSubtrees(spans);
  const alike = (a: number, b: number) =>
    notable[b] === 0 && spans.name[a] === spans.name[b] && spans.type[a] === spans.type[b];
  for (let row = 0; row < spans.size; row++) {
    const parent = spans.parent[row] ?? -1;
    if (parent === -1) continue;
    const next = spans.end[row] ?? spans.size;
    if (head[row] === -1 && spans.parent[next] === parent && alike(row, next)) {
      const members = runFrom(spans, row, alike);
      if (members.length >= MIN_FOLD) {
        for (const member of members) head[member] = row;
        size[row] = members.length;
      }
    }
    shift[row] = (shift[parent] ?? 0) + (head[row] === -1 ? 0 : 1);
  }
  return { head, size, shift };
}

function runFrom(spans: Spans, first: number, alike: (a: number, b: number) => boolean): number[] {
  const stop = spans.end[spans.parent[first] ?? 0] ?? spans.size;
  const members: number[] = [];
  for (let row = first; row < stop && alike(first, row); row = spans.end[row] ?? stop) {
    members.push(row);
  }
  return members;
}

/** Rows that failed or run, or hold one that does: folding must not hide them. */
function notableSubtrees(spans: Spans): Uint8Array {
  const notable = new Uint8Array(spans.size);
  for (let row = spans.size - 1; row >= 0; row--) {
    const state = spans.state[row];
    if (state === STATE_ERROR || state === STATE_RUNNING) notable[row] = 1;
    const parent = spans.parent[row] ?? -1;
    if (notable[row] && parent >= 0) notable[parent] = 1;
  }
  return notable;
}
