"""Which attachments a trace has, and where an MLflow server keeps them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from spantree.entities.media_types import ATTACHMENT_SCHEME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spantree.entities.trace import Trace
    from spantree.entities.values import Captured

UNSENT: Final = "spantree.attachments.unsent"
"""A tag or an attribute that says what a destination was not given."""

_ADDRESS: Final = re.compile(ATTACHMENT_SCHEME + r"://([0-9a-f-]{36})\?")
_ADDRESS_IN_JSON: Final = re.compile(_ADDRESS.pattern.encode())
_LOCATION: Final = "mlflow.artifactLocation"
_PROXIED: Final = "/api/2.0/mlflow-artifacts/artifacts"


def attachment_ids(trace: Trace) -> list[str]:
    """Give the ids of the attachments that a trace's values point to, each once."""
    found = {
        found_id: None
        for span in trace.data.spans
        for values in (
            {"": span.raw_inputs},
            {"": span.raw_outputs},
            span.raw_attributes,
            *(given for _, _, given in span.raw_events),
        )
        for found_id in _ids_in(values)
    }
    return list(found)


def unsent(count: int, why: str) -> str:
    """Say what stayed behind, and where it is."""
    what = "1 attachment is" if count == 1 else f"{count} attachments are"
    return f"{what} in the store of the program that recorded it only: {why}"


def folder_of(info: Mapping[str, object]) -> str | None:
    """Give the path under which a server takes a trace's attachments, by HTTP.

    As mlflow 3.17's ``MlflowArtifactsRepository`` resolves it.

    Args:
        info: What the server answered when the trace was sent.

    Returns:
        None where they are kept elsewhere than behind the server, such as in S3.
    """
    tags = info.get("tags")
    where = urlsplit(str(tags.get(_LOCATION) or "") if isinstance(tags, dict) else "")
    if where.scheme != "mlflow-artifacts" or where.netloc:
        return None
    return f"{_PROXIED}/{where.path.lstrip('/')}/attachments"


def _ids_in(values: Mapping[str, Captured]) -> Iterator[str]:
    for value in values.values():
        if type(value) is bytes:
            if value.find(ATTACHMENT_SCHEME.encode()) >= 0:
                yield from (m.decode() for m in _ADDRESS_IN_JSON.findall(value))
        elif type(value) is str and ATTACHMENT_SCHEME in value:
            yield from _ADDRESS.findall(value)
