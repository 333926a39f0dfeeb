import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createViewStore } from "../src/model/viewstate";
import { type Mounted, mount } from "../src/view/mount";
import { payload, payloads } from "./fixtures";

let element: HTMLElement;
let mounted: Mounted | null = null;
let selected: readonly string[] = [];
const store = { current: createViewStore() };

function show(data: unknown): void {
  act(() => {
    mounted = mount(element, data, {
      store: store.current,
      onSelect: (ids) => {
        selected = ids;
      },
    });
  });
}

function update(data: unknown): void {
  act(() => mounted?.update(data));
}

function all(selector: string): HTMLElement[] {
  return [...element.querySelectorAll<HTMLElement>(selector)];
}

function one(selector: string): HTMLElement {
  const found = element.querySelector<HTMLElement>(selector);
  if (found === null) throw new Error(`no ${selector}`);
  return found;
}

function names(): string[] {
  return all(".st-name").map((name) => name.textContent);
}

function click(target: HTMLElement | undefined): void {
  act(() => target?.click());
}

function press(...keys: string[]): void {
  for (const key of keys) {
    act(() => {
      one(".st-tree").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    });
  }
}

function current(): string | undefined {
  return element.querySelector(".st-selected .st-name")?.textContent;
}

beforeEach(() => {
  localStorage.clear();
  store.current = createViewStore();
  selected = [];
  element = document.createElement("div");
  document.body.append(element);
});

afterEach(() => {
  act(() => mounted?.dispose());
  mounted = null;
  element.remove();
});

