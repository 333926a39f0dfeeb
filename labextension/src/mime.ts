import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { decodePayload, MIME } from "../../js/src/model/decode";
import { oneLine, plural } from "../../js/src/model/format";
import { createViewStore } from "../../js/src/model/viewstate";
import { type Mounted, mount } from "../../js/src/view/mount";
import type { LuminoWidgets } from "./container";
import { linkOf, linkOfPanel, panelOf } from "./kernels";
import { settings } from "./settings";
import type { Tabs } from "./tabs";

/** Ahead of the widget manager, which sits at −10: a bundle may hold both types. */
const RANK = -20;

/** Shared by all views of the page. */
export const store = createViewStore();

let tabs: Tabs | null = null;

/** Tell the renderer where an output can be shown larger. */
export function setTabs(given: Tabs): void {
  tabs = given;
}

/** The renderer of our type, in cell outputs and for files that hold one payload. */
export function createMimeExtension(lumino: LuminoWidgets): IRenderMime.IExtension {
  return {
    id: "spantree:mime",
    description: "Draws traces as a tree under the cell that made them.",
    rendererFactory: {
      // Every string of a payload is drawn as text, so untrusted notebooks may show it.
      safe: true,
      mimeTypes: [MIME],
      defaultRank: RANK,
      createRenderer: () => createRenderer(lumino),
    },
    rank: RANK,
    dataType: "json",
    fileTypes: [
      {
        name: "spantree-trace",
        displayName: "Span tree",
        extensions: [".spantree.json"],
        mimeTypes: [MIME],
      },
    ],
    documentWidgetFactoryOptions: {
      name: "Span tree",
      primaryFileType: "spantree-trace",
      fileTypes: ["spantree-trace", "json"],
      defaultFor: ["spantree-trace"],
    },
  };
}

function createRenderer(lumino: LuminoWidgets): IRenderMime.IRenderer {
  const node = document.createElement("div");
  const widget = new lumino.Widget({ node });
  let mounted: Mounted | null = null;
  let open: (() => void) | undefined;
  widget.disposed.connect(() => mounted?.dispose());
  return Object.assign(widget, {
    // JupyterLab calls this again on the same widget for every update of the output.
    async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
      const payload = model.data[MIME];
      const text = model.data["text/plain"];
      const plain = typeof text === "string" ? text : undefined;
      const { key, title } = labelOf(payload);
      open = () => {
        // The notebook of now: a tab outlives the output it was opened from.
        const panel = panelOf(node);
        const link = () => (panel === null || panel.isDisposed ? null : linkOfPanel(panel));
        tabs?.open({ key, title, payload, plain, link });
      };
      if (mounted === null) {
        const host = { store, settings, link: () => linkOf(node) };
        const expand = tabs === null ? {} : { expand: () => open?.() };
        mounted = mount(node, payload, { ...host, ...expand }, plain);
      } else {
        mounted.update(payload, plain);
        tabs?.update(key, payload, plain);
      }
    },
  });
}

/** What names an output's tab. */
function labelOf(payload: unknown): { key: string; title: string } {
  const decoded = decodePayload(payload);
  if (!decoded.ok) return { key: "", title: "Trace" };
  const { key, traces, total } = decoded.payload;
  const name = oneLine(traces[0]?.name ?? "").slice(0, 60);
  return { key, title: total === 1 && name !== "" ? name : plural(total, "trace") };
}
