"""Version, changelog and recipe say the same as the package."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import spantree

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

REPOSITORY = Path(__file__).parents[2]
CHANGELOG = (REPOSITORY / "CHANGELOG.md").read_text()
RECIPE = (REPOSITORY / "docs/conda/recipe.yaml").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
HEADING = re.compile(r"^## \[(.+?)\](.*)$", re.M)
# Keep a Changelog 1.1.0
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_begins_with_this_version_or_what_comes_next():
    newest = HEADING.findall(CHANGELOG)[0][0]

    assert newest in (spantree.__version__, "Unreleased")


def test_every_version_in_the_changelog_has_a_date_and_known_headings():
    for version, rest in HEADING.findall(CHANGELOG):
        is_dated = re.fullmatch(r" - (\d{4}-\d{2}-\d{2}|unreleased)", rest)
        assert version == "Unreleased" or is_dated, version
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.M)) <= KINDS


def test_versions_in_the_changelog_go_down():
    found = [v for v, _ in HEADING.findall(CHANGELOG) if v != "Unreleased"]
    numbers = [tuple(map(int, v.split("."))) for v in found]

    assert numbers == sorted(set(numbers), reverse=True)


def test_the_conda_recipe_has_the_version_and_dependencies_of_the_package():
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["notebook"]
    run = RECIPE.partition("  run:")[2].partition("\ntests:")[0]
    listed = [line.split() for line in re.findall(r"^    - (.+)$", run, re.M)]

    assert f'version: "{spantree.__version__}"' in RECIPE
    assert sorted("".join(words) for words in listed) == sorted(
        [*wanted, f"python{PROJECT['requires-python']}"]
    )
