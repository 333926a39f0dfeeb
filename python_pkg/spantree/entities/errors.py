"""Errors that spantree raises at people who ask or administer.

Recording never raises; see the two error rules in the package's documentation.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

INVALID_PARAMETER_VALUE = "INVALID_PARAMETER_VALUE"
RESOURCE_DOES_NOT_EXIST = "RESOURCE_DOES_NOT_EXIST"
RESOURCE_ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
INTERNAL_ERROR = "INTERNAL_ERROR"


class SpantreeException(ValueError):  # noqa: N818 - MLflow's users catch `MlflowException`
    """A request that can't be met, in one sentence that says what to do.

    Args:
        message: What was given, what is allowed, and a hint.
        error_code: One of MLflow's error code names.
    """

    def __init__(self, message: str, error_code: str = INVALID_PARAMETER_VALUE) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code


class StoreError(SpantreeException):
    """The trace store could not do what was asked."""

    def __init__(self, message: str, error_code: str = INTERNAL_ERROR) -> None:
        super().__init__(message, error_code)


class MissingExtraError(SpantreeException, ImportError):
    """A feature needs a package that is not installed; the message says which."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Say in one sentence that data is not what it was given for.

    Args:
        what: What it should be, with its article.

    Raises:
        SpantreeException: For whatever is raised in the block.
    """
    try:
        yield
    except SpantreeException:
        raise
    except Exception as error:
        msg = f"This is not {what}: {type(error).__name__}: {error}"
        raise SpantreeException(msg) from error


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Say the known name nearest to a misspelt one.

    Args:
        given: What the user wrote.
        known: The names that are allowed.

    Returns:
        ``" Did you mean 'openai'?"`` with its leading space, or ``""``.
    """
    import difflib  # 5 ms that only a mistake costs

    near = difflib.get_close_matches(given.lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
