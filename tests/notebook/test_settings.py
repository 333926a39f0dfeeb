"""Where settings come from, and which of them holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from spantree.notebook.settings import SpantreeConfig

needs_toml = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="tomllib is new in 3.11"
)


def read(folder: Path, files=None) -> SpantreeConfig:
    settings = SpantreeConfig()
    settings.read(files or {}, folder)
    return settings


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.spantree]\n{text}")
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    return below


@needs_toml
def test_each_place_outweighs_those_after_it(tmp_path, monkeypatch):
    folder = project(tmp_path, 'limit = 2\ndisplay = "rows"\nsave = "full"')
    monkeypatch.setenv("SPANTREE_LIMIT", "3")
    files = {"limit": 1, "display": "table", "save": "lean", "max_traces": 4}

    settings = read(folder, files)
    settings.display = "tree"

    found = {name: (value, source) for name, value, source in settings.rows()}
    project_file = str(tmp_path / "pyproject.toml")
    assert found["limit"] == (3, "environment")
    assert found["save"] == ("full", project_file)
    assert found["max_traces"] == (4, "ipython_config")
    assert found["display"] == ("tree", "session")
    assert found["live"] == (True, "default")
    assert settings.problems == []


def test_the_environment_is_read_by_each_setting_s_kind(tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTREE_AUTOLOG", "openai, anthropic")
    monkeypatch.setenv("SPANTREE_LIVE", "off")
    monkeypatch.setenv("MLFLOW_MAX_TRACES_TO_DISPLAY_IN_NOTEBOOK", "7")

    settings = read(tmp_path)

    assert settings.autolog == ["openai", "anthropic"]
    assert settings.live is False
    assert settings.max_traces == 7


def test_our_name_of_a_variable_outweighs_mlflow_s(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_MAX_TRACES_TO_DISPLAY_IN_NOTEBOOK", "7")
    monkeypatch.setenv("SPANTREE_MAX_TRACES_TO_DISPLAY_IN_NOTEBOOK", "8")

    assert read(tmp_path).max_traces == 8


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (
            "SPANTREE_LIMIT",
            "many",
            "limit = 'many' in environment can't be used: it is a count.",
        ),
        (
            "SPANTREE_LIMIT",
            "0",
            "limit = 0 in environment can't be used: it is a count.",
        ),
        (
            "SPANTREE_DISPLAY",
            "sideways",
            "display = 'sideways' in environment can't be used: it is one of "
            "on, off, tree, rows, compact, table.",
        ),
        (
            "SPANTREE_LIVE",
            "perhaps",
            "live = 'perhaps' in environment can't be used: it is true or false.",
        ),
    ],
)
def test_what_can_t_be_used_is_told_and_the_default_holds(
    tmp_path, monkeypatch, name, value, problem
):
    monkeypatch.setenv(name, value)

    settings = read(tmp_path)

    assert settings.problems == [problem]
    assert [source for _, _, source in settings.rows()] == ["default"] * 9


@needs_toml
def test_an_unknown_name_gets_a_suggestion(tmp_path):
    folder = project(tmp_path, "limt = 3")

    settings = read(folder, {"dispaly": "off"})

    assert settings.problems == [
        "Unknown setting 'dispaly' in ipython_config. Did you mean 'display'?",
        f"Unknown setting 'limt' in {tmp_path / 'pyproject.toml'}. Did you mean 'limit'?",
    ]


@needs_toml
@pytest.mark.parametrize(
    "text", ["[tool.spantree", "[tool]\nspantree = 3", "[project]"]
)
def test_a_project_file_without_settings_is_passed_over(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)

    assert read(tmp_path).problems == []


@needs_toml
def test_a_project_can_not_redirect_traces(tmp_path):
    folder = project(tmp_path, 'tracking_uri = "sqlite:///elsewhere.db"')

    assert len(read(folder).problems) == 1


def test_settings_in_a_real_kernel(tmp_path, run_cells):
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(
        "c.InteractiveShellApp.extensions = ['spantree']\n"
        "c.SpantreeConfig.limit = 1\n"
        "c.SpantreeConfig.lve = False\n"
    )
    result = run_cells(
        "import spantree\n@spantree.trace\ndef work(): return 1\nwork(); work();",
        "%traces --into df\nprint(len(df))",
        "%config SpantreeConfig.limit = 2\ndf = %traces\nprint(len(df))",
        "%config SpantreeConfig",
        "%config SpantreeConfig.display = 'off'\nwork()",
        "%spantree doctor",
        "%unload_ext spantree\n%config SpantreeConfig",
    )

    assert result.text(1).strip() == "1"
    assert result.text(2).strip() == "2"
    assert "SpantreeConfig.max_traces=<Int>" in result.text(3)
    assert result.trees(4) == []
    doctor = result.text(5)
    assert "limit = 2 (session)" in doctor
    assert "display = 'off' (session)" in doctor
    assert "✗ Unknown setting 'lve' in ipython_config. Did you mean 'live'?" in doctor
    assert "Invalid config statement" in result.text(6) or "UsageError" in result.text(
        6
    )


def test_the_environment_names_libraries_once(run_cells, monkeypatch):
    monkeypatch.setenv("SPANTREE_AUTOLOG", "openai, opena")

    result = run_cells("%load_ext spantree", "%autolog", "%spantree doctor")

    said = "".join(o.text for o in result.outputs(0))
    assert said.count("Unknown library 'opena'. Did you mean 'openai'?") == 1
    row = next(x for x in result.text(1).splitlines() if x.startswith("openai "))
    assert "waiting for import" in row
    assert "autolog = ['openai', 'opena'] (environment)" in result.text(2)


def test_a_widget_is_added_where_only_widgets_are_live(run_cells):
    result = run_cells(
        "%load_ext spantree\nimport spantree\n@spantree.trace\ndef work(): return 1\n"
        "__vsc_ipynb_file__ = 'x.ipynb'",
        "work()",
        "%trace_display --widget never",
        "work()",
    )

    view = "application/vnd.jupyter.widget-view+json"
    assert view in result.trees(1)[0]
    assert view not in result.trees(3)[0]
    assert "text/html" in result.trees(1)[0]
    assert json.dumps(result.trees(3)[0])
