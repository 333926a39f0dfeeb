"""Measure the viewer in real JupyterLab, beside MLflow's notebook renderer.

    python benchmarks/viewer.py [spans …] [--rounds 3] [--no-mlflow] [--markdown FILE]

A trace of each size comes as the output of a cell that a kernel runs, and stands as
a saved output in a notebook that Chromium opens without a kernel; each figure is the
least of the rounds. MLflow's figures are of the same traces, logged to an MLflow server
on this machine, whose page its notebook output embeds. The table says which budgets are
kept; a frame lasts 16.7 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from environments import NotInstalledError, environment
from lab import say
from nbformat.sign import NotebookNotary
from playwright.sync_api import Error, sync_playwright
from report import Table
from run import machine, write_page

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from support.lab import (  # noqa: E402 - the tests' folder is on the path only now
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    LONG,
    free_port,
    jupyter,
    kernel_is_idle,
    open_notebook,
    run_all,
)
from unit.render.drawn_traces import span, trace  # noqa: E402

from spantree.render import FULL, MIME, build_output  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser, Page

    Figures = dict[str, float]

SIZES = (50, 1_000, 10_000, 100_000)
# It sends each span on its own: 10,000 take minutes before anything is drawn.
MLFLOW_SIZES = (50, 1_000)
MLFLOW_SECONDS = 90
MANY = 20
# Milliseconds by size, from the first paint of 50 spans to that of 100,000.
FIRST_PAINT = {50: 50, 1_000: 60, 10_000: 150, 100_000: 600}
FRAME = 16.8  # one frame, as the clock of a page rounds it
BUDGETS: dict[str, tuple[str, dict[int, float]]] = {
    "paint": ("first paint, ms", FIRST_PAINT),
    "opened": ("first paint in a notebook that opens, ms", {}),
    "nodes": ("elements", dict.fromkeys(SIZES, 600)),
    "heap": ("heap, MB", {10_000: 15, 100_000: 60}),
    "scroll": ("scroll frame p95, ms", {10_000: FRAME}),
    "longest": ("longest frame, ms", {10_000: 50}),
    "expand": ("expand all, ms", {10_000: 30, 100_000: 80}),
    "search": ("search, ms", {100_000: 60}),
    "key": ("key to paint p95, ms", dict.fromkeys(SIZES, 33)),
}
MANY_BUDGET = 600

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
# Inside MLflow's frame: when it shows a span.
NOTE_MLFLOW = """
if (location.pathname.includes('notebook-trace-renderer')) {
  new MutationObserver((_, observer) => {
    if (!document.body?.innerText.includes('root')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => {
      window.shown = performance.timeOrigin + performance.now();
    }));
  }).observe(document, { subtree: true, childList: true, characterData: true });
}
"""


def shape(size: int) -> Iterator[tuple[int, int | None, str, str, float, float]]:
    """Give the spans of a trace, groups of ten below the root: id … start, ms."""
    yield 1, None, "root", "AGENT", 0, size
    for key in range(2, size + 1):
        parent = 1 if key % 10 == 2 else key - (key - 2) % 10
        kind = "CHAT_MODEL" if key % 7 == 0 else "TOOL"
        yield key, parent, f"step {key % 50}", kind, key, 0.9


def output(size: int) -> dict[str, object]:
    """Build the viewer's payload of a trace."""
    made = trace([span(*given) for given in shape(size)])
    return build_output([made], key=f"{size:016x}", budget=FULL)


def write(path: Path, bundles: Sequence[dict[str, Any]]) -> None:
    """Write a trusted notebook that holds nothing but outputs."""
    cells = []
    for bundle in bundles:
        shown = nbformat.v4.new_output("display_data", data=bundle)
        cells.append(nbformat.v4.new_code_cell("1", outputs=[shown], execution_count=1))
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"at": str(path)})
    nbformat.write(notebook, path)
    NotebookNotary().sign(nbformat.read(path, as_version=4))


