"""The CPU of recording: every case, every library, round after round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cases import CALLS, SIZES
from lab import TooLongError, say
from report import Table, duration, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cases import Case
    from lab import Lab

_SECONDS_A_CASE = 0.15
_MOST_PATIENCE = 600.0
_TITLES = {
    "caller": "CPU that tracing adds to a call, on the calling thread",
    "process": "CPU that tracing adds to a call until it is stored, all threads",
}


@dataclass
class _Cost:
    """The least that was seen of a case, nanoseconds a call."""

    caller: float = float("inf")
    process: float = float("inf")
    bare_caller: float = float("inf")
    bare_process: float = float("inf")
    recorded: int = 0
    expected: int = 0

    def add(self, answer: dict[str, float]) -> None:
        for name in ("caller", "process", "bare_caller", "bare_process"):
            setattr(self, name, min(getattr(self, name), answer[name]))
        self.recorded += int(answer["recorded"])
        self.expected += int(answer["expected"])

    def added(self, measure: str) -> float:
        """What tracing adds: traced less bare."""
        return float(getattr(self, measure) - getattr(self, f"bare_{measure}"))


def calls(lab: Lab, only: str = "") -> list[Table]:
    """Measure the kinds of calls, or the one that `only` names."""
    return _Comparison(lab, [c for c in CALLS if only in ("", c.name)]).tables()


def sizes(lab: Lab, only: str = "") -> list[Table]:
    """Measure traces of ever more spans."""
    chosen = [c for c in SIZES if only in ("", c.name)]
    return _Comparison(lab, chosen).tables(", by the spans of its trace")


class _Comparison:
    """Measures some cases with every library of a lab."""

    def __init__(self, lab: Lab, cases: Sequence[Case]) -> None:
        self._lab = lab
        self._cases = cases
        self._costs: dict[tuple[str, str], _Cost] = {}
        self._left_out: list[str] = []
        self._unfinished: set[tuple[str, str]] = set()
        for case in cases:
            self._measure(case, list(lab.pythons), 1)
        for round_ in range(2, lab.rounds + 1):
            for case in cases:
                # Without those that failed or were left out in the first round.
                able = [
                    name for name in lab.pythons if (case.name, name) in self._costs
                ]
                self._measure(case, able, round_)
        for (name, library), cost in self._costs.items():
            for measure in _TITLES:
                lab.figures[f"{name}.{measure}", library] = cost.added(measure)

    def _measure(self, case: Case, libraries: Sequence[str], round_: int) -> None:
        say(f"round {round_} of {self._lab.rounds}: {case.title}")
        for library in libraries:
            if self._takes_too_long(case, library, round_):
                continue
            try:
                answer = self._lab.ask(
                    library,
                    "cost",
                    enabled=case.enabled,
                    patience=self._patience(library),
                    name=case.name,
                    seconds=_SECONDS_A_CASE,
                )
            except TooLongError:
                self._unfinished.add((case.name, library))
                continue
            if answer is not None:
                self._costs.setdefault((case.name, library), _Cost()).add(answer)

    def _patience(self, library: str) -> float:
        # Our own figures are waited for.
        return _MOST_PATIENCE if library == "spantree" else self._lab.patience

    def _takes_too_long(self, case: Case, library: str, round_: int) -> bool:
        """Guess from the case itself, or from the next smaller trace."""
        index = self._cases.index(case)
        known = self._costs.get((case.name, library))
        if known is None and index and case in SIZES:
            smaller = self._cases[index - 1].name, library
            known = self._costs.get(smaller)
            if smaller in self._unfinished:
                self._unfinished.add((case.name, library))
                return True
        seconds = 0.0 if known is None else known.process * case.calls / 1e9
        if library == "spantree" or seconds <= self._lab.patience:
            return False
        if round_ == 1:
            self._left_out.append(f"{library}, {case.title} (about {seconds:,.0f} s)")
        return True

    def tables(self, addition: str = "") -> list[Table]:
        """Draw a table for the calling thread and one for the process."""
        notes = [
            f"(*) Not recorded by {library}, {name}: {cost.expected - cost.recorded:,} "
            f"of {cost.expected:,} spans."
            for (name, library), cost in self._costs.items()
            if cost.recorded != cost.expected
        ]
        if self._left_out:
            notes.append(
                f"Left out, as a round would take more than {self._lab.patience:.0f} s "
                f"(--patience): {'; '.join(self._left_out)}."
            )
        return [
            self._table(title + addition, measure, notes)
            for measure, title in _TITLES.items()
        ]

    def _table(self, title: str, measure: str, notes: list[str]) -> Table:
        table = Table(title, ["", *self._lab.pythons], notes=notes)
        for case in self._cases:
            cells = [
                self._cell(case, library, measure) for library in self._lab.pythons
            ]
            table.rows.append([case.title, *cells])
        return table

    def _cell(self, case: Case, library: str, measure: str) -> str:
        cost = self._costs.get((case.name, library))
        if cost is None:
            is_unfinished = (case.name, library) in self._unfinished
            limit = f"not finished in {self._lab.patience:.0f} s"
            return limit if is_unfinished else "–"
        cell = duration(cost.added(measure))
        ours = self._costs.get((case.name, "spantree"))
        if ours is not None and ours is not cost:
            cell += f" {times(cost.added(measure), ours.added(measure))}"
        return cell + ("*" if cost.recorded != cost.expected else "")
