import type { ViewStore } from "../../js/src/model/viewstate";
import type { LuminoWidgets } from "./container";
import type { NotebookTracker, Palette, Plugin, SettingRegistry, Signal } from "./jupyter";
import { setNotebooks } from "./kernels";
import { setTabs } from "./mime";
import { addTracesPanel } from "./panel";
import { followSettings, SETTINGS, settings } from "./settings";
import { createTabs } from "./tabs";

/** What the plugins take from the application; undefined where it has none. */
export interface Services {
  readonly lumino: LuminoWidgets;
  readonly notebooks: unknown;
  readonly labShell: unknown;
  readonly palette: unknown;
  readonly registry: unknown;
  /** Emitted after each cell run. */
  readonly executed: Signal<unknown> | null;
  readonly store: ViewStore;
}

/** The plugins beside the renderer. */
export function createPlugins(services: Services): readonly Plugin[] {
  const { lumino, notebooks, labShell, palette, registry, executed, store } = services;
  const link: Plugin = {
    id: "spantree:link",
    description: "Lets traces under cells ask their notebook's kernel.",
    autoStart: true,
    optional: [notebooks].filter(isGiven),
    activate(_, tracker) {
      if (tracker) setNotebooks(tracker as NotebookTracker);
    },
  };
  const following: Plugin = {
    id: SETTINGS,
    description: "Theme, height, and how traces open at first.",
    autoStart: true,
    optional: [registry].filter(isGiven),
    activate(_, given) {
      if (!given) return;
      followSettings(given as SettingRegistry).catch((error: unknown) =>
        console.warn("spantree: settings are not there:", error),
      );
    },
  };
  // Notebook 7 has neither side areas nor tabs.
  if (![notebooks, labShell, palette].every(isGiven)) return [link, following];
  const larger: Plugin = {
    id: "spantree:tabs",
    description: "Shows a trace in a tab of the main area.",
    autoStart: true,
    optional: [labShell],
    activate(app, shell) {
      if (shell) setTabs(createTabs(app, lumino, store, settings));
    },
  };
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
  return [link, following, larger, panel];
}

function isGiven(token: unknown): boolean {
  return token !== undefined;
}
