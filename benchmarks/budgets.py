"""What spantree promises of its speed, and whether a run kept it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from report import Table, digits, duration

if TYPE_CHECKING:
    from lab import Lab


@dataclass(frozen=True)
class Budget:
    """A limit.

    Args:
        what: What is limited.
        subject: The name its figure has in :attr:`lab.Lab.figures`.
        limit: The most it may be, in the figure's unit.
        against: The peer by whose figure ours is divided first, or none.
        unit: `ns`, `bytes`, `instructions`, or nothing for a plain ratio.
    """

    what: str
    subject: str
    limit: float
    against: str = ""
    unit: str = ""


BUDGETS = (
    Budget("tiny child", "tiny_child.caller", 1 / 100, "mlflow"),
    Budget("tiny child", "tiny_child.caller", 1 / 15, "otel_io"),
    Budget("tiny child until stored", "tiny_child.process", 1 / 300, "mlflow"),
    Budget("tiny child", "tiny_child.instructions", 35_000, unit="instructions"),
    Budget("disabled", "disabled.caller", 150, unit="ns"),
    Budget("generator, a chunk", "generator.caller", 1_000, unit="ns"),
    Budget("generator, a chunk", "generator.caller", 1 / 25, "mlflow"),
    Budget("1 MB string", "text_1_mb.caller", 20_000, unit="ns"),
    Budget("1 MB string", "text_1_mb.caller", 1 / 300, "mlflow"),
    Budget("10 kB dict", "dict_10_kb.caller", 1 / 40, "mlflow"),
    Budget("100 chat messages", "messages.caller", 1 / 40, "mlflow"),
    Budget("tail of root calls, p99.9", "tail.p99.9", 500_000, unit="ns"),
    Budget("tail of root calls, max", "tail.max", 10_000_000, unit="ns"),
    Budget("finished span of an open trace", "memory.bytes", 700, unit="bytes"),
    Budget("last tenth of 100,000 traces ÷ first", "growth.ratio", 1.2),
    Budget("import and one decoration", "import.cpu", 50_000_000, unit="ns"),
)


def judge(lab: Lab) -> Table:
    """Hold the figures of a run against the budgets that it measured."""
    table = Table("Budgets", ["", "limit", "measured", ""])
    for budget in BUDGETS:
        measured = _measured(lab, budget)
        if measured is not None:
            verdict = "met" if measured <= budget.limit else "MISSED"
            table.rows.append(
                [
                    budget.what,
                    _text(budget, budget.limit),
                    _text(budget, measured),
                    verdict,
                ]
            )
    return table


def _measured(lab: Lab, budget: Budget) -> float | None:
    ours = lab.figures.get((budget.subject, "spantree"))
    if ours is None or not budget.against:
        return ours
    theirs = lab.figures.get((budget.subject, budget.against))
    return None if theirs is None else ours / theirs


def _text(budget: Budget, value: float) -> str:
    if budget.against:
        share = f"1/{1 / value:,.0f}" if value > 0 else "nothing"
        return f"{share} of {budget.against}"
    if budget.unit == "ns":
        return duration(value)
    return f"{value:,.0f} {budget.unit}" if budget.unit else digits(value)
