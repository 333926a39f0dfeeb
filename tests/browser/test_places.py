"""Where JupyterLab shows a trace beside its cell: tabs, files, the panel, as set."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib

import nbformat
import pytest
from support.lab import (
    LONG,
    ROOT,
    open_file,
    open_notebook,
    refuse_posts,
    write_outputs,
)
from support.pictures import assert_looks_the_same
from unit.render.drawn_traces import agent_trace, span, trace

from spantree.render import COMPLETE, MIME, build_output, mime_bundle

NAME = "places.ipynb"
FILE = "trace.spantree.json"
TAB = ".lm-DockPanel-widget.st-tab"
PANEL = "#spantree-traces"
SETTINGS = ".settings/spantree/settings.jupyterlab-settings"


def png(width, height):
    """Make a picture that does not deflate well, as base64."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    noise = random.Random(1)
    lines = b"".join(b"\0" + noise.randbytes(3 * width) for _ in range(height))
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (
        chunk(b"IHDR", size),
        chunk(b"IDAT", zlib.compress(lines)),
        chunk(b"IEND", b""),
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


PIXEL = png(1, 1)
PICTURE = png(30, 20)


def seen_trace():
    """A model call that was shown an image and given a key."""
    image = {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{PIXEL}"},
    }
    large = f"data:image/png;base64,{PICTURE}"
    told = [{"type": "text", "text": "Use <masked: api_key> here."}, image]
    messages = [{"role": "user", "content": told}]
    reply = {"choices": [{"message": {"role": "assistant", "content": "Red."}}]}
    call = span(
        1,
        None,
        "Completions",
        "CHAT_MODEL",
        0,
        20,
        model="gpt-x",
        inputs={"model": "gpt-x", "messages": messages, "stream": False},
        outputs={**reply, "file": large},
        attributes={"mlflow.message.format": "openai"},
    )
    return trace([call])


@pytest.fixture(scope="module")
def places(folder):
    """The module's folder, with a notebook of two traces and a file of one."""
    both = enumerate((agent_trace(), seen_trace()))
    bundles = [mime_bundle([one], key=f"{number:016x}") for number, one in both]
    write_outputs(folder.path / NAME, *bundles)
    output = build_output([agent_trace()], key="b" * 16, budget=COMPLETE)
    (folder.path / FILE).write_text(json.dumps(output))
    return folder


@pytest.fixture(scope="module")
def reading(places, desk):
    """One page for the tests that leave the notebook's page as it was."""
    return opened(places, desk)


@pytest.fixture
def notebook(places, second_desk):
    return opened(places, second_desk)


def opened(places, page, name=NAME):
    open_file(page, places, name, kernel=False)
    page.locator(f"{ROOT} .st-row").first.wait_for(timeout=LONG)
    return page


def run_command(page, name):
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").fill(name)
    page.locator(f".lm-CommandPalette-item >> text={name}").first.click()


def test_a_trace_opens_in_a_tab_with_what_was_selected(notebook):
    tree = notebook.locator(f".jp-CodeCell {ROOT}").first
    tree.locator(".st-row:has-text('lookup_city')").click()

    tree.locator("[aria-label='Open larger (o)']").click()

    tab = notebook.locator(TAB)
    tab.locator(".st-row").first.wait_for()
    assert tab.locator(".st-selected .st-name").inner_text() == "lookup_city"
    assert tab.locator(".st-more").count() == 0
    title = notebook.locator(".lm-DockPanel-tabBar .lm-mod-current").inner_text()
    assert title.strip() == "answer_question"


def test_a_closed_tab_opens_again(notebook):
    larger = notebook.locator(f".jp-CodeCell {ROOT} [aria-label='Open larger (o)']")
    larger.first.click()
    notebook.locator(f"{TAB} .st-row").first.wait_for()
    tab = notebook.locator(".lm-DockPanel-tabBar .lm-mod-current")

    tab.locator(".lm-TabBar-tabCloseIcon").click()
    notebook.locator(TAB).wait_for(state="detached")
    larger.first.click()

    notebook.locator(f"{TAB} .st-row").first.wait_for()


def test_the_palette_opens_the_selected_cell_s_trace(notebook):
    notebook.locator(".jp-CodeCell .cm-content").first.click()

    run_command(notebook, "Open the Cell's Trace in a Tab")

    notebook.locator(f"{TAB} .st-row").first.wait_for()


def test_a_file_opens_as_a_document(places, second_desk):
    open_file(second_desk, places, FILE)

    rows = second_desk.locator(f".jp-MimeDocument {ROOT} .st-row")
    rows.first.wait_for(timeout=LONG)
    assert "answer_question" in rows.first.inner_text()


def test_without_a_kernel_the_panel_lists_what_the_notebook_holds(notebook):
    run_command(notebook, "Show Traces")
    lines = notebook.locator(f"{PANEL} .st-side-line")
    lines.first.wait_for()

    assert_looks_the_same(notebook, PANEL, "panel-light")
    names = notebook.locator(f"{PANEL} .st-side-line .st-title").all_inner_texts()
    assert names == ["Completions", "answer_question"]
    notebook.locator(f"{PANEL} input").fill("ANSWER")
    notebook.locator(f"{PANEL} input").press("Enter")
    lines.nth(1).wait_for(state="detached")
    lines.first.locator(".st-line").click()
    notebook.locator(f"{PANEL} .st-row").first.wait_for()


def test_settings_decide_theme_height_and_what_is_open(places, page):
    wanted = {"theme": "dark", "expansion": "open", "height": 300}
    file = places.server.root / SETTINGS
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(wanted))
    try:
        page.route("**/api/sessions*", refuse_posts)
        open_notebook(page, places.url(NAME))
        tree = page.locator(f".jp-CodeCell {ROOT}.st-dark").first
        tree.wait_for(timeout=LONG)
        # JupyterLab asks for another kernel.
        page.locator(".jp-Dialog-footer >> text=No Kernel").click()
        tree.locator(".st-more").click()
        tree.locator(".st-more").wait_for(state="detached")
        colour = tree.evaluate("node => getComputedStyle(node).backgroundColor")
        height = tree.locator(".st-scroll").evaluate("box => box.offsetHeight")
        folded = tree.locator(".st-row[aria-expanded=false]").count()
    finally:
        file.unlink()

    assert max(int(part) for part in colour.strip("rgb()").split(",")) < 80
    assert height == 300
    assert folded == 0


