"""Traces as pandas DataFrames: MLflow's twelve columns, and our typed ones.

pandas is imported in these functions only: it costs half a second, and production
installs go without it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from spantree.entities.errors import MissingExtraError
from spantree.entities.trace import (
    DATAFRAME_COLUMNS,
    Trace,
    TraceData,
    dataframe_columns,
)
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
    return _compat_frame(pd, dataframe_columns(shown))


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


def _compat_frame(pandas: ModuleType, columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    dtypes = {
        name: _compat_dtype(pandas, name, columns[name]) for name in DATAFRAME_COLUMNS
    }
    try:
        # Of pandas, but not of its stubs.
        from pandas.api.internals import (  # type: ignore[import-not-found]
            create_dataframe_from_blocks,
        )
    except ImportError:  # before pandas 3
        series = {n: pandas.Series(columns[n], dtype=dtypes[n]) for n in dtypes}
        return _frame(pandas, series)
    # A fifth of what DataFrame() takes, which also makes columns of texts `str`.
    rows = len(columns["trace_id"])
    blocks = _blocks(pandas, list(dtypes.values()), list(columns.values()), rows)
    index = pandas.RangeIndex(rows)
    names = _compat_names(pandas).view()  # as somebody may give it a name
    frame: pd.DataFrame = create_dataframe_from_blocks(blocks, index, names)
    return frame


def _compat_dtype(pandas: ModuleType, name: str, values: list[Any]) -> str:
    is_unset = name == "client_request_id" and not any(values)
    if name in _OBJECT_COLUMNS or is_unset or not values:
        return "object"
    if name == "execution_duration" and None in values:
        return "Int64"
    if name in ("request_time", "execution_duration"):
        return "int64"
    return "str" if _has_text_dtype(pandas) else "object"


def _blocks(
    pandas: ModuleType, dtypes: list[str], columns: list[list[Any]], rows: int
) -> list[tuple[Any, Any]]:
    """Give arrays and the places of their columns; those of one type are one array."""
    import numpy as np

    blocks: list[tuple[Any, Any]] = []
    for dtype in dict.fromkeys(dtypes):
        places = [place for place, each in enumerate(dtypes) if each == dtype]
        if dtype in ("object", "int64"):
            cells = chain.from_iterable(columns[place] for place in places)
            array = np.fromiter(cells, dtype, len(places) * rows)
            blocks.append((array.reshape(len(places), rows), np.array(places)))
        else:
            blocks += [
                (_extension_array(pandas, dtype, columns[place]), np.array([place]))
                for place in places
            ]
    return blocks


def _extension_array(pandas: ModuleType, dtype: str, values: list[Any]) -> object:
    if dtype != "str":
        return pandas.array(values, dtype=dtype)
    texts = pandas.StringDtype(na_value=float("nan"))
    # What `pandas.array` comes to, which takes twice as long to get there.
    return texts.construct_array_type()._from_sequence(values, dtype=texts)  # noqa: SLF001 - of extension arrays


@lru_cache(maxsize=1)
def _compat_names(pandas: ModuleType) -> pd.Index:
    # To find that these are texts takes as long as to make three columns.
    names: pd.Index = pandas.Index(DATAFRAME_COLUMNS)
    return names


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
