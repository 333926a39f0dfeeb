"""Traces as pandas DataFrames: MLflow's twelve columns, and our typed ones.

pandas is imported in these functions only: it costs half a second, and production
installs go without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.entities.errors import MissingExtraError
from spantree.entities.trace import Trace, TraceData, dataframe_columns
from spantree.search.records import FIELDS
from spantree.search.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    import pandas as pd

_OBJECT_COLUMNS = (
    "request",
    "response",
    "trace_metadata",
    "tags",
    "spans",
    "assessments",
)
_STATES = ["OK", "ERROR", "UNSET", "IN_PROGRESS", "INTERRUPTED"]


def compat_frame(
    traces: Iterable[Trace], *, include_spans: bool = True
) -> pd.DataFrame:
    """Give one row a trace, in exactly the 12 columns that MLflow gives.

    Args:
        traces: In the order of the rows.
        include_spans: Fill ``spans``; otherwise it holds empty lists.

    Raises:
        MissingExtraError: If pandas is not installed.

    """
    pd = _pandas()
    shown = list(traces)
    if not include_spans:
        shown = [
            Trace(trace.info, TraceData()) if trace.data.spans else trace
            for trace in shown
        ]
    columns = dataframe_columns(shown)
    return _frame_of_arrays(
        pd, {name: _compat_column(pd, name, columns[name]) for name in columns}
    )


def typed_frame(traces: Iterable[Trace | Summary]) -> pd.DataFrame:
    """Give one row a trace, typed for analysis; what is unknown is NA, never 0.

    Empty input gives the same columns and dtypes.

    Args:
        traces: Traces, or what a store's ``summaries`` gives, in row order.

    Raises:
        MissingExtraError: If pandas is not installed.

    """
    pd = _pandas()
    rows = [t if isinstance(t, Summary) else summarise(t) for t in traces]
    columns: dict[str, Any] = {}
    for name, value_of in FIELDS.items():
        values = [value_of(row) for row in rows]
        columns[name] = _typed_column(pd, _DTYPES[name], values)
    return _frame(pd, columns)


def _frame(pandas: ModuleType, columns: Mapping[str, Any]) -> pd.DataFrame:
    frame: pd.DataFrame = pandas.DataFrame(columns, copy=False)
    return frame


def _frame_of_arrays(pandas: ModuleType, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Put arrays together as they are; their types are not looked into."""
    try:
        # Of pandas, but not of its stubs.
        from pandas.api.internals import (  # type: ignore[import-not-found]
            create_dataframe_from_blocks,
        )
    except ImportError:  # before pandas 3
        return _frame(pandas, columns)
    import numpy as np

    # A fifth of what DataFrame() takes, which also makes columns of texts `str`.
    blocks = [
        (array[None] if isinstance(array, np.ndarray) else array, np.array([place]))
        for place, array in enumerate(columns.values())
    ]
    rows = len(next(iter(columns.values())))
    index = pandas.RangeIndex(rows)
    frame: pd.DataFrame = create_dataframe_from_blocks(
        blocks, index, pandas.Index(list(columns))
    )
    return frame


def _compat_column(pd: ModuleType, name: str, values: list[Any]) -> object:
    """Make a column as an array of its own: a Series costs ten times as much."""
    import numpy as np

    is_unset = name == "client_request_id" and not any(values)
    if name in _OBJECT_COLUMNS or is_unset or not values:
        return np.fromiter(values, dtype=object, count=len(values))
    if name == "execution_duration" and None in values:
        return pd.array(values, dtype="Int64")
    if name in ("request_time", "execution_duration"):
        return np.array(values, dtype="int64")
    if _has_text_dtype(pd):
        dtype = pd.StringDtype(na_value=np.nan)
        # What `pd.array` comes to, which takes twice as long to get there.
        return dtype.construct_array_type()._from_sequence(values, dtype=dtype)  # noqa: SLF001 - of extension arrays
    return np.fromiter(values, dtype=object, count=len(values))


def _typed_column(pd: ModuleType, dtype: str, values: list[Any]) -> object:
    if dtype == "state":
        return pd.Series(pd.Categorical(values, categories=_STATES))
    if dtype == "category":
        return pd.Series(pd.Categorical(values))
    if dtype == "time":
        naive = pd.Series(values, dtype="int64").astype("datetime64[ns]")
        return naive.dt.tz_localize("UTC")
    if dtype == "text":
        return pd.Series(values, dtype="str" if _has_text_dtype(pd) else "object")
    return pd.Series(values, dtype=dtype)


def _has_text_dtype(pd: ModuleType) -> bool:
    """Tell whether texts have a dtype of their own; before pandas 3 it is object."""
    return int(pd.__version__.partition(".")[0]) >= 3  # noqa: PLR2004


# The dtype of each column of FIELDS.
_DTYPES: Mapping[str, str] = {
    "trace_id": "text",
    "name": "category",
    "status": "state",
    "start_time": "time",
    "duration_ms": "float64",
    "spans": "Int64",
    "errors": "Int64",
    "error": "text",
    "models": "category",
    "llm_calls": "Int64",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "total_tokens": "Int64",
    "cached_tokens": "Int64",
    "cost_usd": "Float64",
    "session": "category",
    "user": "category",
    "request": "text",
    "response": "text",
    "tags": "object",
    "feedback": "object",
    "cell": "text",
}


def _pandas() -> ModuleType:
    try:
        import pandas as pd
    except ImportError as error:
        msg = (
            'search_traces(return_type="pandas") needs pandas. '
            'Run: pip install "spantree[notebook]"'
        )
        raise MissingExtraError(msg) from error
    return pd
