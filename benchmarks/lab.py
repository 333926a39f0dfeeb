"""The runner's end: environments, workers, and the figures they gave."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environments import HERE, NotInstalledError, environment, version

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT_SECONDS = 900.0


class WorkerError(Exception):
    """A worker failed or fell silent."""


class TooLongError(WorkerError):
    """A worker was still at it when patience ran out; it has been ended."""


class Worker:
    """A library in a process of its own.

    Args:
        library: Its name.
        python: The interpreter of its environment.
        folder: Where it may keep files.
        enabled: Whether tracing is on in that process.
        script: What it runs.
    """

    def __init__(
        self,
        library: str,
        python: Path,
        folder: Path,
        *,
        enabled: bool = True,
        script: str = "worker.py",
    ) -> None:
        self.library = library
        self._log = folder / "log"
        options = [] if enabled else ["disabled"]
        self._process = subprocess.Popen(
            [str(python), str(HERE / script), library, str(folder), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
            cwd=folder,
        )

    def ask(
        self, do: str, patience: float = _TIMEOUT_SECONDS, **arguments: object
    ) -> dict[str, Any]:
        """Give an order and wait for the answer.

        Args:
            do: The order.
            patience: Seconds of wall time after which the process is ended.
            **arguments: The order's own.

        Raises:
            TooLongError: If it takes longer.
            WorkerError: If it fails or dies.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(f"{self.library} died: {self._last_words()}") from None
        if not select.select([process.stdout], [], [], patience)[0]:
            self.close()
            raise TooLongError(f"{self.library} had not finished in {patience:.0f} s")
        line = process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.library} died: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.library} failed: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the process; what it would still store is not waited for."""
        self._process.kill()
        self._process.wait()

    def _last_words(self) -> str:
        lines = self._log.read_text().strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class Lab:
    """The libraries of a run.

    Attributes:
        pythons: The interpreter of each library that could be installed.
        versions: Their versions.
        problems: What went wrong, a sentence each; printed with the results.
        figures: What was measured, by subject and library.
        rounds: How often each measurement is repeated, interleaved.
        patience: Seconds above which a measurement of a peer is left out.
    """

    def __init__(self, libraries: Sequence[str], rounds: int, patience: float) -> None:
        self.pythons: dict[str, Path] = {}
        self.versions: dict[str, str] = {}
        self.problems: list[str] = []
        self.figures: dict[tuple[str, str], float] = {}
        self.rounds = rounds
        self.patience = patience
        self._workers: dict[tuple[str, bool], Worker] = {}
        self._scratch = tempfile.TemporaryDirectory(
            prefix="spantree-bench-", ignore_cleanup_errors=True
        )
        for library in libraries:
            try:
                say(f"environment of {library}")
                self.pythons[library] = python = environment(library)
                self.versions[library] = version(python, library)
            except NotInstalledError as error:
                self.problems.append(f"{library} could not be installed: {error}")

    def close(self) -> None:
        """End every worker and remove what they wrote."""
        for worker in self._workers.values():
            worker.close()
        self._scratch.cleanup()

    def worker(self, library: str, *, enabled: bool = True) -> Worker:
        """Give the library's worker, started and probed when first needed.

        Raises:
            WorkerError: If it does not record what it is given.
        """
        key = library, enabled
        if key not in self._workers:
            self._workers[key] = worker = self.new_worker(library, enabled=enabled)
            kept = worker.ask("probe", given="given-7f3a", result="result-91bc")
            if kept != {"inputs": enabled, "outputs": enabled}:
                self.problems.append(f"{library}, tracing {enabled=}: kept {kept}")
        return self._workers[key]

    def new_worker(self, library: str, *, enabled: bool = True) -> Worker:
        """Start another worker of the library; the caller closes it."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch.name, prefix=f"{library}-"))
        return Worker(library, self.pythons[library], folder, enabled=enabled)

    def ask(
        self,
        library: str,
        do: str,
        *,
        enabled: bool = True,
        patience: float | None = None,
        **arguments: object,
    ) -> dict[str, Any] | None:
        """Ask the library's worker; note a failure as a problem and give None.

        Raises:
            TooLongError: If `patience` is given and it takes more seconds. The next
                order goes to a new worker.
        """
        try:
            worker = self.worker(library, enabled=enabled)
            return worker.ask(do, patience or _TIMEOUT_SECONDS, **arguments)
        except WorkerError as error:
            if isinstance(error, TooLongError):
                del self._workers[library, enabled]
                if patience is not None:
                    raise
            self.problems.append(f"{do} {arguments}: {error}")
            return None


def say(text: str) -> None:
    """Tell the person who waits; results alone go to stdout."""
    print(text, file=sys.stderr, flush=True)
