"""The libraries that are traced, where they are installed."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def sdk(module: str) -> Any:
    """Import a library, or skip the tests that need it.

    ``SPANTREE_TEST_REQUIRES`` names those that have to be there (or ``all``): where
    they are missing, a test run must not look like success.
    """
    required = os.environ.get("SPANTREE_TEST_REQUIRES", "").split(",")
    if "all" in required or module.partition(".")[0] in required:
        return importlib.import_module(module)
    return pytest.importorskip(module)
