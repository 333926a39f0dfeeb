"""Settings of the notebook: what is shown, how much, and where each value came from.

Precedence: what the session sets (a magic, ``%config``), the environment, the table
``[tool.spantree]`` of the nearest ``pyproject.toml``, IPython's configuration files,
the default. The project file can set nothing else: opening a folder redirects no trace.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, Int, List, TraitError, Unicode
from traitlets.config import Configurable

from spantree.entities.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DISPLAYS = ("on", "off", "tree", "rows", "compact", "table")
_MOST_DIGITS = 18
_MAX_TRACES = "MAX_TRACES_TO_DISPLAY_IN_NOTEBOOK"
# Variables of a trait that are not SPANTREE_ and its name; the first that is set holds.
_VARIABLES = {"max_traces": (f"SPANTREE_{_MAX_TRACES}", f"MLFLOW_{_MAX_TRACES}")}
_SWITCHES = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class SpantreeConfig(Configurable):  # type: ignore[misc]
    """What ``%config SpantreeConfig`` lists and sets."""

    autolog = List(Unicode(), help="Libraries traced when the extension loads.").tag(
        config=True
    )
    display = Enum(DISPLAYS, "on", help="What appears under cells.").tag(config=True)
    max_traces = Int(10, min=1, help="With more traces a cell shows a table.").tag(
        config=True
    )
    open_errors = Bool(True, help="Open the ways to failed spans.").tag(config=True)
    live = Bool(True, help="Show trees while the cell runs.").tag(config=True)
    save = Enum(
        ("lean", "full"), "lean", help="How much of a trace the notebook keeps."
    ).tag(config=True)
    widget = Enum(
        ("auto", "never"), "auto", help="Add a widget where only widgets are live."
    ).tag(config=True)
    ascii = Bool(False, help="Draw text without box characters.").tag(config=True)
    limit = Int(20, min=1, help="Rows of %traces.").tag(config=True)

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[str, str] = {}
        self.problems: list[str] = []

    def read(self, files: Mapping[str, Any], folder: Path) -> None:
        """Take values from everywhere, the weakest place first.

        What is unknown or impossible changes nothing and is told in ``problems``.

        Args:
            files: What IPython's configuration files say of ``c.SpantreeConfig``.
            folder: Where the search for ``pyproject.toml`` begins.
        """
        self._take("ipython_config", files)
        file, table = _project_table(folder)
        self._take(str(file), table)
        self._take("environment", dict(self._from_environment()))
        self.observe(self._note_session, names=self.setting_names())

    @classmethod
    def setting_names(cls) -> list[str]:
        """Name the settings."""
        return sorted(cls.class_trait_names(config=True))

    def rows(self) -> list[tuple[str, object, str]]:
        """Give each setting's name, value and source."""
        return [
            (name, getattr(self, name), self.sources.get(name, "default"))
            for name in self.setting_names()
        ]

    def _take(self, source: str, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name not in self.setting_names():
                hint = did_you_mean(name, self.setting_names())
                self.problems.append(f"Unknown setting '{name}' in {source}.{hint}")
                continue
            try:
                setattr(self, name, value)
            except TraitError:
                self.problems.append(
                    f"{name} = {value!r} in {source} can't be used: {_allowed(name)}."
                )
                continue
            self.sources[name] = source

    def _from_environment(self) -> Iterator[tuple[str, object]]:
        for name in self.setting_names():
            for variable in variables_of(name):
                text = os.environ.get(variable, "").strip()
                if text:
                    yield name, _parsed(name, text)
                    break

    def _note_session(self, change: Any) -> None:
        self.sources[change["name"]] = "session"


def _parsed(name: str, text: str) -> object:
    """Read a variable's text; what can't be read stays text, which no trait accepts."""
    trait = SpantreeConfig.class_traits()[name]
    if isinstance(trait, List):
        return [word.strip() for word in text.split(",") if word.strip()]
    if isinstance(trait, Bool):
        return _SWITCHES.get(text.lower(), text)
    if isinstance(trait, Int) and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return int(text)
    return text


def _allowed(name: str) -> str:
    trait = SpantreeConfig.class_traits()[name]
    if isinstance(trait, Enum):
        return "it is one of " + ", ".join(trait.values)
    if isinstance(trait, Bool):
        return "it is true or false"
    return "it is a list of names" if isinstance(trait, List) else "it is a count"


def variables_of(name: str) -> tuple[str, ...]:
    """Give the environment variables of a setting; the first that is set holds."""
    return _VARIABLES.get(name, (f"SPANTREE_{name.upper()}",))


def has_toml() -> bool:
    """Whether this Python reads ``pyproject.toml``, as 3.10 does not."""
    return sys.version_info >= (3, 11)


def _project_table(folder: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """Give ``[tool.spantree]`` of the nearest pyproject.toml, and its file."""
    if sys.version_info < (3, 11):
        return None, {}
    import tomllib  # type: ignore[import-not-found,unused-ignore] # checked as 3.10

    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["spantree"]
        except (OSError, ValueError, KeyError, TypeError):
            return file, {}  # a broken file is its owner's tools' business
        return file, table if isinstance(table, dict) else {}
    return None, {}
