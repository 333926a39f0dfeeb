"""A trace: the tree of spans under one root, and what is known of it as a whole."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from spantree.entities.drawing import RENDERERS
from spantree.entities.errors import (
    RESOURCE_DOES_NOT_EXIST,
    SpantreeException,
    reading,
)
from spantree.entities.ids import parse_trace_id
from spantree.entities.media_types import ATTACHMENT_SCHEME
from spantree.entities.rollup import Usage, roll_up
from spantree.entities.span import INPUTS, OUTPUTS, Span
from spantree.entities.span_order import number_repeated_names, tree_order
from spantree.entities.trace_info import (
    COST,
    SCHEMA_VERSION,
    SESSION,
    TOKEN_USAGE,
    TRACE_NAME,
    USER,
    MlflowExperimentLocation,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.entities.values import NOTE, encode, float_of_note, loads_all, with_notes

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from spantree.entities.assessment import Assessment
    from spantree.entities.attachment import Attachment

__all__ = [
    "COST",
    "DATAFRAME_COLUMNS",
    "SCHEMA_VERSION",
    "SESSION",
    "TOKEN_USAGE",
    "TRACE_NAME",
    "USER",
    "MlflowExperimentLocation",
    "Trace",
    "TraceData",
    "TraceInfo",
    "TraceLocation",
    "TraceState",
]

_MAX_JSON_CHARACTERS = 100_000_000
_MAX_JSON_DEPTH = 200


DATAFRAME_COLUMNS = (
    "trace_id",
    "trace",
    "client_request_id",
    "state",
    "request_time",
    "execution_duration",
    "request",
    "response",
    "trace_metadata",
    "tags",
    "spans",
    "assessments",
)


class TraceData:
    """The spans of a trace.

    Args:
        spans: Any order; kept parents before children, siblings by start.
    """

    __slots__ = ("spans",)

    def __init__(self, spans: list[Span] | None = None) -> None:
        self.spans = tree_order(spans) if spans else []
        number_repeated_names(self.spans)

    @property
    def root(self) -> Span | None:
        """The span without a parent, else the first one, else None."""
        for span in self.spans:
            if span.parent_key is None:
                return span
        return self.spans[0] if self.spans else None

    @property
    def request(self) -> str | None:
        """The root's inputs as JSON text."""
        return _json_text(self.root.raw_inputs) if self.root else None

    @property
    def response(self) -> str | None:
        """The root's outputs as JSON text."""
        return _json_text(self.root.raw_outputs) if self.root else None

    @property
    def intermediate_outputs(self) -> dict[str, Any] | None:
        """Outputs by name of the spans below the root; None when there are none."""
        root = self.root
        found = {s.display_name: s.outputs for s in self.spans if s is not root}
        return found or None

    def to_dict(self) -> dict[str, Any]:
        """Give MLflow 3's serialised form."""
        return {"spans": [span.to_dict() for span in self.spans]}


