import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLink, LinkError, NO_SPANTREE } from "../src/model/link";

let sent: { id: number; op: string }[] = [];
let busy = false;

function linked() {
  const link = createLink({
    send: (message) => sent.push(message as never),
    isBusy: () => busy,
  });
  const answer = (content: object) => link.receive({ id: sent.at(-1)?.id, ...content });
  return { link, answer };
}

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  busy = false;
});

afterEach(() => {
  vi.useRealTimers();
});

test("the first request greets, later ones do not", async () => {
  const { link, answer } = linked();
  const first = link.request("list", { limit: 3 });
  expect(sent.map((one) => one.op)).toEqual(["hello"]);
  answer({ ok: true });
  await vi.advanceTimersByTimeAsync(0);
  expect(sent.at(-1)).toMatchObject({ op: "list", limit: 3 });
  answer({ ok: true, traces: [] });
  expect((await first).content.traces).toEqual([]);
  void link.request("list", {});
  await vi.advanceTimersByTimeAsync(0);
  expect(sent.map((one) => one.op)).toEqual(["hello", "list", "list"]);
});

test.each([
  [false, NO_SPANTREE],
  [true, "The kernel is busy; try again when the cell has finished."],
])("two seconds of silence: busy %s", async (isBusy, sentence) => {
  busy = isBusy;
  const { link } = linked();
  const failed = expect(link.request("list", {})).rejects.toThrow(sentence);
  await vi.advanceTimersByTimeAsync(2_000);
  await failed;
  void link.request("list", {}).catch(() => undefined);
  expect(sent.map((one) => one.op)).toEqual(["hello", "hello"]);
});

test("a refusal is an error with its place, and a closed link fails what waits", async () => {
  const { link, answer } = linked();
  const refused = link.request("list", { filter: "nmae" });
  answer({ ok: true });
  await vi.advanceTimersByTimeAsync(0);
  answer({ ok: false, error: "no nmae", position: 4 });
  await expect(refused).rejects.toEqual(new LinkError("no nmae", 4));
  const waiting = expect(link.request("list", {})).rejects.toThrow("gone");
  await vi.advanceTimersByTimeAsync(0);
  link.close("gone");
  await waiting;
});

test("noise is ignored", () => {
  const { link } = linked();
  for (const noise of [null, 3, "x", {}, { id: 99, ok: true }, { id: "__proto__" }]) {
    link.receive(noise);
  }
  expect(sent).toEqual([]);
});
