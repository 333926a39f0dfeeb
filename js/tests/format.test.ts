import { describe, expect, test } from "vitest";
import {
  formatBytes,
  formatCost,
  formatDuration,
  formatTick,
  formatTokens,
  plural,
  speakDuration,
  visibleText,
} from "../src/model/format";

const plain = (text: string) => text.replace("\u2009", " ");

describe("durations have three significant digits", () => {
  const cases: [number, string][] = [
    [0, "0 µs"],
    [420, "420 µs"],
    [999, "999 µs"],
    [20_000, "20.0 ms"],
    [1_000, "1.00 ms"],
    [312_400, "312 ms"],
    [999_600, "1.00 s"],
    [3_420_000, "3.42 s"],
    [59_960_000, "1m00s"],
    [125_000_000, "2m05s"],
    [3_720_000_000, "1h02m"],
    [3_599_600_000, "1h00m"],
    [-1500, "-1.50 ms"],
  ];
  for (const [us, text] of cases) test(text, () => expect(plain(formatDuration(us))).toBe(text));
});

test("ticks drop zeros, speech says the unit", () => {
  expect(plain(formatTick(500_000))).toBe("500 ms");
  expect(plain(formatTick(1_500_000))).toBe("1.5 s");
  expect(formatTick(0)).toBe("0");
  expect(speakDuration(1_200_000)).toBe("1.20 seconds");
});

test("tokens, cost, sizes, counts", () => {
  expect([812, 1204, 12_345, 1_234_567].map(formatTokens)).toEqual([
    "812",
    "1,204",
    "12.3k",
    "1.2M",
  ]);
  expect([0.021, 0.00021, 0.01998, 1.234, 0].map(formatCost)).toEqual([
    "$0.021",
    "$0.00021",
    "$0.02",
    "$1.23",
    "$0",
  ]);
  expect([812, 8200, 375_000].map((bytes) => plain(formatBytes(bytes)))).toEqual([
    "812 B",
    "8.2 kB",
    "375 kB",
  ]);
  expect([plural(1, "span"), plural(1240, "span")]).toEqual(["1 span", "1,240 spans"]);
});

test("characters that hide or reorder text become visible", () => {
  expect(visibleText("a\u202eb\u001b[31m\u200b")).toBe("a\\u202eb\\x1b[31m\\u200b");
  expect(visibleText("line\n\tindent")).toBe("line\n\tindent");
});
