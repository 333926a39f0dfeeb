"""A Databricks workspace as a destination.

Wire-compatible with what mlflow 3.17 sends to one; never run against a workspace.
"""

from __future__ import annotations

import configparser
import os
from typing import TYPE_CHECKING, Any

import orjson

from spantree.shipping.attachments import UNSENT, attachment_ids, unsent
from spantree.shipping.errors import NotAllowedError, RefusedError
from spantree.shipping.http import HttpClient
from spantree.shipping.mlflow import by_experiment
from spantree.shipping.mlflow_api import MlflowApi
from spantree.shipping.mlflow_wire import info_out, span_file
from spantree.shipping.outbox import What
from spantree.store.uri import expanded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spantree.entities.trace import Trace
    from spantree.shipping.destination import Parcel
    from spantree.store.uri import Target

_FILES = "/api/2.0/fs/files/WorkspaceInternal/Mlflow/Artifacts"
_NOT_FOUND = 404
# A workspace lends credentials for its cloud's storage, path by path.
_NOT_SENT = "spantree does not send them to a workspace"


class DatabricksApi(MlflowApi):
    """The same calls, but for spans: a trace's are a file beside it."""

    def log_spans(self, experiment_id: str, traces: Sequence[Trace]) -> None:
        """See above."""
        for trace in traces:
            path = f"{_path(experiment_id, trace.trace_id)}?overwrite=true"
            self.client.ask("PUT", path, span_file(trace))

    def get_trace(self, trace_id: str) -> dict[str, Any] | None:
        """See above."""
        found = self.get_info(trace_id)
        if found is None:
            return None
        location = found["trace_location"]["mlflow_experiment"]
        path = _path(location["experiment_id"], trace_id)
        try:
            spans = orjson.loads(self.client.ask("GET", path).body)["spans"]
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            spans = []
        return {"trace_info": found, "span_dicts": spans}

    def get_traces(self, trace_ids: Sequence[str]) -> list[dict[str, Any]]:
        """See above; there is no call for many."""
        found = map(self.get_trace, trace_ids)
        return [trace for trace in found if trace is not None]


class DatabricksDestination:
    """See :class:`~spantree.shipping.destination.Destination`.

    Args:
        target: ``databricks`` or ``databricks://PROFILE``.

    Raises:
        NotAllowedError: If there are no credentials.
    """

    def __init__(self, target: Target) -> None:
        self._api = DatabricksApi(databricks_client(target))

    def send(self, parcels: Sequence[Parcel], sent: Callable[[Parcel], None]) -> None:
        """See the protocol; the info goes first, the spans are a file beside it."""
        for experiment, group in by_experiment(parcels).items():
            number = self._experiment_id(experiment)
            for parcel in group:
                self._api.start_trace(info_out(parcel.trace, number))
                if What.SPANS in parcel.what:
                    self._api.log_spans(number, [parcel.trace])
                    count = len(attachment_ids(parcel.trace))
                    if count:
                        said = unsent(count, _NOT_SENT)
                        self._api.set_tag(parcel.trace.info.trace_id, UNSENT, said)
                sent(parcel)

    def delete(self, trace_ids: Sequence[str]) -> None:
        """See the protocol."""
        self._api.delete(trace_ids)

    def close(self) -> None:
        """See the protocol."""
        self._api.client.close()

    def _experiment_id(self, name: str) -> str:
        try:
            return self._api.experiment_id(name) or ""
        except RefusedError as error:
            hint = "a workspace names experiments by paths: set_experiment('/Shared/…')"
            msg = f"{error.words} (experiment {name!r}; {hint})"
            raise RefusedError(msg, error.status, error.code) from None


def _path(experiment_id: str, trace_id: str) -> str:
    return f"{_FILES}/{experiment_id}/Runs/traces/{trace_id}/artifacts/traces.json"


def databricks_client(target: Target) -> HttpClient:
    """Give a client with the credentials of the environment or of a profile.

    ``databricks`` takes DATABRICKS_HOST and DATABRICKS_TOKEN, else the profile
    DATABRICKS_CONFIG_PROFILE or ``DEFAULT``; ``databricks://PROFILE`` takes that one,
    from DATABRICKS_CONFIG_FILE or ``~/.databrickscfg``.

    Raises:
        NotAllowedError: If that names no host and no token.
    """
    profile = (target.url or "").partition("://")[2]
    host, token = (
        _profile(profile)
        if profile
        else (os.environ.get("DATABRICKS_HOST"), os.environ.get("DATABRICKS_TOKEN"))
    )
    if not profile and not (host and token):
        profile = os.environ.get("DATABRICKS_CONFIG_PROFILE") or "DEFAULT"
        host, token = _profile(profile)
    if not host or not token:
        msg = (
            f"{target.shown} has no credentials: set DATABRICKS_HOST and "
            f"DATABRICKS_TOKEN, or host and token of the profile {profile} in "
            f"{_config_file()}"
        )
        raise NotAllowedError(msg)
    url = host.rstrip("/") if "://" in host else f"https://{host.rstrip('/')}"
    return HttpClient(url, {"Authorization": f"Bearer {token}"})


def _profile(name: str) -> tuple[str | None, str | None]:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read(_config_file(), encoding="utf-8")
        section = parser[name]
    except (KeyError, configparser.Error, UnicodeDecodeError, OSError):
        return None, None
    return section.get("host"), section.get("token")


def _config_file() -> Path:
    named = os.environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg"
    return expanded(named)
