import { describe, expect, test } from "vitest";
import { safeUrl } from "../src/model/links";
import { parseInline, parseMarkdown } from "../src/model/markdown";
import { filterFor, pythonFor, pythonString } from "../src/model/python";
import { splitStack } from "../src/model/stack";

describe("markdown", () => {
  test("blocks", () => {
    const text =
      "# Title\n\nA **bold** *word* and `code`.\n\n- one\n- two\n\n1. x\n\n> said\n\n```py\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---";
    expect(parseMarkdown(text).map((block) => block.kind)).toEqual([
      "heading",
      "paragraph",
      "list",
      "list",
      "quote",
      "code",
      "table",
      "rule",
    ]);
  });

  test("inline marks", () => {
    expect(parseInline("a **b** `c` [d](https://e.org)")).toEqual([
      { kind: "text", text: "a " },
      { kind: "strong", children: [{ kind: "text", text: "b" }] },
      { kind: "text", text: " " },
      { kind: "code", text: "c" },
      { kind: "text", text: " " },
      { kind: "link", url: "https://e.org", text: "d" },
    ]);
  });

  test("HTML is text, snake_case and products are no emphasis", () => {
    expect(parseInline("<img src=x onerror=alert(1)>")).toEqual([
      { kind: "text", text: "<img src=x onerror=alert(1)>" },
    ]);
    expect(parseInline("read_the_file and 2*3*4")).toEqual([
      { kind: "text", text: "read_the_file and 2*3*4" },
    ]);
  });

  test("hostile text takes no time", () => {
    const started = performance.now();
    for (const piece of ["*", "[", "`", "> ", "|a", "![](", "__", "#"])
      parseMarkdown(piece.repeat(50_000));
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

test("links go to the web or to mail, nowhere else", () => {
  expect(safeUrl("https://example.org/a?b=c")).toBe("https://example.org/a?b=c");
  expect(safeUrl("mailto:a@b.org")).toBe("mailto:a@b.org");
  for (const url of [
    "javascript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>",
    "vbscript:x",
    "blob:https://x",
    "file:///etc/passwd",
    "/relative",
    "//example.org",
    "",
  ]) {
    expect(safeUrl(url)).toBeNull();
  }
});

test("Python literals cannot be left", () => {
  expect(pythonString("it's")).toBe('"it\'s"');
  expect(pythonString(`a'"b\\`)).toBe("'a\\'\"b\\\\'");
  expect(pythonString("x\n\u202ey\u2028")).toBe("'x\\n\\u202ey\\u2028'");
  expect(pythonFor("tr-1", "ab", "n")).toBe(
    "spantree.get_trace('tr-1').search_spans(span_id='ab')[0]",
  );
  expect(filterFor("o'x")).toBe("spantree.search_traces(\"span.name = 'o''x'\")");
});

test("the reader's own frames come first, innermost first", () => {
  const stack = `Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/lib.py", line 8, in call
    return fn()
  File "Cell In[3]", line 4, in lookup
    x["city"]
  File "/home/ada/app.py", line 31, in get
    raise KeyError(key)
KeyError: 'city'`;
  expect(splitStack(stack).own).toEqual([
    { place: "app.py, line 31 in get", code: "raise KeyError(key)" },
    { place: "cell [3], line 4 in lookup", code: 'x["city"]' },
  ]);
});
