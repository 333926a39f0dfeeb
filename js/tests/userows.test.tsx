import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Listing, useRows } from "../src/page/useRows";

let listing: Listing;
let asked = 0;
let answersAfter = 0;
let isRefused = false;
let element: HTMLElement;

function Probe({ order = "" }: { order?: string }) {
  listing = useRows({ filter: "", order, experiment: "" });
  return null;
}

function show(order = ""): Promise<void> {
  return act(() => render(<Probe order={order} />, element));
}

function pass(ms: number): Promise<void> {
  return act(async () => {
    await vi.advanceTimersByTimeAsync(ms);
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  answersAfter = 10;
  isRefused = false;
  element = document.createElement("div");
  vi.stubGlobal("fetch", async () => {
    asked++;
    await new Promise((resolve) => setTimeout(resolve, answersAfter));
    return isRefused
      ? Response.json({ message: "No such field" }, { status: 400 })
      : Response.json({ traces: [], next_cursor: null, complete: true });
  });
});

afterEach(() => {
  render(null, element);
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("new traces are asked for every two seconds", async () => {
  await show();
  await pass(10);
  expect([asked, listing.pause]).toEqual([1, 2_000]);
  await pass(10_050);
  expect(asked).toBe(6);
});

test("one slow answer makes the next wait, and does not end the following", async () => {
  await show();
  await pass(10);
  answersAfter = 700;
  await pass(2_000 + 700);
  expect([asked, listing.pause]).toEqual([2, 7_000]);
  answersAfter = 10;
  await pass(6_990);
  expect(asked).toBe(2);
  await pass(20);
  expect([asked, listing.pause]).toEqual([3, 2_000]);
  await pass(4_020);
  expect(asked).toBe(5);
});

test("while an answer is awaited nothing more is asked", async () => {
  await show();
  await pass(10);
  answersAfter = 60_000;
  await pass(50_000);
  expect(asked).toBe(2);
});

test("a hidden page asks nothing, and goes on when it is looked at", async () => {
  const visible = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  await show();
  await pass(10);
  await pass(10_000);
  expect(asked).toBe(1);
  visible.mockRestore();
  await pass(2_010);
  expect(asked).toBe(2);
});

test("what was refused is not asked again by itself, and can be by hand", async () => {
  isRefused = true;
  await show();
  await pass(10);
  expect([asked, listing.pause, listing.problem]).toEqual([1, null, "No such field"]);
  await pass(10_000);
  expect(asked).toBe(1);
  isRefused = false;
  listing.refresh();
  await pass(10);
  expect([asked, listing.pause, listing.problem]).toEqual([2, 2_000, null]);
});

test("a page that is left asks nothing more", async () => {
  await show();
  await pass(10);
  answersAfter = 500;
  await pass(2_100);
  await act(() => render(null, element));
  await pass(60_000);
  expect(asked).toBe(2);
});
