"""The widget in JupyterLab without our extension: as other hosts of anywidget draw it."""

from __future__ import annotations

from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_notebook,
    run_all,
    write_notebook,
)

NAME = "widget.ipynb"
# The widget manager draws into a panel; a renderer of a MIME type is the output itself.
WIDGET = ".jp-OutputArea-output.lm-Panel"
TRACED = """
import pathlib
import spantree

@spantree.trace
def step(n):
    return n

@spantree.trace
def work():
    return [step(n) for n in range(3)]

work()
w = spantree.view(spantree.get_trace(spantree.get_last_active_trace_id()))

def selected(change):
    pathlib.Path("seen.txt").write_text(f"{w.selected_span.name} {change['new']}")
    w.filter = "work"

w.observe(selected, "selected_span_id");
"""


# JupyterLab's page as its server writes it when the extension is disabled; its own
# scripts are deferred, so they run after this.
DISABLE = """
document.addEventListener('readystatechange', () => {
  const script = document.getElementById('jupyter-config-data');
  const config = JSON.parse(script.textContent);
  window.wasDisabled = [...config.disabledExtensions];
  config.disabledExtensions.push('spantree');
  script.textContent = JSON.stringify(config);
}, { once: true });
"""


def test_python_sees_the_selection_and_sets_the_filter(folder, page):
    write_notebook(folder.path / NAME, TRACED, "w")
    page.add_init_script(DISABLE)
    open_notebook(page, folder.url(NAME))
    run_all(page)
    page.wait_for_selector(ROOT, timeout=LONG)
    kernel_is_idle(page)
    assert page.evaluate("window.wasDisabled") == []
    assert page.locator(f"{WIDGET} {ROOT}").count() == 1

    page.locator(f"{ROOT} .st-row:has-text('step')").last.click()

    page.wait_for_selector(f"{ROOT} .st-search input", timeout=LONG)
    assert page.locator(f"{ROOT} .st-search input").input_value() == "work"
    name, span_id = (folder.path / "seen.txt").read_text().split()
    assert name.startswith("step")
    assert len(span_id) == 16
