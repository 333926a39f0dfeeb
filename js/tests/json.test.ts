import { describe, expect, test } from "vitest";
import {
  childrenOf,
  get,
  items,
  keyOf,
  parseJson,
  pathOf,
  plainText,
  sourceOf,
  stringOf,
} from "../src/model/json";

function parse(source: string) {
  const doc = parseJson(source);
  if (doc === null) throw new Error("no JSON");
  return doc;
}

test("numbers keep their source text", () => {
  const doc = parse('{"big": 12345678901234567890, "small": 1.10, "exp": 1E+400}');
  expect(childrenOf(doc, 0).map((token) => sourceOf(doc, token))).toEqual([
    "12345678901234567890",
    "1.10",
    "1E+400",
  ]);
});

test("keys a program could trip over are only text", () => {
  const doc = parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": 2}');
  expect(childrenOf(doc, 0).map((token) => keyOf(doc, token))).toEqual([
    "__proto__",
    "constructor",
    "toString",
  ]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(get(doc, 0, "hasOwnProperty")).toBeNull();
});

test("paths, escapes, nesting", () => {
  const doc = parse('{"messages":[{"content":"a\\"b\\n\\u00e9"}],"odd key":[]}');
  const [message] = items(doc, get(doc, 0, "messages"));
  const content = get(doc, message ?? null, "content");
  expect(stringOf(doc, content)).toBe('a"b\né');
  expect(pathOf(doc, content ?? 0)).toBe("messages[0].content");
  expect(pathOf(doc, get(doc, 0, "odd key") ?? 0)).toBe('["odd key"]');
  expect(plainText(doc, message ?? 0)).toBe('{"content":"a\\"b\\n\\u00e9"}');
});

describe("text that ends early shows what there is", () => {
  const cases: [string, number][] = [
    ['{"a": 1, "b": "unfinis', 3],
    ['{"a": [1, 2', 4],
    ['{"a": 1, "b', 2],
    ["[1, 2,", 3],
    ['{"a": {"b": {"c"', 3],
  ];
  for (const [source, tokens] of cases) {
    test(source, () => {
      const doc = parse(source);
      expect(doc.incomplete).toBe(true);
      expect(doc.kinds.length).toBe(tokens);
    });
  }
});

test("what is no JSON is null, and nonsense ends the document", () => {
  for (const source of ["", "hello", "<b>", "}", "'a'"]) expect(parseJson(source)).toBeNull();
  for (const source of ["[1 2]", '{"a" 1}', "[1] x", "[tru]", "{1: 2}"]) {
    expect(parseJson(source)?.incomplete).toBe(true);
  }
});

test("deep and long values neither overflow nor take long", () => {
  expect(parse(`${"[".repeat(200)}1${"]".repeat(200)}`).incomplete).toBe(false);
  expect(parse("[".repeat(100_000)).incomplete).toBe(true);
  const started = performance.now();
  parse(`[${"1,".repeat(500_000)}1]`);
  parse(JSON.stringify(["\\".repeat(200_000)]));
  expect(performance.now() - started).toBeLessThan(3000);
});

test("valid documents agree with the engine's parser", () => {
  const sources = ['{"a":[true,false,null,-1.5e-3,"x",{}]}', "[]", '"text"', " 3 ", "[[],[[]]]"];
  for (const source of sources) {
    const doc = parse(source);
    expect(doc.incomplete).toBe(false);
    expect(JSON.parse(sourceOf(doc, 0))).toEqual(JSON.parse(source));
  }
});
