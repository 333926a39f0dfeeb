import { useLayoutEffect, useRef } from "preact/hooks";
import { rowOfKey, spanId } from "../model/columns";
import type { Spans } from "../model/types";
import { itemKey, itemOfKey, rowOf } from "../model/visible";
import type { Host, SharedState } from "./host";
import type { TraceView } from "./useTrace";

/** Ids beyond these are not worth their bytes. */
const MOST_EXPANDED = 2_000;

/** Keep what the reader does and what the host holds of it the same, both ways. */
export function useShared(view: TraceView, host: Host): void {
  const { shared } = host;
  const latest = useRef(view);
  latest.current = view;
  const told = useRef("");
  const mine = shared === undefined ? null : stateOf(view);

  useLayoutEffect(() => {
    if (shared === undefined) return;
    const adopt = () => {
      const given = shared.get();
      told.current = JSON.stringify(given);
      apply(latest.current, given);
    };
    const given = shared.get();
    if (given.selected !== "" || given.query !== "" || given.expanded !== null) adopt();
    return shared.listen(adopt);
  }, [shared]);

  const text = mine === null ? "" : JSON.stringify(mine);
  const first = useRef(true);
  useLayoutEffect(() => {
    const isFirst = first.current;
    first.current = false;
    if (shared === undefined || mine === null || text === told.current) return;
    // A first drawing tells only what came back from an earlier view of the trace.
    if (isFirst && mine.selected === "" && mine.query === "") return;
    told.current = text;
    shared.set(mine);
  }, [text]);
}

function stateOf(view: TraceView): SharedState {
  const { spans, state, selected } = view;
  return {
    selected: selected === null ? "" : (spanId(spans, rowOf(selected)) ?? ""),
    query: state.query,
    expanded: state.only === null ? openIds(view) : null,
  };
}

function openIds(view: TraceView): readonly string[] | null {
  const { spans } = view;
  if (spans.ids === "") return null;
  const ids: string[] = [];
  for (const item of view.items) {
    if (item < 0 || !spans.childCount[item] || !view.isOpen(item)) continue;
    ids.push(spanId(spans, item) ?? "");
    if (ids.length > MOST_EXPANDED) return null;
  }
  return ids;
}

function apply(view: TraceView, given: SharedState): void {
  const { spans } = view;
  const own = stateOf(view);
  if (given.query !== own.query) {
    view.patch({ query: given.query, searching: given.query !== "" });
  }
  if (given.expanded !== null && !isSame(given.expanded, own.expanded)) {
    view.patch({ level: 0, toggled: toggledOf(spans, given.expanded), grown: true });
  }
  if (given.selected !== own.selected) {
    const row = given.selected === "" ? null : rowOfKey(spans, given.selected);
    if (row !== null) view.reveal(row);
    else if (given.selected === "") view.patch({ selected: null, detail: false });
  }
}

function toggledOf(spans: Spans, ids: readonly string[]): ReadonlyMap<string, boolean> {
  const toggled = new Map<string, boolean>();
  for (const id of ids) {
    const item = itemOfKey(spans, id);
    if (item !== null) toggled.set(itemKey(spans, item), true);
  }
  return toggled;
}

function isSame(some: readonly string[], others: readonly string[] | null): boolean {
  return others !== null && [...some].sort().join() === [...others].sort().join();
}
