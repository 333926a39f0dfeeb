import type { Kind } from "./kinds";
import type { Range } from "./timing";
import type { Openness } from "./visible";

/** What a reader did to a trace's view. Kept while the page lives. */
export interface ViewState extends Openness {
  /** `itemKey` of the selected row. */
  readonly selected: string | null;
  readonly detail: boolean;
  readonly tab: string | null;
  /** Runs of like siblings are not folded: they grew while the reader watched. */
  readonly unfolded: boolean;
  /** The box shows all rows, not the first ones only. */
  readonly grown: boolean;
  /** Share of the width the detail pane takes. */
  readonly split: number;
  readonly zoom: Range | null;
  readonly searching: boolean;
  readonly query: string;
  /** Show spans of this kind alone. */
  readonly only: Kind | null;
  readonly critical: boolean;
  readonly scrollTop: number;
}

/** View states by output and trace. A host that detaches outputs finds them again. */
export interface ViewStore {
  get(key: string): ViewState | undefined;
  set(key: string, state: ViewState): void;
}

const MAX_STATES = 200;

/** A store that forgets the oldest states first. */
export function createViewStore(): ViewStore {
  const states = new Map<string, ViewState>();
  return {
    get: (key) => states.get(key),
    set(key, state) {
      states.delete(key);
      states.set(key, state);
      const oldest = states.keys().next();
      if (states.size > MAX_STATES && !oldest.done) states.delete(oldest.value);
    },
  };
}

export const DEFAULT_SPLIT = 0.44;

export function initialState(depth: number, open: Iterable<string>): ViewState {
  return {
    level: depth,
    toggled: new Map([...open].map((key) => [key, true])),
    selected: null,
    detail: false,
    tab: null,
    unfolded: false,
    grown: false,
    split: DEFAULT_SPLIT,
    zoom: null,
    searching: false,
    query: "",
    only: null,
    critical: true,
    scrollTop: 0,
  };
}
