import { createLink } from "../model/link";
import { createViewStore } from "../model/viewstate";
import type { Shared } from "../view/host";
import { mount } from "../view/mount";

/** What an anywidget model offers and this host needs. */
interface WidgetModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: string, callback: (...values: unknown[]) => void): void;
  off(event: string, callback: (...values: unknown[]) => void): void;
}

const store = createViewStore();
const TRAITS = ["selected_span_id", "filter", "expanded"] as const;

/** Draw the trait `payload`; what the reader selects, opens and looks for is in traits. */
function render({
  model,
  el,
  signal,
}: {
  model: WidgetModel;
  el: HTMLElement;
  signal?: AbortSignal;
}): () => void {
  const height = Number(model.get("height"));
  const link = createLink({ send: (message) => model.send(message), isBusy: () => false });
  const shared = traitsOf(model);
  const mounted = mount(el, model.get("payload"), {
    store,
    shared,
    link: () => (model.get("linked") === true ? link : null),
    onSelect(spanIds) {
      model.set("selected", [...spanIds]);
      model.save_changes();
    },
    ...(height > 0 ? { maxHeight: height } : {}),
  });
  const update = () => mounted.update(model.get("payload"));
  const receive = (message: unknown, buffers: unknown) =>
    link.receive(message, Array.isArray(buffers) ? buffers : []);
  model.on("change:payload", update);
  model.on("msg:custom", receive);
  let disposed = false;
  const dispose = () => {
    if (disposed) return;
    disposed = true;
    model.off("change:payload", update);
    model.off("msg:custom", receive);
    link.close("The view is gone.");
    mounted.dispose();
  };
  signal?.addEventListener("abort", dispose, { once: true });
  return dispose;
}

/** The traits as the viewer's shared state. A change from here does not come back. */
function traitsOf(model: WidgetModel): Shared {
  let writing = false;
  return {
    get: () => ({
      selected: textOr(model.get("selected_span_id"), ""),
      query: textOr(model.get("filter"), ""),
      expanded: textsOf(model.get("expanded")),
    }),
    set({ selected, query, expanded }) {
      writing = true;
      model.set("selected_span_id", selected);
      model.set("filter", query);
      if (expanded !== null) model.set("expanded", [...expanded]);
      model.save_changes();
      writing = false;
    },
    listen(callback) {
      const changed = () => {
        if (!writing) callback();
      };
      for (const name of TRAITS) model.on(`change:${name}`, changed);
      return () => {
        for (const name of TRAITS) model.off(`change:${name}`, changed);
      };
    },
  };
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function textsOf(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : null;
}

export default { render };
