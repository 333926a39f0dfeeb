"""What `%spantree doctor` finds, and the line that mends it."""

from __future__ import annotations

import json

import pytest

from spantree import __version__
from spantree.notebook.front_end import check_extension, check_viewer


@pytest.fixture
def lab(tmp_path):
    """Write an extension and settings; gives what checks them."""

    def made(*, version=__version__, user=None, system=None):
        if version is not None:
            place = tmp_path / "labextensions" / "spantree"
            place.mkdir(parents=True, exist_ok=True)
            (place / "package.json").write_text(json.dumps({"version": version}))
        for name, disabled in (("user", user), ("system", system)):
            config = tmp_path / name / "labconfig"
            config.mkdir(parents=True, exist_ok=True)
            page = {} if disabled is None else {"disabledExtensions": disabled}
            (config / "page_config.json").write_text(json.dumps(page))
        folders = [str(tmp_path / "nowhere"), str(tmp_path / "labextensions")]
        settings = [str(tmp_path / "user"), str(tmp_path / "system")]
        return list(check_extension(folders, settings))

    return made


def test_an_extension_that_is_there_is_named_with_its_place(lab, tmp_path):
    place = tmp_path / "labextensions" / "spantree"
    assert lab() == [
        f"✓ JupyterLab's extension {__version__} is installed and enabled: {place}"
    ]


def test_a_missing_extension_says_what_to_install(lab):
    (line,) = lab(version=None)

    assert line.startswith("✗ JupyterLab's extension is not beside this Python")
    assert 'pip install "spantree[notebook]" where JupyterLab runs' in line


def test_an_extension_of_another_version_says_how_to_renew_it(lab):
    (line,) = lab(version="0.0.9")

    assert line.startswith(
        f"✗ JupyterLab's extension is 0.0.9, the package {__version__}"
    )
    assert "pip install --force-reinstall --no-deps spantree" in line


@pytest.mark.parametrize(
    ("user", "system", "parts"),
    [
        ({"spantree": True}, None, ["spantree"]),
        (None, ["spantree:mime", "other"], ["spantree:mime"]),
        ({"spantree": False}, {"spantree": True}, []),
        ({"spantreefoo": True}, None, []),
    ],
    ids=["by the user", "a part by a list", "enabled again by the user", "another"],
)
def test_a_disabled_extension_says_how_to_enable_it(lab, user, system, parts):
    lines = lab(user=user, system=system)

    assert [line[0] for line in lines] == (["✗"] if parts else ["✓"])
    for part in parts:
        assert f"jupyter labextension enable {part}, then reload" in lines[0]


def test_jupyter_s_own_command_disables_what_the_doctor_sees(tmp_path, run_cells):
    result = run_cells(
        "import os, subprocess, sys\n"
        f"os.environ['JUPYTER_CONFIG_DIR'] = {str(tmp_path / 'jupyter')!r}\n"
        "_ = subprocess.run([sys.executable, '-m', 'jupyter', 'labextension', 'disable',"
        " '--level=user', 'spantree'], check=True, capture_output=True)",
        "%load_ext spantree",
        "%spantree doctor",
    )

    found = [line for line in result.text(2).splitlines() if "extension is" in line]
    assert found == [
        "✗ JupyterLab's extension is disabled (spantree): "
        "jupyter labextension enable spantree, then reload the page"
    ]


def test_whether_a_viewer_has_asked_is_told():
    assert check_viewer(None).startswith("· no viewer has asked this kernel")
    assert check_viewer(0.0).startswith("✓ a viewer asked this kernel last at ")


def test_a_request_over_a_comm_is_a_viewer_that_asked(run_cells):
    result = run_cells(
        "%load_ext spantree",
        "manager = get_ipython().kernel.comm_manager\n"
        "class Comm:\n"
        "    def on_msg(self, received): self.received = received\n"
        "    def send(self, content, buffers): print(content['ok'])\n"
        "comm = Comm()\n"
        "manager.targets['spantree'](comm, {})\n"
        "comm.received({'content': {'data': {'id': 1, 'op': 'hello', 'v': 1}}})",
        "%spantree doctor",
    )

    assert result.text(1).strip() == "True"
    assert "✓ a viewer asked this kernel last at " in result.text(2)


def test_the_doctor_looks_at_every_part(run_cells):
    result = run_cells("%load_ext spantree", "%spantree doctor")

    lines = result.text(1).splitlines()
    assert {line[0] for line in lines} <= set("✓✗·")
    for part in (
        "recording is on",
        "the store can be written",
        "outputs hold the tree's own MIME type",
        "JupyterLab's extension",
        "viewer",
        "pandas",
        "anywidget",
        "OpenTelemetry",
        "spantree itself has not failed",
        "autolog = []",
    ):
        assert any(part in line for line in lines), part


def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(run_cells, tmp_path):
    result = run_cells(
        "%load_ext spantree",
        "%spantree off",
        f"%tracking_uri sqlite:///{tmp_path}/traces.db",
        "import os; os.mkdir('traces.db')",
        "%spantree doctor",
    )

    wrong = [line for line in result.text(4).splitlines() if line[:1] == "✗"]
    assert wrong[0] == "✗ recording is off: %spantree on"
    assert wrong[1].startswith("✗ the store can't be used: ")
    assert "can't be opened" in wrong[1]
