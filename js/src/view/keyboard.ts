import { childRows } from "../model/timing";
import { STATE_ERROR } from "../model/types";
import { hasChildren, type Item, isFold, parentItem, rowOf, runMembers } from "../model/visible";
import type { TraceView } from "./useTrace";
import { zoomBy } from "./zoom";

export const KEYS: readonly (readonly [string, string])[] = [
  ["↑ ↓ Home End PgUp PgDn", "move"],
  ["→ ←", "open, close"],
  ["Enter Space", "show values"],
  ["Esc", "leave search, values, tree"],
  ["*", "open siblings"],
  ["[ ]", "close all, open all"],
  ["1 … 9", "open to level"],
  ["/ n N", "search, next, previous"],
  ["e E", "next, previous error"],
  ["c", "critical path"],
  ["t", "one type alone, failed, slow"],
  ["y Y", "copy id, Python"],
  ["+ − 0", "zoom in, out, whole"],
  ["o", "open larger"],
  ["?", "this list"],
];

/** JupyterLab's commands skip what is below an element with this attribute. */
const NO_COMMANDS = "data-lm-suppress-shortcuts";

/**
 * Keys pressed inside an element are the viewer's; a page around it would take them for
 * commands. Combinations pass: Ctrl+S saves the notebook from inside as well.
 */
export function keepKeys(root: HTMLElement): void {
  root.setAttribute(NO_COMMANDS, "true");
  for (const type of ["keydown", "keyup", "keypress"] as const) {
    root.addEventListener(type, (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
      else {
        // Off while the event goes on to the page, which looks for it there.
        root.removeAttribute(NO_COMMANDS);
        setTimeout(() => root.setAttribute(NO_COMMANDS, "true"));
      }
    });
  }
}

/** What the keys reach beyond the tree itself. */
export interface Commands {
  search(): void;
  nextMatch(step: 1 | -1): void;
  nextKind(): void;
  copyId(): void;
  copyPython(): void;
  help(): void;
  expand(): void;
  leave(): void;
}

/** Handle a key pressed on the tree. Combinations with Ctrl, Cmd or Alt are the host's. */
export function onTreeKey(
  event: KeyboardEvent,
  view: TraceView,
  page: number,
  commands: Commands,
): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const handled =
    moved(event.key, view, page) || opened(event.key, view) || commanded(event.key, view, commands);
  if (handled) event.preventDefault();
}

function moved(key: string, view: TraceView, page: number): boolean {
  const last = view.shown.length - 1;
  const index = view.selected === null ? -1 : view.shown.indexOf(view.selected);
  const targets: Record<string, number> = {
    ArrowDown: index + 1,
    ArrowUp: index < 0 ? last : index - 1,
    Home: 0,
    End: last,
    PageDown: index + page,
    PageUp: index - page,
  };
  if (!Object.hasOwn(targets, key)) return false;
  const target = view.shown[Math.max(0, Math.min(last, targets[key] ?? 0))];
  if (target !== undefined) view.select(target);
  return true;
}

function opened(key: string, view: TraceView): boolean {
  const item = view.selected;
  if (key === "[") view.openTo(0);
  else if (key === "]") view.openTo(Number.POSITIVE_INFINITY);
  else if (/^[1-9]$/.test(key)) view.openTo(Number(key) - 1);
  else if (item === null) return false;
  else if (key === "ArrowRight") goIn(view, item);
  else if (key === "ArrowLeft") goOut(view, item);
  else if (key === "*") view.toggleAll(siblings(view, item), true);
  else if (key === "Enter" || key === " ") {
    if (isFold(item)) view.toggle(item);
    else view.patch({ detail: true });
  } else return false;
  return true;
}

function commanded(key: string, view: TraceView, commands: Commands): boolean {
  if (key === "/") commands.search();
  else if (key === "n") commands.nextMatch(1);
  else if (key === "N") commands.nextMatch(-1);
  else if (key === "e") nextError(view, 1);
  else if (key === "E") nextError(view, -1);
  else if (key === "c") view.patch({ critical: !view.state.critical });
  else if (key === "t") commands.nextKind();
  else if (key === "y") commands.copyId();
  else if (key === "Y") commands.copyPython();
  else if (key === "+" || key === "=") view.patch({ zoom: zoomBy(view, 0.5) });
  else if (key === "-") view.patch({ zoom: zoomBy(view, 2) });
  else if (key === "0") view.patch({ zoom: null });
  else if (key === "o") commands.expand();
  else if (key === "?") commands.help();
  else if (key === "Escape") commands.leave();
  else return false;
  return true;
}

function goIn(view: TraceView, item: Item): void {
  if (!hasChildren(view.spans, item)) return;
  const next = view.shown[view.shown.indexOf(item) + 1];
  if (!view.isOpen(item)) view.toggle(item, true);
  else if (next !== undefined) view.select(next);
}

function goOut(view: TraceView, item: Item): void {
  const parent = parentItem(view.spans, view.folds, item);
  if (hasChildren(view.spans, item) && view.isOpen(item)) view.toggle(item, false);
  else if (parent !== null) view.select(parent);
}

function siblings(view: TraceView, item: Item): Item[] {
  const parent = parentItem(view.spans, view.folds, item);
  if (parent === null) return [item];
  return isFold(parent)
    ? runMembers(view.spans, view.folds, rowOf(parent))
    : childRows(view.spans, parent);
}

/** Select the next failed span, round the end. */
export function nextError(view: TraceView, step: 1 | -1): void {
  const { spans } = view;
  const failed: number[] = [];
  for (let row = 0; row < spans.size; row++) {
    if (spans.state[row] === STATE_ERROR) failed.push(row);
  }
  const row = nextInCircle(failed, view.selected === null ? -1 : rowOf(view.selected), step);
  if (row !== null) view.reveal(row);
}

/** The row after (or before) `from` among ascending `rows`, round the end. */
export function nextInCircle(rows: readonly number[], from: number, step: 1 | -1): number | null {
  const next =
    step === 1
      ? (rows.find((row) => row > from) ?? rows[0])
      : (rows.findLast((row) => row < from) ?? rows[rows.length - 1]);
  return next ?? null;
}
