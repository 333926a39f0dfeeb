"""Measure the viewer in real JupyterLab: `python benchmarks/viewer.py [spans …]`.

Prints one line per size: first paint after the output's element is there, elements of
the page that are the viewer's, JavaScript heap, frames while scrolling, and the time
from an action to the frame that shows it. A frame lasts 16.7 ms, the least there is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from support.lab import (  # noqa: E402 - the tests' folder is on the path only now
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    LONG,
    jupyter,
    open_notebook,
)
from unit.render.drawn_traces import span, trace  # noqa: E402

from spantree.render import FULL, MIME, build_output  # noqa: E402

SIZES = (50, 1_000, 10_000, 100_000)
NOTE_PAINTS = """
window.paint = {};
new MutationObserver(() => {
  const { paint } = window;
  if (!paint.root && document.querySelector('.st-root')) paint.root = performance.now();
  if (!paint.seen && document.querySelector('.st-row')) {
    paint.seen = true;
    requestAnimationFrame(() => setTimeout(() => { paint.rows = performance.now(); }));
  }
}).observe(document, { subtree: true, childList: true });
"""
MEASURE = """async () => {
  const root = document.querySelector('.st-root');
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const shown = async (act) => {
    await frame();
    const start = performance.now();
    act();
    await frame();
    await new Promise((done) => setTimeout(done));
    return performance.now() - start;
  };
  const p95 = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length * 0.95)];
  const nodes = root.querySelectorAll('*').length;
  const openAll = root.querySelector("[aria-label='Open all (])']");
  const expand = await shown(() => openAll.click());
  const tree = root.querySelector('.st-tree');
  const press = (key) =>
    tree.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const keys = [];
  for (let n = 0; n < 20; n++) keys.push(await shown(() => press('ArrowDown')));
  const box = root.querySelector('.st-scroll');
  const frames = [];
  await frame();
  let before = performance.now();
  for (let n = 0; n < 60; n++) {
    box.scrollTop += 240;
    await frame();
    frames.push(performance.now() - before);
    before = performance.now();
  }
  press('/');
  await frame();
  const input = root.querySelector('.st-search input');
  const search = await shown(() => {
    input.value = 'step 7';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  const open = root.querySelectorAll('*').length;
  const paint = window.paint.rows - window.paint.root;
  return { nodes, open, expand, search, paint, key: p95(keys), scroll: p95(frames),
    longest: Math.max(...frames) };
}"""


def output(size: int) -> dict[str, object]:
    """Build the output of a trace: groups of ten steps below the root."""
    spans = [span(1, None, "root", "AGENT", 0, size)]
    for key in range(2, size + 1):
        parent = 1 if key % 10 == 2 else key - (key - 2) % 10
        kind = "CHAT_MODEL" if key % 7 == 0 else "TOOL"
        spans.append(span(key, parent, f"step {key % 50}", kind, key, 0.9))
    return build_output([trace(spans)], key=f"{size:016x}", budget=FULL)


def write(root: Path, size: int) -> None:
    """Write a notebook that holds nothing but the output."""
    bundle = {MIME: output(size), "text/plain": "a trace"}
    shown = nbformat.v4.new_output("display_data", data=bundle)
    cell = nbformat.v4.new_code_cell("1", outputs=[shown], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), root / f"{size}.ipynb")


def heap_of(page: Page) -> float:
    """Give the used JavaScript heap in MB, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    return used / 1e6


def main() -> None:
    """Measure and print."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        nbformat.write(nbformat.v4.new_notebook(), root / "empty.ipynb")
        for size in sizes:
            write(root, size)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS
        )
        print(
            "   spans  paint  nodes/open   heap   scroll p95/max  "
            "expand all   search  key p95"
        )
        with jupyter("lab", root) as server:
            empty = browser.new_page()
            open_notebook(empty, server.url, "empty.ipynb")
            baseline = heap_of(empty)
            empty.close()
            for size in sizes:
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                page.add_init_script(NOTE_PAINTS)
                open_notebook(page, server.url, f"{size}.ipynb")
                page.wait_for_selector(".st-row", timeout=LONG)
                page.wait_for_timeout(1500)
                heap = heap_of(page) - baseline
                found = page.evaluate(MEASURE)
                print(
                    f"{size:>8,}{found['paint']:>5.0f} ms"
                    f"{found['nodes']:>7}/{found['open']:<5}{heap:>4.1f} MB"
                    f"{found['scroll']:>8.1f}/{found['longest']:<5.0f} ms"
                    f"{found['expand']:>9.0f} ms{found['search']:>6.0f} ms"
                    f"{found['key']:>6.0f} ms"
                )
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
