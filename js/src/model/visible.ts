import { rowOfKey, spanKey } from "./columns";
import type { Folds } from "./folds";
import type { Marks } from "./timing";
import { type Spans, STATE_ERROR } from "./types";

/** A drawn row: a span's row number, or −1 − row for the run that starts there. */
export type Item = number;

export interface Openness {
  /** Rows less deep than this are open. */
  readonly level: number;
  /** Rows and runs the reader opened or closed by hand, by `itemKey`. */
  readonly toggled: ReadonlyMap<string, boolean>;
}

export function isFold(item: Item): boolean {
  return item < 0;
}

export function rowOf(item: Item): number {
  return item < 0 ? -1 - item : item;
}

export function foldItem(firstRow: number): Item {
  return -1 - firstRow;
}

const FOLD_MARK = "×";

export function itemKey(spans: Spans, item: Item): string {
  const key = spanKey(spans, rowOf(item));
  return isFold(item) ? FOLD_MARK + key : key;
}

export function itemOfKey(spans: Spans, key: string): Item | null {
  const fold = key.startsWith(FOLD_MARK);
  const row = rowOfKey(spans, fold ? key.slice(1) : key);
  return row === null ? null : fold ? foldItem(row) : row;
}

/** What is open, by row: bit 1 the span, bit 2 the run it starts. */
export function openRows(spans: Spans, openness: Openness): Uint8Array {
  const open = new Uint8Array(spans.size);
  for (let row = 0; row < spans.size; row++) {
    if ((spans.depth[row] ?? 0) < openness.level) open[row] = 1;
  }
  if (openness.level === Number.POSITIVE_INFINITY) open.fill(OPEN_SPAN | OPEN_RUN);
  for (const [key, isOpen] of openness.toggled) {
    const item = itemOfKey(spans, key);
    if (item === null) continue;
    const bit = isFold(item) ? OPEN_RUN : OPEN_SPAN;
    const row = rowOf(item);
    const bits = open[row] ?? 0;
    open[row] = isOpen ? bits | bit : bits & ~bit;
  }
  return open;
}

const OPEN_SPAN = 1;
const OPEN_RUN = 2;

export function isItemOpen(open: Uint8Array, item: Item): boolean {
  return ((open[rowOf(item)] ?? 0) & (isFold(item) ? OPEN_RUN : OPEN_SPAN)) !== 0;
}

/** The items to draw, top to bottom. */
export function visibleItems(spans: Spans, folds: Folds, open: Uint8Array): Int32Array {
  const items = new Int32Array(spans.size * 2);
  let length = 0;
  let row = 0;
  while (row < spans.size) {
    const run = folds.size[row] ?? 0;
    if (run > 0) {
      items[length++] = foldItem(row);
      if (!isItemOpen(open, foldItem(row))) {
        row = endOfRun(spans, row, run);
        continue;
      }
    }
    items[length++] = row;
    row = isItemOpen(open, row) ? row + 1 : (spans.end[row] ?? spans.size);
  }
  return items.slice(0, length);
}

/** The items to draw when only some rows count: those and the way to them. */
export function filteredItems(spans: Spans, matches: (row: number) => boolean): Int32Array {
  const keep = new Uint8Array(spans.size);
  for (let row = spans.size - 1; row >= 0; row--) {
    if (!keep[row] && !matches(row)) continue;
    keep[row] = 1;
    const parent = spans.parent[row] ?? -1;
    if (parent >= 0) keep[parent] = 1;
  }
  const items = new Int32Array(spans.size);
  let length = 0;
  for (let row = 0; row < spans.size; row++) {
    if (keep[row]) items[length++] = row;
  }
  return items.slice(0, length);
}

/** Level of an item in the drawn tree, 0 for roots. */
export function itemDepth(spans: Spans, folds: Folds, item: Item): number {
  const row = rowOf(item);
  const depth = (spans.depth[row] ?? 0) + (folds.shift[row] ?? 0);
  return isFold(item) ? depth - 1 : depth;
}

/** The item drawn above `item` in the tree, or null for a root. */
export function parentItem(spans: Spans, folds: Folds, item: Item): Item | null {
  const row = rowOf(item);
  const head = folds.head[row] ?? -1;
  if (!isFold(item) && head >= 0) return foldItem(head);
  const parent = spans.parent[row] ?? -1;
  return parent < 0 ? null : parent;
}

/** Members of the run that starts at `first`, by row. */
export function runMembers(spans: Spans, folds: Folds, first: number): number[] {
  const members: number[] = [];
  let row = first;
  for (let left = folds.size[first] ?? 0; left > 0; left--) {
    members.push(row);
    row = spans.end[row] ?? spans.size;
  }
  return members;
}

export function hasChildren(spans: Spans, item: Item): boolean {
  return isFold(item) || (spans.childCount[item] ?? 0) > 0;
}

/** Ancestors of the failed spans: what is opened so that errors are seen at once. */
export function errorPaths(spans: Spans): Set<number> {
  const path = new Set<number>();
  for (let row = 0; row < spans.size; row++) {
    if (spans.state[row] !== STATE_ERROR) continue;
    for (let up = spans.parent[row] ?? -1; up >= 0 && !path.has(up); up = spans.parent[up] ?? -1) {
      path.add(up);
    }
  }
  return path;
}

/**
 * Choose the rows of a small box: the way to what matters first, then the others
 * from the top. Every chosen row comes with the rows above it in the tree. A run's item
 * is below 0, where no mark is.
 */
export function digest(items: Int32Array, wanted: Marks, limit: number): Int32Array {
  if (items.length <= limit) return items;
  let free = limit;
  for (const item of items) {
    if (free === 0) break;
    if (wanted[item]) free--;
  }
  const chosen: number[] = [];
  for (const item of items) {
    if (chosen.length === limit) break;
    if (wanted[item]) chosen.push(item);
    else if (free > 0) {
      chosen.push(item);
      free--;
    }
  }
  return Int32Array.from(chosen);
}

function endOfRun(spans: Spans, first: number, size: number): number {
  let row = first;
  for (let left = size; left > 0; left--) row = spans.end[row] ?? spans.size;
  return row;
}
