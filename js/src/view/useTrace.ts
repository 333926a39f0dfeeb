import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { spanId } from "../model/columns";
import { type Comparison, isGone } from "../model/compare";
import { type Folds, findFolds, noFolds } from "../model/folds";
import { isOfKind } from "../model/kinds";
import { type Rollup, rollUp } from "../model/rollup";
import { DEFAULT_SETTINGS, firstLevel, rememberLevel } from "../model/settings";
import { criticalPath, type Marks, type Range, selfStretches, traceRange } from "../model/timing";
import { type Payload, type Spans, STATE_ERROR, STATE_RUNNING, type Trace } from "../model/types";
import { initialState, type ViewState } from "../model/viewstate";
import {
  digest,
  errorPaths,
  filteredItems,
  hasChildren,
  type Item,
  isItemOpen,
  itemKey,
  itemOfKey,
  openRows,
  parentItem,
  rowOf,
  visibleItems,
} from "../model/visible";
import type { Host } from "./host";
import { DIGEST_ROWS, ROWS_WITHOUT_BUTTON } from "./measures";

/** One trace being looked at: its spans, what is drawn of them, and what a reader can do. */
export interface TraceView {
  readonly trace: Trace;
  /** What the trace is compared with, if it is. */
  readonly comparison: Comparison | null;
  /** The trace that has a row's span: of two compared ones a span may be in one alone. */
  traceOf(row: number): Trace;
  readonly spans: Spans;
  readonly folds: Folds;
  readonly rollup: Rollup;
  readonly range: Range;
  /** µs after the trace's start up to which unfinished spans are drawn. */
  readonly now: number;
  readonly running: boolean;
  readonly critical: Marks;
  /** Another object when rows look otherwise than before, but for the selected one. */
  readonly look: object;
  /** Stretches of a span in which it worked itself. */
  selfOf(row: number): readonly Range[];
  /** Everything open, top to bottom; `shown` is the part the box has room for. */
  readonly items: Int32Array;
  readonly shown: Int32Array;
  readonly selected: Item | null;
  readonly state: ViewState;
  readonly idPrefix: string;
  patch(change: Partial<ViewState>): void;
  /** Keep the scroll position for the next viewer of this trace; draws nothing. */
  rememberScroll(scrollTop: number): void;
  isOpen(item: Item): boolean;
  select(item: Item, change?: Partial<ViewState>): void;
  toggle(item: Item, open?: boolean): void;
  toggleAll(items: readonly Item[], open: boolean): void;
  openTo(level: number): void;
  /** Select a row wherever it is, opening what hides it. */
  reveal(row: number): void;
}