class Trace:
    """One recorded run: ``info`` about the whole and ``data`` with its spans."""

    __slots__ = ("data", "info")

    def __init__(self, info: TraceInfo, data: TraceData) -> None:
        self.info = info
        self.data = data

    @property
    def trace_id(self) -> str:
        """The trace's id, ``tr-`` and 32 hex digits."""
        return self.info.trace_id

    @property
    def key(self) -> int:
        """The trace's id as an integer of 128 bits."""
        key = parse_trace_id(self.info.trace_id)
        if key is None:
            msg = f"{self.info.trace_id!r} is no trace id: 'tr-' and 32 hex digits."
            raise SpantreeException(msg)
        return key

    @property
    def request_time_ms(self) -> int:
        """Start in milliseconds since 1970."""
        return self.info.request_time

    @property
    def name(self) -> str:
        """The name that searches and views use: the tag if set, else the root's."""
        root = self.data.root
        return self.info.tags.get(TRACE_NAME) or (root.name if root else "")

    def usage(self) -> Usage:
        """Tokens and cost of the whole trace, each call counted once."""
        return roll_up(self.data.spans)

    def search_spans(
        self,
        span_type: str | None = None,
        name: str | re.Pattern[str] | None = None,
        span_id: str | None = None,
    ) -> list[Span]:
        """Give the spans that meet every condition given.

        Args:
            span_type: Exactly this type.
            name: Exactly this name, or a pattern found anywhere in it.
            span_id: 16 hex digits.
        """
        return [
            span
            for span in self.data.spans
            if (span_type is None or span.span_type == span_type)
            and (span_id is None or span.span_id == span_id)
            and (name is None or _name_matches(span.name, name))
        ]

    def search_assessments(
        self,
        name: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - MLflow's name
        span_id: str | None = None,
        all: bool = False,  # noqa: A002 - MLflow's name
    ) -> list[Assessment]:
        """Give the assessments that meet every condition given.

        Args:
            name: Exactly this name.
            type: ``"feedback"`` or ``"expectation"``.
            span_id: Those of this span.
            all: Include those that were overridden.
        """
        return [
            a
            for a in self.info.assessments
            if (all or a.valid)
            and (name is None or a.name == name)
            and (type is None or a.kind.lower() == type.lower())
            and (span_id is None or a.span_id == span_id)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Give MLflow 3's serialised form."""
        return {"info": self.info.to_dict(), "data": self.data.to_dict()}

    def to_dict_and_json(self) -> tuple[dict[str, Any], str]:
        """Give :meth:`to_dict` and :meth:`to_json`, made in one go."""
        data = self.to_dict()
        return data, _json_of(data)

    def to_json(self, pretty: bool = False) -> str:
        """Give :meth:`to_dict` as JSON text for UTF-8, a NaN in it as a note."""
        if pretty:
            return _json_of(self.to_dict(), pretty=True)
        return self.to_dict_and_json()[1]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trace:
        """Read the form that :meth:`to_dict` writes.

        Raises:
            SpantreeException: If the data is not of that form, or nested too deeply.
        """
        if not issubclass(type(data), dict):
            msg = f"This is not a trace's dict but a {type(data).__name__}."
            raise SpantreeException(msg)
        with reading("a trace's dict"):
            if _is_deeper(data, _MAX_JSON_DEPTH):
                msg = f"A trace's dict is at most {_MAX_JSON_DEPTH} levels deep."
                raise SpantreeException(msg)
            info = TraceInfo.from_dict(data["info"])
            spans = [Span.from_dict(span) for span in data["data"]["spans"]]
            return cls(info, TraceData(spans))

    @classmethod
    def from_json(cls, text: str) -> Trace:
        """Read the JSON text that :meth:`to_json` writes.

        Raises:
            SpantreeException: If the text is not such JSON.
        """
        if not issubclass(type(text), (str, bytes, bytearray)):
            msg = f"A trace's JSON is text, not a {type(text).__name__}."
            raise SpantreeException(msg)
        if issubclass(type(text), str):
            text = str.__str__(text)  # its class may have a `__len__` of its own
        if len(text) > _MAX_JSON_CHARACTERS:
            msg = f"A trace's JSON has at most {_MAX_JSON_CHARACTERS:,} characters."
            raise SpantreeException(msg)
        with reading("a trace's JSON"):
            hook = float_of_note if f'"{NOTE}"' in text else None
            data = json.loads(text, object_hook=hook)
        return cls.from_dict(data)

    def to_pandas_dataframe_row(self) -> dict[str, Any]:
        """Give the trace as one row of the 12 compatibility columns."""
        return {name: cell for name, (cell,) in dataframe_columns([self]).items()}

    @staticmethod
    def pandas_dataframe_columns() -> list[str]:
        """Name the 12 compatibility columns, in order."""
        return list(DATAFRAME_COLUMNS)

    def __repr__(self) -> str:
        """Show the id, as MLflow does."""
        return f"Trace(trace_id={self.trace_id})"

    def __str__(self) -> str:
        """Draw the tree as text."""
        renderer = RENDERERS.trace
        return repr(self) if renderer is None else renderer.text(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        renderer = RENDERERS.trace
        return None if renderer is None else renderer.bundle([self])

    def get_attachment(self, address: str) -> Attachment:
        """Give the picture, sound or document that an address stands for.

        Args:
            address: As it stands in inputs, outputs and attributes:
                ``mlflow-attachment://<id>?content_type=…``.

        Returns:
            The content and its MIME type.

        Raises:
            SpantreeException: If it is no address, or nothing is kept for it.
        """
        from urllib.parse import parse_qs, urlsplit

        from spantree.entities.attachment import Attachment

        parts = urlsplit(str(address))
        if parts.scheme != ATTACHMENT_SCHEME or not parts.netloc:
            msg = f"{str(address)[:80]!r} is no address of an attachment."
            raise SpantreeException(msg)
        renderer = RENDERERS.trace
        found = None if renderer is None else renderer.attachment(self, parts.netloc)
        if found is None:
            msg = f"Nothing is kept for {parts.netloc} with trace {self.trace_id}."
            raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)
        kind = parse_qs(parts.query).get("content_type", ["application/octet-stream"])
        return Attachment(kind[0], found)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Draw the trace as one interactive page that needs no server and no network.

        Args:
            path: Where to write the page as well, if given.

        Returns:
            The page.
        """
        renderer = RENDERERS.trace
        page = repr(self) if renderer is None else renderer.page(self)
        if path is not None:
            from pathlib import Path

            Path(path).write_text(page, encoding="utf-8")
        return page


def dataframe_columns(traces: Sequence[Trace]) -> dict[str, list[Any]]:
    """Give the 12 compatibility columns, each with a value for every trace."""
    # Column after column, as the same work for all traces is done in less time.
    serialised = [trace.to_dict_and_json() for trace in traces]
    infos = [data["info"] for data, _ in serialised]
    spans = [data["data"]["spans"] for data, _ in serialised]
    roots = [_root_attributes(each) for each in spans]
    return {
        "trace_id": [info["trace_id"] for info in infos],
        "trace": [text for _, text in serialised],
        "client_request_id": [info["client_request_id"] for info in infos],
        "state": [info["state"] for info in infos],
        "request_time": [trace.request_time_ms for trace in traces],
        "execution_duration": [info["execution_duration_ms"] for info in infos],
        "request": loads_all([values.get(INPUTS) for values in roots]),
        "response": loads_all([values.get(OUTPUTS) for values in roots]),
        "trace_metadata": [info["trace_metadata"] for info in infos],
        "tags": [info["tags"] for info in infos],
        "spans": spans,
        "assessments": [info["assessments"] for info in infos],
    }


def _root_attributes(spans: list[dict[str, Any]]) -> dict[str, str]:
    for span in spans:
        if span["parent_span_id"] is None:
            return span["attributes"]  # type: ignore[no-any-return]
    return spans[0]["attributes"] if spans else {}


def _is_deeper(data: object, depth: int) -> bool:
    level = [data]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _json_of(data: dict[str, Any], *, pretty: bool = False) -> str:
    # All else that a trace's dict holds is text and integers of 64 bits.
    if not data["info"]["assessments"] and not _has_events_or_links(data):
        option = orjson.OPT_INDENT_2 if pretty else None
        try:
            return orjson.dumps(data, option=option).decode()
        except TypeError:
            pass  # there is a lone surrogate
    dump = partial(
        json.dumps,
        ensure_ascii=False,
        indent=2 if pretty else None,
        separators=None if pretty else (",", ":"),
    )
    try:
        text = dump(data, allow_nan=False)
        text.encode()
    except ValueError:  # a NaN, or a lone surrogate
        return dump(with_notes(data))
    return text


def _has_events_or_links(data: dict[str, Any]) -> bool:
    for span in data["data"]["spans"]:  # noqa: SIM110 - any() takes three times as long
        if span["events"] or span["links"]:
            return True
    return False


def _json_text(value: Any) -> str | None:
    return None if value is None else encode(value).decode()


def _name_matches(name: str, wanted: str | re.Pattern[str]) -> bool:
    return name == wanted if isinstance(wanted, str) else bool(wanted.search(name))
