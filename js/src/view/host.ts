import type { Link } from "../model/link";
import type { SettingsStore } from "../model/settings";
import type { ViewStore } from "../model/viewstate";

/** What of the view a host can hold and set: span ids and the text looked for. */
export interface SharedState {
  /** Empty while nothing is selected. */
  readonly selected: string;
  readonly query: string;
  /** Spans whose children are drawn; null where nobody says. */
  readonly expanded: readonly string[] | null;
}

export interface Shared {
  get(): SharedState;
  set(state: SharedState): void;
  /** Call back when the host changed it; gives the way to stop. */
  listen(callback: () => void): () => void;
}

/** What a place that shows the viewer provides. */
export interface Host {
  readonly store: ViewStore;
  /** Told the ids of the selected spans. */
  readonly onSelect?: (spanIds: readonly string[]) => void;
  readonly shared?: Shared;
  /** The way to the kernel that made the trace; null while there is none. */
  readonly link?: () => Link | null;
  /** What the reader set for every trace; the usual where the host has no settings. */
  readonly settings?: SettingsStore;
  /** Ceiling of the tree's height in pixels, where the host sets one. */
  readonly maxHeight?: number;
  /** The viewer has a page of its own: all rows are shown at once. */
  readonly whole?: boolean;
  /** Show the output in a larger place; null where it is in one. Without it: full screen. */
  readonly expand?: (() => void) | null;
}
