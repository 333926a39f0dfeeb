"""``df.spantree``: what is usually asked of a frame of traces or spans.

Registered with pandas when a frame of ours is made, never by an import.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spantree.entities.errors import SpantreeException, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from spantree.notebook.host import Host

_MOST_SHOWN = 20
_BAR_CELLS = 20
_TOKENS = ("input_tokens", "output_tokens", "total_tokens", "cached_tokens")
_is_registered = False


def register_accessor(host: Host) -> None:
    """Give every DataFrame the attribute ``spantree``; once.

    Args:
        host: The process's runtime, which shows traces.
    """
    global _is_registered  # noqa: PLW0603 - pandas has one register too
    if _is_registered:
        return
    import pandas as pd

    class SpantreeAccessor(FrameAccessor):
        _host = host

    pd.api.extensions.register_dataframe_accessor("spantree")(SpantreeAccessor)
    _is_registered = True


class FrameAccessor:
    """What ``df.spantree`` offers, for a frame with a column ``trace_id``.

    Args:
        frame: Of ``%traces``, ``spantree.traces()``, ``spantree.spans()`` or
            ``search_traces(layout="wide")``, or a part of one.
    """

    _host: Host

    def __init__(self, frame: pd.DataFrame) -> None:
        if "trace_id" not in frame.columns:
            # pandas hides an accessor that raises this.
            raise AttributeError("There is no column 'trace_id': no frame of traces.")
        self._frame = frame

    def show(self) -> None:
        """Draw the traces of the rows under the running cell, at most 20."""
        ids = list(dict.fromkeys(self._frame["trace_id"]))
        for trace_id in ids[:_MOST_SHOWN]:
            trace = self._host.get_trace(str(trace_id))
            if trace is not None:
                self._host.show(trace)
        if len(ids) > _MOST_SHOWN:
            print(f"and {len(ids) - _MOST_SHOWN:,} more")  # noqa: T201 - none silently

    def latency(self, by: str = "name", *, plot: bool = False) -> Any:
        """Give duration percentiles by group, the slowest group first.

        Args:
            by: The column to group by.
            plot: Draw bars of ``p50_ms`` and ``p95_ms``; see :meth:`tokens`.

        Returns:
            Columns ``count``, ``p50_ms``, ``p95_ms`` and ``max_ms``, by group.
        """
        durations = self._grouped(by)["duration_ms"]
        found = durations.agg(
            count="size",
            p50_ms=lambda s: s.quantile(0.5),
            p95_ms=lambda s: s.quantile(0.95),
            max_ms="max",
        ).sort_values("p95_ms", ascending=False)
        return _drawn(found, ["p50_ms", "p95_ms"]) if plot else found

    def tokens(self, by: str = "model", *, plot: bool = False) -> Any:
        """Give sums of tokens and cost by group, the largest first.

        Args:
            by: The column to group by; ``model`` is ``models`` in a frame of traces.
            plot: Draw bars of the totals: matplotlib's axes where it is installed,
                else the table with bars of characters.

        Returns:
            Columns of tokens and ``cost_usd``, by group; NA where nothing is known.
        """
        if by == "model" and by not in self._frame.columns:
            by = "models"
        groups = self._grouped(by)
        names = [n for n in (*_TOKENS, "cost_usd") if n in self._frame.columns]
        found = groups[names].sum(min_count=1)
        if "total_tokens" in names:
            found = found.sort_values("total_tokens", ascending=False)
        return _drawn(found, ["total_tokens"]) if plot else found

    def errors(self) -> pd.DataFrame:
        """Give the errors, the most frequent first.

        Returns:
            Columns ``count``, ``last`` (when) and ``trace_id`` (an example), by text.
        """
        text = "error" if "error" in self._frame.columns else "exception"
        self._check(text)
        failed = self._frame[self._frame[text].notna()]
        newest = failed.sort_values("start_time", ascending=False)
        found: pd.DataFrame = (
            newest.groupby(text, observed=True, sort=False)
            .agg(
                count=("trace_id", "size"),
                last=("start_time", "first"),
                trace_id=("trace_id", "first"),
            )
            .sort_values("count", ascending=False)
        )
        return found

    def _grouped(self, by: str) -> Any:
        self._check(by)
        return self._frame.groupby(by, observed=True)

    def _check(self, name: str) -> None:
        columns = [str(column) for column in self._frame.columns]
        if name not in columns:
            hint = did_you_mean(name, columns)
            msg = f"Unknown column {name!r}.{hint} Known: {', '.join(columns)}."
            raise SpantreeException(msg)


def _drawn(frame: pd.DataFrame, names: list[str]) -> Any:
    """Draw columns as bars: matplotlib's where it is installed, else of characters."""
    if find_spec("matplotlib") is None:
        return _with_bars(frame, names[-1])
    return frame[names].astype("float64").plot.barh()


def _with_bars(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    from spantree.render.text import UNICODE, draw_bar

    values = frame[name].astype("float64").fillna(0.0)
    most = max(1, int(values.max())) if len(values) else 1
    bars = [draw_bar(0, int(value), most, UNICODE) for value in values]
    drawn: pd.DataFrame = frame.assign(bar=bars)
    return drawn
