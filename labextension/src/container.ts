import style from "spantree:style";
import type { Widget } from "@lumino/widgets";
import type { Signal } from "./jupyter";
import { createMimeExtension, store } from "./mime";
import { createPlugins } from "./plugins";
import { addStyle } from "./style";

/** JupyterLab's registry of modules that extensions share: package → version → module. */
type ShareScope = Record<string, Record<string, SharedModule | undefined> | undefined>;

interface SharedModule {
  get(): Promise<() => unknown>;
  loaded?: boolean | number;
}

/** The part of `@lumino/widgets` this extension takes from JupyterLab. */
export interface LuminoWidgets {
  readonly Widget: new (options: Widget.IOptions) => Widget;
}

interface Container {
  init(scope: ShareScope): void;
  get(module: string): Promise<() => unknown>;
}

let shared: ShareScope = {};

async function mimeExtension(): Promise<unknown> {
  const lumino = (await sharedModule("@lumino/widgets")) as LuminoWidgets;
  return createMimeExtension(lumino);
}

async function plugins(): Promise<unknown> {
  const actions = await part("@jupyterlab/notebook", "NotebookActions");
  return createPlugins({
    lumino: (await sharedModule("@lumino/widgets")) as LuminoWidgets,
    notebooks: await part("@jupyterlab/notebook", "INotebookTracker"),
    labShell: await part("@jupyterlab/application", "ILabShell"),
    palette: await part("@jupyterlab/apputils", "ICommandPalette"),
    registry: await part("@jupyterlab/settingregistry", "ISettingRegistry"),
    executed: (actions as { executed?: Signal<unknown> } | undefined)?.executed ?? null,
    store,
  });
}

/** What a package exports, or undefined in an application that does without it. */
async function part(name: string, exported: string): Promise<unknown> {
  try {
    return ((await sharedModule(name)) as Record<string, unknown>)[exported];
  } catch {
    return undefined;
  }
}

/** The copy of a package that JupyterLab itself runs, not merely one it could load. */
async function sharedModule(name: string): Promise<unknown> {
  const versions = Object.values(shared[name] ?? {}).filter((module) => module !== undefined);
  const module = versions.find((version) => version.loaded) ?? versions[0];
  if (module === undefined) throw new Error(`JupyterLab shares no ${name}`);
  return (await module.get())();
}

const container: Container = {
  init(scope) {
    shared = scope;
  },
  async get(module) {
    if (module === "./style") {
      return () => {
        addStyle(style);
        // JupyterLab writes the extension's name on whatever a module is.
        return {};
      };
    }
    if (module === "./mimeExtension") {
      const extension = await mimeExtension();
      return () => ({ __esModule: true, default: extension });
    }
    if (module === "./extension") {
      const extension = await plugins();
      return () => ({ __esModule: true, default: extension });
    }
    throw new Error(`spantree has no module ${module}`);
  },
};

declare global {
  interface Window {
    _JUPYTERLAB?: Record<string, Container>;
  }
}

window._JUPYTERLAB = window._JUPYTERLAB ?? {};
window._JUPYTERLAB.spantree = container;
