"""One environment per library, so that none runs with another's dependencies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ROOT = HERE.parent

# Pinned, so that two runs differ by spantree alone.
LIBRARIES = {
    "spantree": str(ROOT),
    "mlflow": "mlflow==3.17.2",
    "mlflow-tracing": "mlflow-tracing==3.17.2",
    "otel_io": "opentelemetry-sdk==1.45.2",
    "logfire": "logfire==5.2.0",
    "langfuse": "langfuse==5.0.4",
}


class NotInstalledError(Exception):
    """A library's environment cannot be made; the message is the installer's."""


def environment(library: str, others: Sequence[str] = (), suffix: str = "") -> Path:
    """Give the Python of a library's environment, made or brought up to date.

    spantree is installed from this checkout each time, as a user would get it.

    Args:
        library: One of :data:`LIBRARIES`, or any name if all is in `others`.
        others: Requirements besides the library's own.
        suffix: What tells the environment from others of the library.

    Raises:
        NotInstalledError: If the installer fails.
    """
    folder = HERE / ".venvs" / "-".join(filter(None, (library, suffix)))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    own = LIBRARIES.get(library)
    requirements = list(dict.fromkeys([*([own] if own else []), *others]))
    requirement = " ".join(requirements)
    stamp = folder / ".installed"
    wanted = f"{requirement} on {sys.version}"
    if stamp.exists() and stamp.read_text() == wanted and library != "spantree":
        return python
    if not stamp.exists() or stamp.read_text() != wanted:
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
    install = ["pip", "install", "--python", str(python), "--compile-bytecode"]
    if library == "spantree":
        install.append("--reinstall-package=spantree")
    _uv(*install, *requirements)
    stamp.write_text(wanted)
    return python


def version(python: Path, library: str) -> str:
    """Give the installed version of a library's distribution."""
    distribution = "opentelemetry-sdk" if library == "otel_io" else library
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    command = [str(python), "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.strip()


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv) if uv.exists() else "uv", *arguments, "--quiet"]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "SPANTREE_SKIP_JS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise NotInstalledError("uv is missing. Run: pip install uv") from error
    if done.returncode:
        raise NotInstalledError(done.stderr.strip() or f"{command} failed")