export function useTrace(
  payload: Payload,
  trace: Trace,
  spans: Spans,
  host: Host,
  comparison: Comparison | null,
): TraceView {
  const storeKey = `${payload.key}/${trace.id}`;
  const [state, setState] = useState<ViewState>(
    () => host.store.get(storeKey) ?? firstState(payload, spans, host),
  );

  const { unfolded } = state;
  const folds = useMemo(
    () => (unfolded || comparison !== null ? noFolds : findFolds)(spans),
    [spans, unfolded],
  );
  const rollup = useMemo(() => rollUp(spans), [spans]);
  const longest = Math.max(trace.duration ?? 0, comparison?.before.duration ?? 0);
  const whole = useMemo(() => traceRange(spans, longest), [spans, longest]);
  const running = payload.live && trace.state === "IN_PROGRESS";
  const elapsed = running ? Date.now() * 1000 - Number(BigInt(trace.startNs) / 1000n) : 0;
  const now = Math.max(whole.to, elapsed);
  const critical = useMemo(() => criticalPath(spans, whole.to), [spans, whole]);
  const self = useMemo(() => new Map<number, readonly Range[]>(), [spans, now]);
  const selfOf = (row: number) => {
    const stretches = self.get(row) ?? selfStretches(spans, row, now);
    self.set(row, stretches);
    return stretches;
  };
  const range = { from: whole.from, to: now };
  const { only } = state;
  const isShown = (row: number) => only === null || isOfKind({ spans, range, selfOf }, row, only);
  const wanted = useMemo(
    () => comparison?.notable ?? wantedRows(spans, critical),
    [spans, critical],
  );

  const open = useMemo(
    () => openRows(spans, { level: state.level, toggled: state.toggled }),
    [spans, state.level, state.toggled],
  );
  const items = useMemo(
    () => (only === null ? visibleItems(spans, folds, open) : filteredItems(spans, isShown)),
    [spans, folds, open, only],
  );
  const shown = useMemo(
    () =>
      state.grown || items.length <= ROWS_WITHOUT_BUTTON
        ? items
        : digest(items, wanted, state.detail ? ROWS_WITHOUT_BUTTON : DIGEST_ROWS),
    [items, state.grown, state.detail, wanted],
  );

  const look = useMemo(
    () => ({}),
    [spans, folds, open, shown, now, state.critical, only, comparison],
  );
  const selected = state.selected === null ? null : itemOfKey(spans, state.selected);
  const latest = useRef(state);
  latest.current = { ...state, scrollTop: latest.current.scrollTop };
  useEffect(() => host.store.set(storeKey, latest.current), [host, storeKey, state]);
  const patch = (change: Partial<ViewState>) => {
    latest.current = { ...latest.current, ...change };
    setState(latest.current);
  };
  const select = (item: Item, change: Partial<ViewState> = {}) => {
    patch({ ...change, selected: itemKey(spans, item) });
    const id = spanId(spans, rowOf(item));
    if (id !== null) host.onSelect?.([id]);
  };
  const toggleAll = (changed: readonly Item[], isOpen: boolean) => {
    const toggled = new Map(latest.current.toggled);
    for (const item of changed) toggled.set(itemKey(spans, item), isOpen);
    patch({ toggled, grown: latest.current.grown || isOpen });
  };

  return {
    trace,
    comparison,
    traceOf: (row) => (comparison !== null && isGone(comparison, row) ? comparison.before : trace),
    spans,
    folds,
    rollup,
    range,
    now,
    running,
    critical,
    look,
    selfOf,
    items,
    shown,
    selected,
    state,
    idPrefix: `st-${payload.key}-${payload.traces.findIndex((one) => one.id === trace.id)}`,
    patch,
    rememberScroll(scrollTop) {
      latest.current = { ...latest.current, scrollTop };
      host.store.set(storeKey, latest.current);
    },
    isOpen: (item) => only !== null || isItemOpen(open, item),
    select,
    toggle(item, isOpen = !isItemOpen(open, item)) {
      if (hasChildren(spans, item)) toggleAll([item], isOpen);
    },
    toggleAll,
    openTo(level) {
      rememberLevel(level);
      patch({ level, toggled: new Map(), grown: true, unfolded: false });
    },
    reveal(row) {
      const above: Item[] = [];
      for (let up = parentItem(spans, folds, row); up !== null; up = parentItem(spans, folds, up)) {
        above.push(up);
      }
      const toggled = new Map(latest.current.toggled);
      for (const item of above) {
        if (!isItemOpen(open, item)) toggled.set(itemKey(spans, item), true);
      }
      select(row, { toggled, grown: true, ...(isShown(row) ? {} : { only: null }) });
    },
  };
}

function firstState(payload: Payload, spans: Spans, host: Host): ViewState {
  const level = firstLevel(host.settings?.get() ?? DEFAULT_SETTINGS, payload.view.depth);
  const paths = payload.view.openErrors && Number.isFinite(level) ? [...errorPaths(spans)] : [];
  const keys = paths.map((row) => itemKey(spans, row));
  return { ...initialState(level, keys), grown: host.whole === true, unfolded: payload.live };
}

/** Rows a small box must show: what runs, the way to the first error, else the critical path. */
function wantedRows(spans: Spans, critical: Marks): Marks {
  const path: Marks = new Uint8Array(spans.size);
  const mark = (from: number) => {
    for (let row = from; row >= 0 && !path[row]; row = spans.parent[row] ?? -1) path[row] = 1;
  };
  for (let row = 0; row < spans.size; row++) {
    if (spans.state[row] === STATE_RUNNING) mark(row);
  }
  let failed = spans.state.indexOf(STATE_ERROR);
  if (failed < 0) return path.includes(1) ? path : critical;
  while (failed + 1 < spans.size && isFailedChild(spans, failed)) failed++;
  mark(failed);
  return path;
}

/** An error usually rises through its ancestors: go on to where it started. */
function isFailedChild(spans: Spans, row: number): boolean {
  return spans.parent[row + 1] === row && spans.state[row + 1] === STATE_ERROR;
}
