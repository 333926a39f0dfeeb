"""What `pip install` of the wheel brings into a fresh environment, and its import.

``python benchmarks/install.py`` prints a table; ``--markdown FILE`` writes it between
the marks of that page, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from environments import LIBRARIES, ROOT
from imports import DECORATE, INSTALLED, cpu_ns, output
from report import Table, duration

_ROUNDS = 5
_BEGIN, _END = "<!-- install: begin -->", "<!-- install: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="a page's path")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spantree-install-") as folder:
        table = measure(Path(folder))
    print(table.text())
    if given.markdown:
        page = given.markdown.read_text(encoding="utf-8")
        if not page.count(_BEGIN) == page.count(_END) == 1:
            sys.exit(
                f"{given.markdown} needs the marks {_BEGIN} and {_END}, once each."
            )
        before, _, rest = page.partition(_BEGIN)
        after = rest.partition(_END)[2]
        page = f"{before}{_BEGIN}\n\n{table.markdown()}\n{_END}{after}"
        given.markdown.write_text(page, encoding="utf-8")


def measure(folder: Path) -> Table:
    """Install each in an environment of its own; imports are interleaved."""
    note = (
        f"`python -m venv`, Python {sys.version.split()[0]}, wheels only; pip and what "
        "bare Python takes are left out, compiled files are not. The least CPU of "
        f"{_ROUNDS} processes, interleaved."
    )
    table = Table(
        "A fresh environment",
        ["", "packages", "MB", "CPU of import and one decoration"],
        notes=[note],
    )
    wheel = build(folder / "dist")
    shown = {"spantree": str(wheel), "mlflow-tracing": LIBRARIES["mlflow-tracing"]}
    pythons, sizes = {}, {}
    for name, requirement in shown.items():
        pythons[name] = python = environment(folder / name)
        empty = installed(python)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run(
            [*pip, "--disable-pip-version-check", "--only-binary=:all:", requirement],
            check=True,
        )
        full = installed(python)
        sizes[name] = {key: full[key] - empty[key] for key in full}
    least: dict[tuple[str, str], float] = {}
    for _ in range(_ROUNDS):
        for name, python in pythons.items():
            for code in ("pass", DECORATE[name]):
                spent = cpu_ns(python, code)
                least[name, code] = min(least.get((name, code), spent), spent)
    for name, size in sizes.items():
        cpu = least[name, DECORATE[name]] - least[name, "pass"]
        megabytes = f"{size['bytes'] / 1e6:.1f}"
        table.rows.append([name, str(size["packages"]), megabytes, duration(cpu)])
    return table


def build(folder: Path) -> Path:
    """Build the wheel of this checkout, with the bundles that are there."""
    command = [sys.executable, "-m", "build", "--installer", "uv", "--wheel"]
    subprocess.run(
        [*command, "--outdir", str(folder), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "SPANTREE_SKIP_JS": "1"},
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(folder: Path) -> Path:
    """Make an environment with nothing but pip; give its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def installed(python: Path) -> dict[str, int]:
    """Count an environment's packages, and the bytes of their files."""
    found: dict[str, int] = json.loads(output(python, INSTALLED))
    return found


if __name__ == "__main__":
    main()
