"""``spantree.otel``: other people's OpenTelemetry instrumentations as spans of ours."""

from spantree import _runtime  # noqa: F401 - so that the recorder has its store
from spantree.integrations.otel import (
    autolog,
    install,
    status,
    tracer_provider,
    uninstall,
)

__all__ = ["autolog", "install", "status", "tracer_provider", "uninstall"]
