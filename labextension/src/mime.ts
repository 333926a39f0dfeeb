import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { MIME } from "../../js/src/model/decode";
import { createViewStore } from "../../js/src/model/viewstate";
import { type Mounted, mount } from "../../js/src/view/mount";
import type { LuminoWidgets } from "./container";
import { linkOf } from "./kernels";

/** Ahead of the widget manager, which sits at −10: a bundle may hold both types. */
const RANK = -20;

/** Shared by all views of the page. */
export const store = createViewStore();

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
  widget.disposed.connect(() => mounted?.dispose());
  return Object.assign(widget, {
    // JupyterLab calls this again on the same widget for every update of the output.
    async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
      const payload = model.data[MIME];
      const text = model.data["text/plain"];
      const plain = typeof text === "string" ? text : undefined;
      if (mounted === null) {
        mounted = mount(node, payload, { store, link: () => linkOf(node) }, plain);
      } else mounted.update(payload, plain);
    },
  });
}
