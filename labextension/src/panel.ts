import type { Widget } from "@lumino/widgets";
import { MIME } from "../../js/src/model/decode";
import type { ViewStore } from "../../js/src/model/viewstate";
import { type MountedPanel, mountTraces } from "../../js/src/view/TracesPanel";
import type { LuminoWidgets } from "./container";
import type { Application, NotebookPanel, NotebookTracker, Palette, Signal } from "./jupyter";
import { linkOfPanel } from "./kernels";
import { settings } from "./settings";

const ID = "spantree-traces";
const OPEN = "spantree:open-traces";
const REFRESH = "spantree:refresh-traces";
const LARGER = "spantree:open-in-tab";
/** How often the list follows a cell that runs. */
const RUNNING_MS = 2_000;

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
    settings,
    saved: () => savedOutputs(notebooks.currentWidget),
    showCell: (cellId) => showCell(notebooks, cellId),
  });
  widget.mounted = panel;
  const refresh = () => {
    if (widget.isVisible) panel.refresh();
  };
  executed?.connect(refresh);
  setInterval(() => {
    if (widget.isVisible && isRunning(notebooks.currentWidget)) panel.refresh();
  }, RUNNING_MS);
  notebooks.currentChanged.connect(refresh);

  app.commands.addCommand(OPEN, {
    label: "Show Traces",
    caption: "Show the latest traces of the notebook's kernel",
    execute: () => app.shell.activateById(ID),
  });
  app.commands.addCommand(REFRESH, { label: "Refresh Traces", execute: refresh });
  app.commands.addCommand(LARGER, {
    label: "Open the Cell's Trace in a Tab",
    isEnabled: () => expandButton(notebooks) !== null,
    execute: () => expandButton(notebooks)?.click(),
  });
  for (const command of [OPEN, REFRESH, LARGER])
    palette?.addItem({ command, category: "Span tree" });
  app.shell.add(widget, "left", { rank: 900 });
}

/** What the outputs of a notebook hold of ours, in the order of its cells. */
function savedOutputs(panel: NotebookPanel | null): readonly unknown[] {
  const payloads: unknown[] = [];
  for (const { model } of panel?.content.widgets ?? []) {
    for (let at = 0; at < (model.outputs?.length ?? 0); at++) {
      const payload = model.outputs?.get(at).data[MIME];
      if (payload !== undefined) payloads.push(payload);
    }
  }
  return payloads;
}

/** Whether a cell runs. Our own requests make a kernel busy too, but mark no cell. */
function isRunning(panel: NotebookPanel | null): boolean {
  return panel?.content.widgets.some(({ model }) => model.executionState === "running") === true;
}

/** The button of the selected cell's first trace that shows it larger. */
function expandButton(notebooks: NotebookTracker): HTMLElement | null {
  const notebook = notebooks.currentWidget?.content;
  const cell = notebook?.widgets[notebook.activeCellIndex];
  return cell?.node.querySelector<HTMLElement>("[aria-label='Open larger (o)']") ?? null;
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
