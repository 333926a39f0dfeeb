"""The examples in the docstrings of public modules run."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import spantree

PACKAGE = Path(spantree.__file__).parent
# The face, and what it shows of the folders below.
MODULES = sorted(
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    for pattern in ("*.py", "entities/*.py", "recording/*.py", "search/*.py")
    for file in PACKAGE.glob(pattern)
    if file.name not in ("__main__.py", "__init__.py")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)

    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS)

    assert found.failed == 0
