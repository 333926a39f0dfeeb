"""Measures one library, on orders that arrive as lines of JSON.

    python worker.py LIBRARY FOLDER [disabled]

Runs in the library's own environment. An order is `{"do": NAME, …arguments}`; the
answer is a line too. The library's own prints go to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import measures

if TYPE_CHECKING:
    from adapters import Adapter


def main() -> None:
    """Answer orders until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    library, folder, *options = sys.argv[1:]
    module = import_module(f"adapters.{library.replace('-', '_')}")
    adapter = cast("Adapter", module)
    adapter.set_up(Path(folder), enabled="disabled" not in options)
    costs = measures.Costs(adapter)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer: object = _answer(adapter, costs, order)
        except Exception as error:  # noqa: BLE001 - the library's; the runner reports it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


def _answer(
    adapter: Adapter, costs: measures.Costs, order: dict[str, object]
) -> dict[str, object]:
    jobs = {
        "cost": costs.measure,
        "latencies": lambda **given: measures.latencies(adapter, **given),
        "growth": lambda **given: measures.growth(adapter, **given),
        "bytes_per_span": lambda **given: measures.bytes_per_span(adapter, **given),
        "probe": lambda **given: _probe(adapter, **given),
    }
    job = jobs[cast("str", order.pop("do"))]
    return cast("dict[str, object]", job(**order))


def _probe(adapter: Adapter, given: str, result: str) -> dict[str, object]:
    """Record one call; tell whether its input and output can be read back."""

    def probe(text: str) -> str:
        assert text == given
        return result

    adapter.traced(probe)(given)
    adapter.flush()
    kept = adapter.read_back()
    return {"inputs": given in kept, "outputs": result in kept}


if __name__ == "__main__":
    main()
