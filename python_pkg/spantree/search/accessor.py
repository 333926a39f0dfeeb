"""``df.spantree``: what is usually asked of a frame of traces or spans.

Registered with pandas when a frame of ours is made, never by an import.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from spantree.entities.errors import SpantreeException, did_you_mean
from spantree.search.frames import typed_frame
from spantree.search.query import parse_query

if TYPE_CHECKING:
    import pandas as pd

    from spantree.entities.trace import Trace
    from spantree.search.query import Query
    from spantree.search.summary import Summary

_MOST_SHOWN = 20
_BAR_CELLS = 20
_TOKENS = ("input_tokens", "output_tokens", "total_tokens", "cached_tokens")
_IDS_AT_ONCE = 500
_is_registered = False


class Source(Protocol):
    """Where the traces of a frame's rows are, and where they are shown."""

    def get_trace(self, trace_id: str) -> Trace | None:
        """Give a trace, or None."""

    def show(self, trace: Trace) -> None:
        """Show a trace under the running cell; elsewhere do nothing."""

    def summaries(self, query: Query, limit: int | None) -> list[Summary]:
        """Give what is known of the traces that match."""


def register_accessor(source: Source) -> None:
    """Give every DataFrame the attribute ``spantree``; once.

    Args:
        source: The process's runtime.
    """
    global _is_registered  # noqa: PLW0603 - pandas has one register too
    if _is_registered:
        return
    import pandas as pd

    class SpantreeAccessor(FrameAccessor):
        _source = source

    pd.api.extensions.register_dataframe_accessor("spantree")(SpantreeAccessor)
    _is_registered = True


class FrameAccessor:
    """What ``df.spantree`` offers, for a frame with a column ``trace_id``.

    A column of traces that the frame lacks is looked up in the store.

    Args:
        frame: Of ``%traces``, ``spantree.traces()``, ``spantree.spans()`` or
            ``search_traces()``, or a part of one.
    """

    _source: Source

    def __init__(self, frame: pd.DataFrame) -> None:
        if "trace_id" not in frame.columns:
            # pandas hides an accessor that raises this.
            raise AttributeError("There is no column 'trace_id': no frame of traces.")
        self._frame = frame

    def show(self) -> None:
        """Draw the traces of the rows under the running cell, at most 20."""
        ids = list(dict.fromkeys(self._frame["trace_id"]))
        for trace_id in ids[:_MOST_SHOWN]:
            trace = self._source.get_trace(str(trace_id))
            if trace is not None:
                self._source.show(trace)
        if len(ids) > _MOST_SHOWN:
            print(f"and {len(ids) - _MOST_SHOWN:,} more")  # noqa: T201 - said, not lost

    def latency(self, by: str = "name", *, plot: bool = False) -> Any:
        """Give duration percentiles by group, the slowest group first.

        Args:
            by: The column to group by.
            plot: Draw bars of ``p50_ms`` and ``p95_ms``; see :meth:`tokens`.

        Returns:
            Columns ``count``, ``p50_ms``, ``p95_ms`` and ``max_ms``, by group; linear
            interpolation between ranks, as pandas does it.

        Raises:
            SpantreeException: If there is no such column.
        """
        frame = self._with([by, "duration_ms"])
        groups = frame.groupby(by, observed=True)["duration_ms"]
        measured: pd.DataFrame = groups.agg(  # type: ignore[assignment]
            count="size",
            p50_ms=lambda s: s.quantile(0.5),
            p95_ms=lambda s: s.quantile(0.95),
            max_ms="max",
        )
        found = measured.sort_values("p95_ms", ascending=False)
        return _drawn(found, ["p50_ms", "p95_ms"]) if plot else found

    def tokens(self, by: str = "model", *, plot: bool = False) -> Any:
        """Give sums of tokens and cost by group, the largest first.

        Args:
            by: The column to group by; ``model`` is ``models`` in a frame of traces.
            plot: Draw bars of the totals: matplotlib's axes where it is installed,
                else the table with bars of characters.

        Returns:
            Columns of tokens and ``cost_usd``, by group; NA where nothing is known.

        Raises:
            SpantreeException: If there is no such column.
        """
        if by == "model" and by not in self._frame.columns:
            by = "models"
        names = [*_TOKENS, "cost_usd"]
        groups = self._with([by, *names]).groupby(by, observed=True)
        found = groups[names].sum(min_count=1)
        found = found.sort_values("total_tokens", ascending=False)
        return _drawn(found, ["total_tokens"]) if plot else found

    def errors(self) -> pd.DataFrame:
        """Give the errors, the most frequent first.

        Returns:
            Columns ``count``, ``last`` (when) and ``trace_id`` (an example), by text.
        """
        text = "exception" if "exception" in self._frame.columns else "error"
        frame = self._with([text, "start_time"])
        failed = frame[frame[text].notna()].sort_values("start_time", ascending=False)
        groups = failed.groupby(text, observed=True, sort=False)
        found: pd.DataFrame = groups.agg(
            count=("trace_id", "size"),
            last=("start_time", "first"),
            trace_id=("trace_id", "first"),
        ).sort_values("count", ascending=False)
        return found

    def _with(self, names: list[str]) -> pd.DataFrame:
        """Add the columns of traces that the frame lacks."""
        frame = self._frame
        missing = [name for name in names if name not in frame.columns]
        if not missing:
            return frame
        known = self._looked_up()
        for name in missing:
            if name not in known.columns:
                columns = [str(column) for column in (*frame.columns, *known.columns)]
                hint = did_you_mean(name, columns)
                shown = ", ".join(dict.fromkeys(columns))
                msg = f"Unknown column {name!r}.{hint} Known: {shown}."
                raise SpantreeException(msg)
        merged: pd.DataFrame = frame.merge(
            known[["trace_id", *missing]], on="trace_id", how="left"
        )
        return merged

    def _looked_up(self) -> pd.DataFrame:
        ids = [str(i) for i in dict.fromkeys(self._frame["trace_id"])]
        found: list[Summary] = []
        for at in range(0, len(ids), _IDS_AT_ONCE):
            quoted = ", ".join(f"'{i}'" for i in ids[at : at + _IDS_AT_ONCE])
            found += self._source.summaries(
                parse_query(f"trace_id IN ({quoted})"), None
            )
        return typed_frame(found)


def _drawn(frame: pd.DataFrame, names: list[str]) -> Any:
    """Draw columns as bars: matplotlib's where it is installed, else of characters."""
    values = frame[names].astype("float64")
    if find_spec("matplotlib") is not None:
        return values.plot.barh()
    lengths = values[names[-1]].fillna(0.0)
    most = max(float(lengths.max()), 1e-9) if len(lengths) else 1.0
    bars = ["█" * round(_BAR_CELLS * float(length) / most) for length in lengths]
    drawn: pd.DataFrame = frame.assign(bar=bars)
    return drawn
