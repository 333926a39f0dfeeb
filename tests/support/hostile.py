"""Traces that hold an attack in every place a viewer draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

XSS = Path(__file__).parents[1] / "fixtures" / "xss.json"
OPEN_EVERYTHING = """async () => {
  const root = document.querySelector('.st-root:not(.st-side)');
  // A message comes after what is waiting, without the 4 ms a timer costs at least.
  const { port1, port2 } = new MessageChannel();
  const settled = () => new Promise((done) => {
    port1.onmessage = done;
    port2.postMessage(0);
  });
  const unfold = () => {
    for (const fold of root.querySelectorAll('.st-panel [aria-expanded=false]')) {
      fold.click();
    }
  };
  const more = root.querySelector('.st-more');
  if (more) { more.click(); await settled(); }
  const box = root.querySelector('.st-scroll');
  const seen = new Set();
  let idle = 0;
  let drawn = 0;
  while (idle < 3) {
    // Elements are used again for other rows: only where they are tells their order.
    const [row] = [...root.querySelectorAll('.st-row')]
      .filter((one) => !seen.has(one.id))
      .sort((a, b) => a.offsetTop - b.offsetTop);
    if (!row) {
      idle++;
      box.scrollTop += 200;
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      continue;
    }
    idle = 0;
    seen.add(row.id);
    row.click();
    await settled();
    const count = root.querySelectorAll('[role=tab]').length;
    for (let tab = 0; tab < count; tab++) {
      root.querySelectorAll('[role=tab]')[tab]?.click();
      await settled();
      unfold();
      // The other way to show it; it stays so for the next one, which is flipped, too.
      const toggle = root.querySelector('.st-toggle');
      if (toggle) { toggle.click(); await settled(); unfold(); }
      for (const node of root.querySelectorAll('.st-panel *')) {
        for (const type of ['mouseover', 'focus', 'animationstart', 'toggle']) {
          node.dispatchEvent(new Event(type, { bubbles: true }));
        }
      }
      drawn++;
    }
  }
  return { rows: seen.size, drawn };
}"""
FINDINGS = """() => ({
  pwned: window.__pwned,
  polluted: ({}).polluted,
  elements: [...document.querySelectorAll('.st-root :is(' +
    'script, iframe, object, embed, form:not(.st-form, .st-search), style, link, base, math, ' +
    'video, template, marquee, [onload], [onerror], [onclick], [onfocus], ' +
    '[srcdoc], [data-commandlinker-command])')].map((one) => one.outerHTML),
  links: [...document.querySelectorAll('.st-root a')].map((one) => one.protocol),
  images: [...document.querySelectorAll('.st-root img')].map((one) => one.src.slice(0, 40)),
})"""


def attacks() -> list[str]:
    """All payloads of the corpus, in order."""
    return [text for group in json.loads(XSS.read_text()).values() for text in group]


def hostile_output(texts: list[str], key: str) -> dict[str, Any]:
    """Build an output with one span per text, which stands in every position."""
    return {
        "v": 1,
        "by": "spantree 0.1.0",
        "key": key,
        "rev": 0,
        "live": False,
        "view": {"mode": "tree", "depth": 9, "open_errors": True},
        "total": 1,
        "traces": [_trace(texts, key)],
    }


def hostile_comparison(texts: list[str]) -> dict[str, Any]:
    """Build a comparison of two runs whose spans are gone, new, or differ by attacks."""
    output = hostile_output(texts, "c" * 16)
    [after] = output["traces"]
    [before] = hostile_output(texts[::-1], "d" * 16)["traces"]
    size = after["n"]
    gone = range(size - 10, size)
    return {
        **output,
        "view": {"mode": "compare", "depth": 9, "open_errors": True},
        "headline": texts[0],
        "traces": [before, after],
        "pairs": {
            "a": [*range(size - 20), *[-1] * 20, *gone],
            "b": [*range(size), *[-1] * 10],
            "c": [7] * (size - 20) + [0] * 30,
        },
    }


def hostile_list(texts: list[str], mode: str) -> dict[str, Any]:
    """Build an output of many traces, each named and described by an attack."""
    output = hostile_output(texts, "e" * 16)
    small = hostile_output(texts[:4], "e" * 16)["traces"]
    traces = [
        {**small[0], "id": f"tr-{number:032x}", "name": text, "req": text, "resp": text}
        for number, text in enumerate(texts)
    ]
    rows = [
        {"id": text, "name": text, "state": text, "dur": 1, "tokens": 1, "error": text}
        for text in texts
    ]
    groups = [
        {"name": text, "count": 1, "errors": 1, "p50": 1, "p95": 1, "tokens": 1}
        for text in texts
    ]
    return {
        **output,
        "view": {"mode": mode, "depth": 2, "open_errors": True},
        "total": len(traces) + 3,
        "traces": traces,
        "table": {"groups": groups[:20], "slowest": rows[20:25], "failed": rows[30:35]},
    }


def _trace(texts: list[str], key: str) -> dict[str, object]:
    size = len(texts) + 1
    rows = list(range(1, size))
    shown = [text[:200] for text in texts]
    return {
        "id": f"tr-{key}{key}",
        "name": texts[0],
        "state": texts[1],
        "t0": "1795262400123456789",
        "dur": size * 100,
        "n": size,
        "errors": len(texts),
        "usage": {},
        "req": texts[0],
        "resp": texts[1],
        "session": texts[2],
        "user": texts[3],
        "tags": {text: text for text in shown[:20]},
        "assess": [
            {
                "id": f"a{row}",
                "name": text,
                "kind": "FEEDBACK",
                "value": text,
                "source": text,
                "why": text,
                "row": row,
            }
            for row, text in zip(rows, shown, strict=True)
        ],
        "cols": {
            "p": [-1] + [0] * len(texts),
            "n": list(range(size)),
            "names": ["root", *texts],
            "t": list(range(size)),
            "types": ["AGENT", *texts],
            "s": [100 * row for row in range(size)],
            "d": [size * 100] + [100] * len(texts),
            "e": [1] + [2] * len(texts),
            "f": [0] * size,
            "id": "".join(f"{row:016x}" for row in range(size)),
            "m": [rows, list(range(len(texts)))],
            "models": texts,
            "x": [rows, shown, shown],
            "ev": [rows, rows, rows, texts],
        },
        "text": {"r": rows, "i": texts, "o": texts},
        "bodies": {"r": rows, "b": [_body(text) for text in texts]},
        "blobs": [{"mime": texts[0], "bytes": 5, "ref": texts[1], "data": texts[2]}],
        "cut": {},
        "lost": {"n": 3, "why": texts[0]},
    }


def _body(text: str) -> dict[str, object]:
    image = {"type": "image_url", "image_url": {"url": text}}
    call = {
        "id": text,
        "function": {"name": text, "arguments": json.dumps({text: text})},
    }
    messages = [
        {"role": text, "content": text},
        {"role": "user", "content": [{"type": "text", "text": text}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": text, "content": text},
    ]
    return {
        "in": json.dumps({"messages": messages, text: text}),
        "out": json.dumps({text: [text, {text: text}], "file": {"$blob": 0}}),
        "attrs": json.dumps({text: text}),
        "events": json.dumps([{"name": text, "attributes": {text: text}}]),
        "links": json.dumps([{"trace_id": text}]),
        "exc": {
            "type": text,
            "message": text,
            "stack": f'File "{text}", line 1\n{text}',
        },
    }
