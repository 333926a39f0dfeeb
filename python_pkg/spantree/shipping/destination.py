"""What every destination can do, and how one is made from a tracking URI."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from spantree.store.uri import TargetKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from spantree.entities.trace import Trace
    from spantree.shipping.outbox import What
    from spantree.store.uri import Target


class Parcel(NamedTuple):
    """A trace to send.

    Args:
        trace: All of it.
        what: What the destination does not have yet.
        experiment: Where it belongs, by name: ids differ from store to store.
        attachment: Gives the bytes of one of its attachments, None if they are gone.
    """

    trace: Trace
    what: What
    experiment: str
    attachment: Callable[[str], bytes | None]


class Destination(Protocol):
    """Somewhere that traces are sent; used by one thread.

    Every method may raise a :class:`~spantree.shipping.errors.ShippingError`.
    """

    def send(self, parcels: Sequence[Parcel], sent: Callable[[Parcel], None]) -> None:
        """Send traces; what was sent before and has changed replaces itself.

        Args:
            parcels: Some traces.
            sent: Called with each that has arrived whole.
        """

    def delete(self, trace_ids: Sequence[str]) -> None:
        """Take back traces that were deleted while they were sent."""

    def close(self) -> None:
        """Let go of connections; the next call opens them again."""


def open_destination(
    target: Target, first_use: AbstractContextManager[None]
) -> Destination:
    """Give the destination that a remote target names; nothing is contacted.

    Args:
        target: Not a store.
        first_use: Held while modules are imported later: a fork must not meet half of
            one.
    """
    if target.kind is TargetKind.OTLP:
        from spantree.shipping.otlp import OtlpDestination

        return OtlpDestination(target, first_use)
    if target.kind is TargetKind.DATABRICKS:
        from spantree.shipping.databricks import DatabricksDestination

        return DatabricksDestination(target)
    from spantree.shipping.mlflow import MlflowDestination

    return MlflowDestination(target)
