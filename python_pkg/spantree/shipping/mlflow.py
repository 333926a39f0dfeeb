"""An MLflow server as a destination, and where to find its credentials."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from spantree.shipping.attachments import UNSENT, attachment_ids, folder_of, unsent
from spantree.shipping.errors import NotAllowedError, RefusedError
from spantree.shipping.http import HttpClient
from spantree.shipping.mlflow_api import MlflowApi
from spantree.shipping.mlflow_wire import info_out
from spantree.shipping.outbox import What

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spantree.shipping.destination import Parcel
    from spantree.store.uri import Target

_UNKNOWN = 404


class MlflowDestination:
    """See :class:`~spantree.shipping.destination.Destination`.

    Args:
        target: Its URL may hold a user and a password.
    """

    def __init__(self, target: Target) -> None:
        self._api = MlflowApi(mlflow_client(target))

    def send(self, parcels: Sequence[Parcel], sent: Callable[[Parcel], None]) -> None:
        """See the protocol; spans go first, as by themselves they make no name."""
        for experiment, group in by_experiment(parcels).items():
            try:
                self._send(experiment, group, sent)
            except RefusedError as error:
                if error.status != _UNKNOWN:
                    raise
                # The experiment has gone since it was looked up.
                self._api.forget_experiments()
                self._send(experiment, group, sent)

    def delete(self, trace_ids: Sequence[str]) -> None:
        """See the protocol."""
        self._api.delete(trace_ids)

    def close(self) -> None:
        """See the protocol."""
        self._api.client.close()

    def _send(
        self, experiment: str, group: list[Parcel], sent: Callable[[Parcel], None]
    ) -> None:
        number = self._api.experiment_id(experiment) or ""
        with_spans = [p.trace for p in group if What.SPANS in p.what]
        self._api.log_spans(number, with_spans)
        while group:
            parcel = group[0]
            kept = self._api.start_trace(info_out(parcel.trace, number))
            if What.SPANS in parcel.what:
                self._send_attachments(parcel, folder_of(kept))
            sent(group.pop(0))

    def _send_attachments(self, parcel: Parcel, folder: str | None) -> None:
        """Send what is kept beside a trace; what can't be sent is named in a tag."""
        left, why = 0, "the server keeps artifacts elsewhere"
        for attachment_id in attachment_ids(parcel.trace):
            content = parcel.attachment(attachment_id)
            if content is None:
                left, why = left + 1, "its bytes are gone"
                continue
            if folder is not None:
                try:
                    self._api.put_attachment(folder, attachment_id, content)
                    continue
                except (RefusedError, NotAllowedError) as error:
                    why = error.words
            left += 1
        if left:
            trace_id = parcel.trace.info.trace_id
            self._api.set_tag(trace_id, UNSENT, unsent(left, why))


def by_experiment(parcels: Iterable[Parcel]) -> dict[str, list[Parcel]]:
    """Group parcels, as they come."""
    groups: dict[str, list[Parcel]] = {}
    for parcel in parcels:
        groups.setdefault(parcel.experiment, []).append(parcel)
    return groups


def mlflow_client(target: Target) -> HttpClient:
    """Give a client with the credentials of MLflow's environment variables.

    A user in the URL comes first, then ``MLFLOW_TRACKING_USERNAME`` with
    ``MLFLOW_TRACKING_PASSWORD``, then ``MLFLOW_TRACKING_TOKEN``.
    """
    url = target.url or ""
    headers = {}
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if "@" not in url.partition("://")[2].partition("/")[0]:
        if user:
            password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif token:
            headers["Authorization"] = f"Bearer {token}"
    insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower()
    return HttpClient(
        url,
        headers,
        ca_file=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None,
        own_certificate=(os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH", ""), None),
        verify=insecure not in ("true", "1"),
    )
