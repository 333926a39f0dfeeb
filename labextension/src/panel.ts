import type { Widget } from "@lumino/widgets";
import type { ViewStore } from "../../js/src/model/viewstate";
import { type MountedPanel, mountTraces } from "../../js/src/view/TracesPanel";
import type { LuminoWidgets } from "./container";
import type { Application, NotebookTracker, Palette, Signal } from "./jupyter";
import { linkOfPanel } from "./kernels";

const ID = "spantree-traces";
const OPEN = "spantree:open-traces";
const REFRESH = "spantree:refresh-traces";

/** The side panel "Traces" and its commands: what the current notebook's store holds. */
export function addTracesPanel(
  app: Application,
  lumino: LuminoWidgets,
  store: ViewStore,
  notebooks: NotebookTracker,
  palette: Palette | null,
  executed: Signal<unknown> | null,
): void {
  const node = document.createElement("div");
  const widget = createPanel(lumino, node, (panel) => panel.refresh());
  const panel = mountTraces(node, {
    store,
    link: () => (notebooks.currentWidget === null ? null : linkOfPanel(notebooks.currentWidget)),
    showCell: (cellId) => showCell(notebooks, cellId),
  });
  widget.mounted = panel;
  const refresh = () => {
    if (widget.isVisible) panel.refresh();
  };
  executed?.connect(refresh);
  notebooks.currentChanged.connect(refresh);

  app.commands.addCommand(OPEN, {
    label: "Show Traces",
    caption: "Show the latest traces of the notebook's kernel",
    execute: () => app.shell.activateById(ID),
  });
  app.commands.addCommand(REFRESH, { label: "Refresh Traces", execute: refresh });
  for (const command of [OPEN, REFRESH]) palette?.addItem({ command, category: "Span tree" });
  app.shell.add(widget, "left", { rank: 900 });
}

type PanelWidget = Widget & { mounted: MountedPanel | null };

function createPanel(
  lumino: LuminoWidgets,
  node: HTMLElement,
  shown: (panel: MountedPanel) => void,
): PanelWidget {
  class TracesWidget extends lumino.Widget {
    mounted: MountedPanel | null = null;

    protected override onAfterShow(): void {
      if (this.mounted !== null) shown(this.mounted);
    }
  }
  const widget = new TracesWidget({ node });
  widget.id = ID;
  widget.title.label = "Traces";
  widget.title.caption = "Traces";
  return widget;
}

function showCell(notebooks: NotebookTracker, cellId: string): void {
  const notebook = notebooks.currentWidget?.content;
  const index = notebook?.widgets.findIndex((cell) => cell.model.id === cellId) ?? -1;
  if (notebook === undefined || index < 0) return;
  notebook.activeCellIndex = index;
  void notebook.scrollToItem?.(index, "start");
}
