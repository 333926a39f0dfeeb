import { constants, deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { inflate } from "../src/model/deflate";
import { BadPayload } from "../src/model/guard";
import { mulberry } from "./fixtures";

const MOST = 1 << 24;
const TEXT = "Every span of the trace, again and again. ";
const noise = Uint8Array.from({ length: 70_000 }, (_, at) => Math.imul(at, 0x9e3779b1) >>> 24);

test.each([
  ["nothing", "", {}],
  ["a letter", "a", {}],
  ["the codes that need no table", TEXT, { strategy: constants.Z_FIXED }],
  ["no codes at all, in more than one block", noise, { level: 0 }],
  ["one symbol over and over", "a".repeat(100_000), {}],
  ["distances as far as they go", `${TEXT}${"\u{1f333}é".repeat(9_000)}${TEXT}`, {}],
  ["lengths alone, without matches", noise, { strategy: constants.Z_HUFFMAN_ONLY }],
  ["several blocks, each with codes of its own", mixed(), { level: 9, memLevel: 1 }],
  ["the quickest", mixed(), { level: 1 }],
])("what zlib deflates comes back: %s", (_, given, options) => {
  const data = typeof given === "string" ? new TextEncoder().encode(given) : given;

  expect(Buffer.from(inflate(deflateSync(data, options), MOST)).equals(data)).toBe(true);
});

test("it stops at the most that is allowed", () => {
  const bomb = deflateSync(new Uint8Array(MOST + 1));

  expect(() => inflate(bomb, MOST)).toThrow("a packed part is too large");
});

test("data that are cut or changed give data or one error, and never hang", () => {
  const random = mulberry(3);
  const whole = deflateSync(mixed().subarray(0, 4_000));
  const outcome = (data: Uint8Array) => {
    try {
      return inflate(data, MOST).length;
    } catch (error) {
      return error;
    }
  };

  for (let length = 0; length < whole.length - 4; length++) {
    expect(outcome(whole.subarray(0, length))).toBeInstanceOf(BadPayload);
  }
  for (let round = 0; round < 800; round++) {
    const changed = Uint8Array.from(whole);
    for (let left = 1 + random() * 3; left > 0; left--) {
      changed[2 + Math.floor(random() * (changed.length - 2))] = Math.floor(random() * 256);
    }
    const found = outcome(changed);
    if (typeof found !== "number") expect(found).toBeInstanceOf(BadPayload);
  }
});

/** Text and numbers in turn, as in columns. */
function mixed(): Uint8Array {
  const random = mulberry(5);
  const parts = Array.from({ length: 20_000 }, (_, at) =>
    at % 50 === 0 ? TEXT : Math.floor(random() * 10 ** (at % 7)),
  );
  return new TextEncoder().encode(JSON.stringify(parts));
}
