"""Where failures of capture and redaction themselves are reported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[[str, BaseException], None]


def _ignore(site: str, error: BaseException) -> None:
    del site
    if os.environ.get("SPANTREE_RAISE_INTERNAL_ERRORS") == "1":
        raise error


class _Reporter:
    __slots__ = ("report",)

    def __init__(self) -> None:
        self.report: Report = _ignore


_reporter = _Reporter()


def report_failures_to(report: Report | None) -> None:
    """Choose who counts our own failures; it may raise them in tests.

    Args:
        report: Gets the site and the error; None forgets them.
    """
    _reporter.report = report or _ignore


def report_failure(site: str, error: BaseException) -> None:
    """Report a failure that was caught, at most once per value."""
    _reporter.report(site, error)
