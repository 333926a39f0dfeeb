"""Pages of JupyterLab that note when a viewer is drawn, and what is measured there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from playwright.sync_api import Error
from support.lab import LONG, kernel_is_idle, open_notebook, run_all
from viewer_notebooks import MANY

from spantree.render import MIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    Figures = dict[str, float]

# When the message with an output is there, and when its frame is; the rest of a long
# message is not looked at.
NOTE_ARRIVAL = """
window.paint = {};
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => {
      if (!(data instanceof ArrayBuffer) || paint.arrived) return;
      const now = performance.now();
      const start = new Uint8Array(data, 0, Math.min(data.byteLength, 8192));
      if (new TextDecoder().decode(start).includes('WORDS')) paint.arrived = now;
    });
  }
};
new MutationObserver((_, observer) => {
  if (!document.querySelector('.jp-OutputArea-output DRAWN')) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { paint.shown = performance.now(); }));
}).observe(document, { subtree: true, childList: true });
"""
# JupyterLab draws outputs long before it puts them into the page. So two are added:
# of each drawing, from a viewer's first attribute to the node that holds the others;
# and from the first one in the page to the frame that shows them.
NOTE_PAINTS = """
window.paint = { drawing: 0 };
const { setAttribute } = Element.prototype;
const { insertBefore } = Node.prototype;
let start = 0;
Element.prototype.setAttribute = function (name, value) {
  if (name === 'data-lm-suppress-shortcuts' && value) start = performance.now();
  setAttribute.call(this, name, value);
};
Node.prototype.insertBefore = function (...given) {
  if (start > 0 && this.className === 'st-root') {
    paint.drawing += performance.now() - start;
    start = 0;
  }
  return insertBefore.apply(this, given);
};
new MutationObserver(() => {
  const now = performance.now();
  const drawn = document.querySelectorAll('DRAWN').length;
  if (drawn === (paint.drawn ?? 0)) return;
  paint.drawn = drawn;
  paint.placed ??= now;
  requestAnimationFrame(() => setTimeout(() => {
    paint.all = paint.drawing + performance.now() - paint.placed;
  }));
}).observe(document, { subtree: true, childList: true });
"""
SCROLL = ".st-root .st-scroll"
PLAIN = ".jp-OutputArea-output pre"
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
  const openAll = root.querySelector("[aria-label='Open all (])']");
  const expand = await shown(() => openAll.click());
  const tree = root.querySelector('.st-tree');
  const press = (key) =>
    tree.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const keys = [];
  for (let n = 0; n < 20; n++) keys.push(await shown(() => press('ArrowDown')));
  const box = root.querySelector('.st-scroll');
  const frames = [];
  let before = await frame();
  for (let n = 0; n < 60; n++) {
    box.scrollTop += 240;
    const now = await frame();
    frames.push(now - before);
    before = now;
  }
  press('/');
  await frame();
  const input = root.querySelector('.st-search input');
  const search = await shown(() => {
    input.value = 'step 7';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  const nodes = root.querySelectorAll('*').length;
  return { opened: window.paint.all, nodes, scroll: p95(frames),
    longest: Math.max(...frames), expand, search, key: p95(keys) };
}"""


def heap_of(page: Page) -> float:
    """Give the used JavaScript heap in MB, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    return used / 1e6


@contextlib.contextmanager
def opened(
    browser: Browser, url: str, name: str, script: str, *, kernel: bool = False
) -> Iterator[Page]:
    """Open a notebook in a page of its own."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.add_init_script(script)
    if not kernel:
        # One that starts would take the processor from what is measured.
        page.route("**/api/sessions*", lambda route: route.abort())
    open_notebook(page, f"{url}/lab/tree/{name}")
    try:
        yield page
    finally:
        page.close()


@contextlib.contextmanager
def arrived(
    browser: Browser, url: str, name: str, words: str, drawn: str, more: str = ""
) -> Iterator[Page]:
    """Run the cell of a notebook; `words` tell its output's message."""
    script = NOTE_ARRIVAL.replace("WORDS", words).replace("DRAWN", drawn) + more
    with opened(browser, url, name, script, kernel=True) as page:
        kernel_is_idle(page)
        page.wait_for_timeout(1500)
        run_all(page)
        page.wait_for_function("window.paint.shown", timeout=LONG)
        yield page


def measure(browser: Browser, url: str, size: int, baseline: float) -> Figures:
    """Give one round's figures of one size."""
    with arrived(browser, url, f"arrives-{size}.ipynb", MIME, SCROLL) as page:
        paint = page.evaluate("window.paint.shown - window.paint.arrived")
    script = NOTE_PAINTS.replace("DRAWN", SCROLL)
    with opened(browser, url, f"{size}.ipynb", script) as page:
        page.wait_for_selector(".st-row", timeout=LONG)
        page.wait_for_timeout(1500)
        heap = heap_of(page) - baseline
        return {"paint": paint, **page.evaluate(MEASURE), "heap": heap}


def measure_many(browser: Browser, url: str) -> Figures:
    """Give the time that all viewers of a notebook take until the last one's rows."""
    script = NOTE_PAINTS.replace("DRAWN", SCROLL)
    with opened(browser, url, "many.ipynb", script) as page:
        page.wait_for_function(f"window.paint.drawn === {MANY}", timeout=LONG)
        page.wait_for_timeout(500)
        return {"many": page.evaluate("window.paint.all")}


def measure_plain(browser: Browser, url: str) -> Figures:
    """Give what JupyterLab itself needs for lines of text."""
    with arrived(browser, url, "arrives-plain.ipynb", "a line", "pre") as page:
        paint = page.evaluate("window.paint.shown - window.paint.arrived")
    with opened(
        browser, url, "plain.ipynb", NOTE_PAINTS.replace("DRAWN", PLAIN)
    ) as page:
        page.wait_for_selector(PLAIN, timeout=LONG)
        page.wait_for_timeout(500)
        return {"paint": paint, "opened": page.evaluate("window.paint.all")}


def repeated(measure: Callable[[], Figures], rounds: int, notes: list[str]) -> Figures:
    """Give the least of each figure; a line in `notes` when every round fails."""
    found: list[Figures] = []
    failure = ""
    for _ in range(rounds):
        try:
            found.append(measure())
        except Error as error:
            failure = str(error).splitlines()[0]
    if not found:
        notes.append(f"Not measured: {failure}")
        return {}
    return {name: min(one[name] for one in found) for name in found[0]}