describe("the agent's trace", () => {
  beforeEach(() => show(payload("agent")));

  test("strip and rows", () => {
    expect(one(".st-strip").textContent.replaceAll("\u2009", " ")).toContain(
      "answer_question3.42 s16 spans1 error12.3k tok$0.021",
    );
    expect(names()).toEqual([
      "answer_question",
      "plan",
      "openai.chat",
      "retrieve",
      "rerank",
      "research",
      "openai.chat",
      "lookup_city",
      "openai.chat",
      "openai.chat",
      "parse_answer",
    ]);
    expect(one(".st-model").textContent).toBe("gpt-4o-mini");
    expect(one(".st-row-error").textContent).toBe("KeyError: 'city'");
  });

  test("a tree for assistive technology", () => {
    expect(one("[role=tree]").getAttribute("aria-label")).toBe(
      "Trace answer_question, 16 spans, 3.42 seconds, 1 error",
    );
    const [root, plan] = all("[role=treeitem]");
    expect(root?.getAttribute("aria-level")).toBe("1");
    expect(root?.getAttribute("aria-expanded")).toBe("true");
    expect(plan?.getAttribute("aria-setsize")).toBe("11");
    expect(plan?.getAttribute("aria-posinset")).toBe("1");
    expect(all("[role=treeitem]")[2]?.querySelector(".st-spoken")?.textContent).toBe(
      "openai.chat, chat model, 290 milliseconds, 412 tokens",
    );
    press("ArrowDown", "ArrowDown");
    expect(one("[role=tree]").getAttribute("aria-activedescendant")).toBe(one(".st-selected").id);
  });

  test("chevron and arrows open and close", () => {
    click(all(".st-chevron.st-parent")[1]);
    expect(names()).not.toContain("gpt-4o-mini");
    expect(names().filter((name) => name === "openai.chat").length).toBe(3);
    press("Home", "ArrowLeft");
    expect(names()).toEqual(["answer_question"]);
    press("ArrowRight", "ArrowRight");
    expect(current()).toBe("plan");
  });

  test("a run opens into its members", () => {
    press("Home", "ArrowDown", "ArrowDown", "ArrowDown");
    expect(current()).toBe("retrieve");
    press("ArrowRight");
    expect(names().filter((name) => name === "retrieve").length).toBe(7);
    press("ArrowRight", "ArrowLeft");
    expect(one(".st-selected .st-count").textContent).toBe("×6");
  });

  test("levels, all, errors, filter, search", () => {
    press("[");
    expect(names().length).toBe(1);
    press("2");
    expect(names().length).toBe(7);
    press("]");
    expect(names().length).toBe(17);
    press("e");
    expect(current()).toBe("lookup_city");
    press("t");
    expect(new Set(names())).toEqual(new Set(["answer_question", "retrieve"]));
    press("t", "t", "t", "t", "t");
    press("/");
    const input = one(".st-search input") as HTMLInputElement;
    act(() => {
      input.value = "parse";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    act(() => {
      input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    });
    expect(current()).toBe("parse_answer");
    expect(one(".st-search [role=status]").textContent).toBe("1 of 1");
  });

  test("selecting tells the host and shows the chat", () => {
    click(all(".st-row")[9]);
    expect(selected).toEqual([`3fa9c0de0000${(14 * 0x1111 + 1).toString(16).padStart(4, "0")}`]);
    expect(all("[role=tab]").map((tab) => tab.textContent)).toEqual([
      "Chat",
      "Input",
      "Output",
      "Attributes",
      "Events",
      "Code",
    ]);
    expect(all(".st-role").map((role) => role.textContent)).toEqual([
      "system",
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
    expect(one(".st-call").textContent).toBe('lookup_city(name="Graz")');
    expect(one(".st-facts").textContent).toContain("in 9,188 · out 215 · cached 4,096");
    expect(one(".st-facts").textContent).toContain("finish stop");
  });

  test("an error opens on its tab, numbers show exactly", () => {
    click(all(".st-row")[7]);
    expect(one(".st-raised").textContent).toBe("KeyError: 'city'");
    click(all(".st-row")[0]);
    click(all("[role=tab]").find((tab) => tab.textContent === "Attributes"));
    expect(one(".st-detail").textContent).toContain("12345678901234567890");
  });

  test("plain keys stay inside, combinations pass and may be commands", async () => {
    const isKept = () => one(".st-root").hasAttribute("data-lm-suppress-shortcuts");
    const seen: boolean[] = [];
    const outside = vi.fn(() => seen.push(isKept()));
    document.body.addEventListener("keydown", outside);
    press("d", "a", "j");
    expect(outside).not.toHaveBeenCalled();
    act(() => {
      one(".st-tree").dispatchEvent(
        new KeyboardEvent("keydown", { key: "s", ctrlKey: true, bubbles: true }),
      );
    });
    expect(outside).toHaveBeenCalledOnce();
    document.body.removeEventListener("keydown", outside);
    expect(seen).toEqual([false]);
    await vi.waitFor(() => expect(isKept()).toBe(true));
  });

  test("the view comes back as it was left", () => {
    press("Home", "ArrowLeft");
    act(() => mounted?.dispose());
    expect(element.childElementCount).toBe(0);
    show(payload("agent"));
    expect(names()).toEqual(["answer_question"]);
    expect(current()).toBe("answer_question");
  });
});

describe("updates", () => {
  test("keep rows and selection, and ignore a lower revision", () => {
    const live = payload("live") as { rev: number };
    show(live);
    press("Home", "ArrowDown");
    const row = one(".st-row");
    update({ ...(payload("live") as object), rev: 4 });
    expect(one(".st-row")).toBe(row);
    expect(current()).toBe("search");
    update({ ...(payload("live") as object), rev: 1, traces: [] });
    expect(current()).toBe("search");
  });

  test("a bad update is a line, and a good one after it draws again", () => {
    show(payload("agent"));
    update({ v: 1 });
    expect(one(".st-failure").textContent).toMatch(/cannot be drawn/);
    update(payload("agent"));
    expect(names().length).toBe(11);
  });
});

describe("what is not there is said", () => {
  test("cut and lost", () => {
    show(payload("cut"));
    expect(one(".st-notices").textContent).toContain("12 spans not recorded (queue full)");
    expect(one(".st-notices").textContent).toContain("9,800 more spans not saved here");
    click(one(".st-row"));
    expect(one(".st-panel").textContent).toContain("Not saved in this notebook");
  });

  test("orphans, unfinished and left early", () => {
    show(payload("orphan"));
    expect(names()).toContain("parent 3fa9… not received");
    act(() => mounted?.dispose());
    show(payload("interrupted"));
    expect(element.textContent).toContain("◐ stopped early");
    expect(element.textContent).toContain("no end recorded");
    expect(element.textContent).toContain("3 spans not recorded (process crashed)");
  });

  test("no traces at all", () => {
    show({ ...(payload("single") as object), traces: [], total: 0 });
    expect(one(".st-empty").textContent).toContain("No spans.");
  });
});

test("several traces are lines, one open at a time", () => {
  show(payload("two_traces"));
  expect(all(".st-line").map((line) => line.querySelector(".st-title")?.textContent)).toEqual([
    "index",
    "ask",
  ]);
  click(all(".st-line")[1]);
  expect(all(".st-line").length).toBe(1);
  expect(names()).toEqual(["ask", "openai.chat"]);
  click(one(".st-strip .st-chevron"));
  expect(all(".st-line").length).toBe(2);
});

test("a table sums up", () => {
  show(payload("table"));
  expect(one(".st-strip").textContent).toContain("240 traces");
  expect(all(".st-summary tbody tr").length).toBe(2);
});

test("a packed payload draws like the plain one", async () => {
  show(payload("packed"));
  await vi.waitFor(() => act(() => expect(names().length).toBe(11)));
  click(all(".st-row")[9]);
  await vi.waitFor(() => act(() => expect(all(".st-role").length).toBe(5)));
});

test("hostile strings stay text in every tab", async () => {
  show(payload("hostile"));
  press("]");
  const rows = all(".st-row").length;
  for (let row = 0; row < rows; row++) {
    click(all(".st-row")[row]);
    for (let tab = 0; tab < all("[role=tab]").length; tab++) click(all("[role=tab]")[tab]);
    click(all("[role=tab]").find((tab) => tab.textContent === "Chat"));
    click(element.querySelector<HTMLElement>(".st-toggle") ?? undefined);
    expect(all("script, iframe, img, object, embed, form, style, link, a[href^='java']")).toEqual(
      [],
    );
  }
  expect(all("svg[onload], [onerror], [data-commandlinker-command]")).toEqual([]);
  const marks = all("*").flatMap((node) =>
    node.getAttributeNames().filter((name) => name.startsWith("data-")),
  );
  expect(new Set(marks)).toEqual(new Set(["data-lm-suppress-shortcuts"]));
  expect(element.textContent).not.toMatch(/[\u202e\u001b]/);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
}, 60_000);

for (const [name, data] of payloads()) {
  test(`${name} draws few nodes and no duplicate ids`, () => {
    show(data);
    expect(all("*").length).toBeLessThan(600);
    const ids = all("[id]").map((node) => node.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
}

test("100,000 spans draw as many nodes as a hundred", () => {
  const size = 100_000;
  const column = (value: number) => new Array<number>(size).fill(value);
  const base = payload("single") as { traces: object[] };
  show({
    ...base,
    view: { mode: "tree", depth: 1, open_errors: true },
    traces: [
      {
        ...base.traces[0],
        n: size,
        cols: {
          p: Array.from({ length: size }, (_, row) => (row === 0 ? -1 : 0)),
          n: Array.from({ length: size }, (_, row) => row % 2),
          names: ["a", "b"],
          t: column(0),
          types: ["TOOL"],
          s: Array.from({ length: size }, (_, row) => row),
          d: Array.from({ length: size }, (_, row) => (row === 0 ? size : 1)),
          e: column(1),
          f: column(0),
        },
      },
    ],
  });
  press("]");
  expect(all("*").length).toBeLessThan(600);
});

test("rows that came while the reader watched are not folded away", () => {
  const live = structuredClone(payload("agent")) as {
    rev: number;
    live: boolean;
    traces: { state: string }[];
  };
  show({ ...live, live: true });
  const before = names();
  update({ ...live, live: false, rev: live.rev + 1 });

  expect(before.filter((name) => name === "retrieve").length).toBeGreaterThan(1);
  expect(names()).toEqual(before);
  press("]", "[", "2");
  expect(names().filter((name) => name === "retrieve").length).toBe(1);
});

test("values are shown raw or as Markdown, and copied as a whole", () => {
  const output = (json: string) => {
    const single = structuredClone(payload("single")) as {
      key: string;
      traces: { bodies: unknown; cut: unknown }[];
    };
    const [trace] = single.traces;
    if (trace !== undefined) trace.bodies = { r: [0], b: [{ out: json }] };
    return { ...single, key: json.length.toString(16).padStart(16, "0") };
  };
  const open = (json: string) => {
    act(() => mounted?.dispose());
    show(output(json));
    click(one(".st-row"));
    click(all("[role=tab]").find((tab) => tab.textContent === "Output"));
    expect(one("[aria-label='Copy all']")).toBeTruthy();
    click(one(".st-toggle"));
  };

  open('{"a": [1,  2]}');
  expect(one(".st-toggle").textContent).toBe("raw");
  expect(one(".st-panel").textContent).toBe('{"a": [1,  2]}');
  open('"**bold**"');
  expect(one(".st-toggle").textContent).toBe("markdown");
  expect(one(".st-panel strong, .st-panel b").textContent).toBe("bold");
});

test("failed and slow spans can be shown alone, each with the way to it", () => {
  show(payload("agent"));
  const chips = all(".st-chip");
  expect(chips.map((chip) => [chip.title.split(" ")[1], chip.textContent])).toEqual([
    ["retriever", "6"],
    ["model", "4"],
    ["reranker", "1"],
    ["tool", "1"],
    ["parser", "1"],
    ["failed", "1"],
    ["slow", "3"],
  ]);

  click(chips[5]);
  expect(names()).toEqual(["answer_question", "research", "lookup_city"]);
  click(chips[6]);
  expect(names()).toEqual([
    "answer_question",
    "research",
    "openai.chat",
    "openai.chat",
    "openai.chat",
  ]);
  click(chips[6]);
  expect(names().length).toBe(11);
});
