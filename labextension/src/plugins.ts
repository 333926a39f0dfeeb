import type { ViewStore } from "../../js/src/model/viewstate";
import type { LuminoWidgets } from "./container";
import type { NotebookTracker, Palette, Plugin, Signal } from "./jupyter";
import { setNotebooks } from "./kernels";
import { addTracesPanel } from "./panel";

/** What the plugins take from the application; undefined where it has none. */
export interface Services {
  readonly lumino: LuminoWidgets;
  readonly notebooks: unknown;
  readonly labShell: unknown;
  readonly palette: unknown;
  /** Emitted after each cell run. */
  readonly executed: Signal<unknown> | null;
  readonly store: ViewStore;
}

/** The plugins beside the renderer. */
export function createPlugins(services: Services): readonly Plugin[] {
  const { lumino, notebooks, labShell, palette, executed, store } = services;
  const link: Plugin = {
    id: "spantree:link",
    description: "Lets traces under cells ask their notebook's kernel.",
    autoStart: true,
    optional: [notebooks].filter(isGiven),
    activate(_, tracker) {
      if (tracker) setNotebooks(tracker as NotebookTracker);
    },
  };
  // Notebook 7 has no side areas to put a panel in.
  if (![notebooks, labShell, palette].every(isGiven)) return [link];
  const panel: Plugin = {
    id: "spantree:traces",
    description: "Lists the traces of the notebook's kernel in a side panel.",
    autoStart: true,
    optional: [notebooks, labShell, palette],
    activate(app, tracker, shell, commandPalette) {
      if (!tracker || !shell) return;
      const commands = (commandPalette ?? null) as Palette | null;
      addTracesPanel(app, lumino, store, tracker as NotebookTracker, commands, executed);
    },
  };
  return [link, panel];
}

function isGiven(token: unknown): boolean {
  return token !== undefined;
}