def write_both(root: Path, name: str, bundle: dict[str, Any]) -> None:
    """Write a notebook that holds an output, and one whose cell makes it."""
    write(root / f"{name}.ipynb", [bundle])
    (root / f"{name}.json").write_text(json.dumps(bundle))
    cell = nbformat.v4.new_code_cell(
        "import json, pathlib\n"
        "from IPython.display import display\n"
        f"display(json.loads(pathlib.Path('{name}.json').read_text()), raw=True)"
    )
    spec = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": spec})
    nbformat.write(notebook, root / f"arrives-{name}.ipynb")


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


def measure_mlflow(browser: Browser, url: str, size: int) -> Figures:
    """Give what is comparable of MLflow's: first paint, elements, heap of its frame."""
    name, words = f"arrives-mlflow-{size}.ipynb", "trace-renderer"
    with arrived(browser, url, name, words, "iframe", NOTE_MLFLOW) as page:
        [frame] = [one for one in page.frames if "trace-renderer" in one.url]
        frame.wait_for_function("window.shown", timeout=1000 * MLFLOW_SECONDS)
        page.wait_for_timeout(1500)
        start = page.evaluate("performance.timeOrigin + window.paint.arrived")
        paint = frame.evaluate("window.shown") - start
        nodes = frame.evaluate("document.querySelectorAll('*').length")
        heap = frame.evaluate("performance.memory.usedJSHeapSize / 1e6")
    return {"paint": paint, "nodes": nodes, "heap": heap}


