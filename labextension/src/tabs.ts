import type { Link } from "../../js/src/model/link";
import type { SettingsStore } from "../../js/src/model/settings";
import type { ViewStore } from "../../js/src/model/viewstate";
import { type Mounted, mount } from "../../js/src/view/mount";
import type { LuminoWidgets } from "./container";
import type { Application } from "./jupyter";

/** An output that is shown once more, in a tab of its own. */
export interface Shown {
  readonly key: string;
  readonly title: string;
  readonly payload: unknown;
  readonly plain: string | undefined;
  readonly link: () => Link | null;
}

/** Tabs of the main area, one for each output the reader opened larger. */
export interface Tabs {
  open(shown: Shown): void;
  /** Bring a tab up to date with its output; does nothing where there is none. */
  update(key: string, payload: unknown, plain: string | undefined): void;
}

const AROUND = 130;

export function createTabs(
  app: Application,
  lumino: LuminoWidgets,
  store: ViewStore,
  settings: SettingsStore,
): Tabs {
  const open = new Map<string, { readonly id: string; readonly mounted: Mounted }>();
  class Tab extends lumino.Widget {
    // Only taken out of the page it would still count as open, and never open again.
    protected override onCloseRequest(): void {
      this.dispose();
    }
  }
  return {
    open({ key, title, payload, plain, link }) {
      const known = open.get(key);
      if (known !== undefined) {
        app.shell.activateById(known.id);
        return;
      }
      const node = document.createElement("div");
      const widget = new Tab({ node });
      widget.id = `spantree-tab-${key}`;
      widget.title.label = title;
      widget.title.closable = true;
      // The reader's selection comes along, and goes back: both share the view's state.
      const host = {
        store,
        settings,
        link,
        maxHeight: Math.max(320, window.innerHeight - AROUND),
        whole: true,
        expand: null,
      };
      const mounted = mount(node, payload, host, plain);
      node.classList.add("st-tab");
      open.set(key, { id: widget.id, mounted });
      widget.disposed.connect(() => {
        open.delete(key);
        mounted.dispose();
      });
      app.shell.add(widget, "main");
      app.shell.activateById(widget.id);
    },
    update: (key, payload, plain) => open.get(key)?.mounted.update(payload, plain),
  };
}