def test_open_all_is_remembered_for_the_traces_to_come(notebook, places):
    tree = notebook.locator(f".jp-CodeCell {ROOT}").first
    tree.locator("[aria-label='Open all (])']").click()
    kept = notebook.evaluate("localStorage.getItem('spantree:expansion')")

    output = build_output([agent_trace()], key="c" * 16, budget=COMPLETE)
    write_outputs(places.path / "later.ipynb", {MIME: output})
    open_file(notebook, places, "later.ipynb", kernel=False)
    tree.locator(".st-row").first.wait_for(timeout=LONG)

    assert kept == "open"
    assert tree.locator("[aria-label='Close all ([)']").count() == 1


def values(page, tab):
    tree = page.locator(f".jp-CodeCell {ROOT}").nth(1)
    tree.locator(".st-row").first.click()
    tree.locator(f"[role=tab]:text-is('{tab}')").click()
    return tree.locator(".st-panel")


def test_masked_values_are_chips_and_images_are_drawn(reading):
    chat = values(reading, "Chat")

    assert chat.locator(".st-masked").inner_text() == "masked: api_key"
    image = chat.locator("img")
    assert image.evaluate("node => node.complete && node.naturalWidth") == 1
    assert PIXEL[:20] not in chat.inner_text()


def test_a_large_file_in_a_value_is_kept_once_and_drawn(reading):
    output = values(reading, "Output")

    output.locator("img").wait_for()
    assert output.locator("img").evaluate("node => node.naturalWidth") == 30
    assert PICTURE[:20] not in output.inner_text()


def test_the_call_is_given_as_python(reading):
    code = values(reading, "Code").inner_text()

    assert "spantree.get_trace('tr-" in code
    assert "span.name = 'Completions'" in code
    assert "openai.OpenAI().chat.completions.create(" in code
    assert "stream=False" in code
    compile(code[code.index("import openai") :], "call", "exec")


def test_the_payload_keeps_its_type(places):
    notebook = nbformat.read(places.path / NAME, as_version=4)

    assert all(MIME in cell.outputs[0].data for cell in notebook.cells)