@contextlib.contextmanager
def mlflow_outputs(
    folder: Path, sizes: Sequence[int], notes: list[str]
) -> Iterator[dict[int, str]]:
    """Log the traces to an MLflow server; give its notebook outputs while it runs.

    A size that MLflow fails at is a line in `notes` and has no output.

    Raises:
        NotInstalledError: If mlflow cannot be installed, or its server does not start.
    """
    command = [environment("mlflow"), Path(__file__).with_name("mlflow_notebook.py")]
    orders = json.dumps({str(size): list(shape(size)) for size in sizes})
    port = str(free_port())
    with (folder / "mlflow.log").open("w") as log:
        process = subprocess.Popen(
            [*map(str, command), str(folder), port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(orders + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise NotInstalledError((folder / "mlflow.log").read_text()[-400:])
        outputs = {}
        for size, given in json.loads(answer).items():
            if "html" in given:
                outputs[int(size)] = given["html"]
            else:
                notes.append(f"MLflow logged no {int(size):,} spans: {given['error']}.")
        yield outputs
    finally:
        process.terminate()  # and it ends its server
        process.communicate()


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


def table_of(figures: dict[int, Figures]) -> Table:
    """Lay out the viewer's figures, each with its budget where it has one."""
    rows = []
    for name, (words, budgets) in BUDGETS.items():
        cells = [words]
        for size, found in figures.items():
            cells.append(judged(found.get(name), budgets.get(size)))
        rows.append(cells)
    head = ["", *(f"{size:,} spans" for size in figures)]
    return Table("The viewer in JupyterLab", head, rows)


def judged(figure: float | None, budget: float | None) -> str:
    """Write a figure, and whether it keeps its budget."""
    if figure is None:
        return "**not measured**"
    text = f"{figure:.1f}" if figure < 100 else f"{figure:.0f}"
    if budget is None:
        return text
    return f"{text} ≤ {budget:g}" if figure <= budget else f"**{text} > {budget:g}**"


def mlflow_table(ours: dict[int, Figures], theirs: dict[int, Figures]) -> Table:
    """Lay out both viewers side by side, with ratios."""
    rows = []
    for size, found in theirs.items():
        for name in ("paint", "nodes", "heap"):
            own, other = ours[size].get(name, 0.0), found[name]
            ratio = f"{other / own:.1f} ×" if own > 0 else ""
            words = BUDGETS[name][0]
            rows.append([f"{size:,}", words, f"{own:.0f}", f"{other:.0f}", ratio])
    head = ["spans", "", "spantree", "MLflow", "ratio"]
    return Table("Beside MLflow's notebook renderer", head, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 when a budget of the viewer is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, help="spans; default: all four")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--no-mlflow", action="store_true", help="spantree alone")
    parser.add_argument("--markdown", type=Path, help="also write into this page")
    given = parser.parse_args(arguments)
    sizes = given.sizes or list(SIZES)
    peers = [] if given.no_mlflow else [size for size in sizes if size in MLFLOW_SIZES]
    load = os.getloadavg()[0]
    notes: list[str] = []
    if set(sizes) - set(MLFLOW_SIZES) and not given.no_mlflow:
        most = max(MLFLOW_SIZES)
        notes.append(
            f"MLflow was given no more than {most:,} spans: it logs one at a time."
        )
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        theirs = _outputs_of_mlflow(stack, root, peers, notes)
        _write_notebooks(root, sizes, theirs)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS
        )
        url = stack.enter_context(jupyter(root)).url
        with opened(browser, url, "empty.ipynb", "") as page:
            baseline = heap_of(page)
        ours = {}
        for size in sizes:
            say(f"{size:,} spans …")
            one = functools.partial(measure, browser, url, size, baseline)
            ours[size] = repeated(one, given.rounds, notes)
        say("plain text …")
        one = functools.partial(measure_plain, browser, url)
        plain = repeated(one, given.rounds, notes)
        say(f"{MANY} viewers …")
        one = functools.partial(measure_many, browser, url)
        many = repeated(one, given.rounds, notes).get("many")
        peer = _figures_of_mlflow(browser, url, list(theirs), given.rounds, notes)
        head = machine(load, f"{given.rounds} rounds, Chromium {browser.version}.")
        browser.close()
    tables = [table_of(ours)]
    if peer:
        tables.append(mlflow_table(ours, peer))
    notes.insert(0, f"{MANY} viewers in one notebook: {judged(many, MANY_BUDGET)} ms.")
    both = [judged(plain.get(name), None) for name in ("paint", "opened")]
    notes.insert(1, "Twelve lines of text instead: {} and {} ms.".format(*both))
    print("\n".join([*head, *notes, *(table.text() for table in tables)]))
    if given.markdown:
        write_page(given.markdown, [*head, "", *notes], tables)
    return int(any("**" in text for text in (table_of(ours).text(), notes[0])))


def _outputs_of_mlflow(
    stack: contextlib.ExitStack, root: Path, sizes: list[int], notes: list[str]
) -> dict[int, str]:
    if not sizes:
        return {}
    try:
        return stack.enter_context(mlflow_outputs(root, sizes, notes))
    except NotInstalledError as error:
        notes.append(f"MLflow could not be measured: {error}")
        return {}


def _write_notebooks(root: Path, sizes: list[int], theirs: dict[int, str]) -> None:
    nbformat.write(nbformat.v4.new_notebook(), root / "empty.ipynb")
    for size in sizes:
        write_both(root, str(size), {MIME: output(size), "text/plain": "a trace"})
    write_both(root, "plain", {"text/plain": "a line\n" * 12})
    small = output(50)
    many = [{MIME: {**small, "key": f"{number:016x}"}} for number in range(MANY)]
    write(root / "many.ipynb", many)
    for size, html in theirs.items():
        write_both(root, f"mlflow-{size}", {"text/html": html})
    # All outputs are drawn at once, not those in sight.
    settings = root / ".settings/@jupyterlab/notebook-extension"
    settings.mkdir(parents=True)
    wanted = json.dumps({"windowingMode": "none"})
    (settings / "tracker.jupyterlab-settings").write_text(wanted)


def _figures_of_mlflow(
    browser: Browser, url: str, sizes: list[int], rounds: int, notes: list[str]
) -> dict[int, Figures]:
    figures = {}
    for size in sizes:
        say(f"{size:,} spans in MLflow …")
        one = functools.partial(measure_mlflow, browser, url, size)
        failures: list[str] = []
        found = repeated(one, rounds, failures)
        if found:
            figures[size] = found
        notes += [f"MLflow, {size:,} spans: {failure}" for failure in failures]
    return figures


if __name__ == "__main__":
    sys.exit(main())
