import { act } from "preact/test-utils";
import { expect, test, vi } from "vitest";
import { createMimeExtension } from "../../labextension/src/mime";
import widget from "../src/hosts/widget";
import { MIME } from "../src/model/decode";
import { payload } from "./fixtures";

type Callback = (...values: unknown[]) => void;

/** What anywidget hands to a module: a change from either side is told to the listeners. */
function fakeModel(state: Record<string, unknown>) {
  const listeners = new Map<string, Set<Callback>>();
  const tell = (event: string, ...values: unknown[]) => {
    for (const listener of [...(listeners.get(event) ?? [])]) listener(...values);
  };
  return {
    state,
    tell,
    count: () => [...listeners.values()].reduce((sum, one) => sum + one.size, 0),
    get: (name: string) => state[name],
    set(name: string, value: unknown) {
      state[name] = value;
      tell(`change:${name}`);
    },
    save_changes: vi.fn(),
    send: vi.fn(),
    on(event: string, callback: Callback) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(callback));
    },
    off(event: string, callback: Callback) {
      listeners.get(event)?.delete(callback);
    },
  };
}

function showWidget(state: Record<string, unknown>) {
  const model = fakeModel({ selected: [], height: 0, ...state });
  const el = document.createElement("div");
  document.body.append(el);
  const controller = new AbortController();
  act(() => void widget.render({ model, el, signal: controller.signal }));
  const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
  return { model, el, all, stop: () => act(() => controller.abort()) };
}

let outputs = 0;

/** The agent's trace as an output of its own: the view's state is kept by output. */
function agent(): unknown {
  return { ...(payload("agent") as object), key: `output${outputs++}` };
}

const PLAN = "3fa9c0de00001112";

test("the widget draws its trait, writes the selection back and leaves nothing behind", () => {
  const { model, el, stop } = showWidget({ payload: agent() });
  expect(el.querySelectorAll(".st-row").length).toBe(11);
  act(() => el.querySelectorAll<HTMLElement>(".st-row")[1]?.click());
  expect(model.state.selected).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
  expect(model.save_changes).toHaveBeenCalled();
  act(() => model.set("payload", payload("single")));
  expect(el.querySelector(".st-title")?.textContent).toBe("greet");
  stop();
  expect(el.childElementCount).toBe(0);
  expect(model.count()).toBe(0);
});

test("selection, filter and open rows are told to Python", () => {
  const { model, all, stop } = showWidget({ payload: agent() });
  act(() => all(".st-row")[1]?.click());
  expect(model.state.selected_span_id).toBe(PLAN);
  const root = (model.state.expanded as string[])[0];
  act(() => all(".st-chevron.st-parent")[0]?.click());
  expect(model.state.expanded).not.toContain(root);
  stop();
});

test("Python sets selection, filter and open rows", () => {
  const { model, el, all, stop } = showWidget({ payload: agent() });
  act(() => model.set("selected_span_id", PLAN));
  expect(el.querySelector(".st-selected .st-name")?.textContent).toBe("plan");
  act(() => model.set("expanded", []));
  expect(all(".st-row").length).toBe(1);
  act(() => model.set("filter", "parse"));
  expect(el.querySelector<HTMLInputElement>(".st-search input")?.value).toBe("parse");
  act(() => model.set("selected_span_id", "0000000000000000"));
  act(() => model.set("expanded", ["nobody", 3]));
  expect(all(".st-row").length).toBe(1);
  stop();
});

test("what Python set before the first drawing is there", () => {
  const state = { payload: agent(), selected_span_id: PLAN, filter: "chat" };
  const { el, stop } = showWidget(state);
  expect(el.querySelector(".st-selected .st-name")?.textContent).toBe("plan");
  expect(el.querySelector<HTMLInputElement>(".st-search input")?.value).toBe("chat");
  stop();
});

test("a cut value is asked for by message, and only when the reader opens the span", async () => {
  const { model, el, all, stop } = showWidget({ payload: payload("cut"), linked: true });
  const reply = (content: object) =>
    act(async () => {
      const asked = model.send.mock.lastCall?.[0] as { id: number };
      model.tell("msg:custom", { id: asked.id, ...content }, []);
    });
  expect(model.send).not.toHaveBeenCalled();
  act(() => all(".st-row")[0]?.click());
  await vi.waitFor(() => expect(model.send).toHaveBeenCalledOnce());
  expect(model.send.mock.lastCall?.[0]).toMatchObject({ op: "hello", v: 1 });
  await reply({ ok: true, v: 1 });
  expect(model.send.mock.lastCall?.[0]).toMatchObject({ op: "bodies" });
  await reply({ ok: true, bodies: [{ row: 0, body: { in: '"from the kernel"' }, blobs: [] }] });
  await vi.waitFor(() => act(() => expect(el.textContent).toContain("from the kernel")));
  stop();
});

test("without a kernel the values say where they are", () => {
  const { el, all, stop } = showWidget({ payload: payload("cut") });
  act(() => all(".st-row")[0]?.click());
  expect(el.querySelector(".st-panel")?.textContent).toContain("spantree.get_trace('tr-");
  expect(el.querySelector(".st-panel")?.textContent).not.toContain("fetch");
  stop();
});

test("JupyterLab's renderer updates the same widget and shows plain text for a bad payload", async () => {
  let dispose = () => {};
  class Widget {
    node: HTMLElement;
    disposed = {
      connect: (callback: () => void) => {
        dispose = callback;
      },
    };
    constructor(options: { node: HTMLElement }) {
      this.node = options.node;
    }
  }
  const extension = createMimeExtension({ Widget: Widget as never });
  const { rendererFactory } = extension;
  expect(rendererFactory.safe).toBe(true);
  expect(rendererFactory.defaultRank).toBe(-20);
  expect(rendererFactory.mimeTypes).toEqual([MIME]);
  const renderer = rendererFactory.createRenderer({} as never);
  const show = (data: unknown) =>
    act(() => renderer.renderModel({ data: { [MIME]: data, "text/plain": "TREE" } } as never));
  await show(payload("agent"));
  const root = renderer.node.querySelector(".st-root");
  await show(payload("single"));
  expect(renderer.node.querySelector(".st-root")).toBe(root);
  expect(root?.querySelector(".st-title")?.textContent).toBe("greet");
  await show({ v: 2 });
  expect(root?.textContent).toMatch(/cannot be drawn.*TREE/);
  act(() => dispose());
  expect(renderer.node.childElementCount).toBe(0);
});
