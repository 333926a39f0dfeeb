"""What `import` and one decoration cost, and what an installation takes."""

from __future__ import annotations

import json
import resource
import subprocess
from typing import TYPE_CHECKING

from lab import say
from report import Table, duration

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab

_FEWEST_ROUNDS = 5
DECORATE = {
    "spantree": "import spantree\n@spantree.trace\ndef work(): pass",
    "mlflow": "import mlflow\n@mlflow.trace\ndef work(): pass",
    "mlflow-tracing": "import mlflow\n@mlflow.trace\ndef work(): pass",
    "otel_io": (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "@TracerProvider().get_tracer('work').start_as_current_span('work')\n"
        "def work(): pass"
    ),
    "logfire": "import logfire\n@logfire.instrument\ndef work(): pass",
    "langfuse": "from langfuse import observe\n@observe\ndef work(): pass",
}
_COUNT_MODULES = "\nimport sys; print(len(sys.modules))"
INSTALLED = """
import json, pathlib, sysconfig
from importlib.metadata import distributions
folder = pathlib.Path(sysconfig.get_path("purelib"))
print(json.dumps({
    "packages": len({d.metadata["Name"] for d in distributions(path=[str(folder)])}),
    "bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()),
}))
"""


def imports(lab: Lab, only: str = "") -> list[Table]:
    """Measure each library in fresh processes of its environment, interleaved."""
    del only
    table = Table(
        "Import and one decoration",
        ["", "CPU above bare Python", "modules", "packages installed", "MB installed"],
        notes=["Installed sizes include compiled Python files."],
    )
    least: dict[str, float] = {}
    bare: dict[str, float] = {}
    for round_ in range(max(lab.rounds, _FEWEST_ROUNDS)):
        say(f"imports, round {round_ + 1}")
        for library, python in lab.pythons.items():
            for kept, code in ((bare, "pass"), (least, DECORATE[library])):
                spent = cpu_ns(python, code)
                kept[library] = min(kept.get(library, spent), spent)
    no_modules = 0
    for library, python in lab.pythons.items():
        no_modules = no_modules or int(output(python, "pass" + _COUNT_MODULES))
        modules = int(output(python, DECORATE[library] + _COUNT_MODULES))
        installed = json.loads(output(python, INSTALLED))
        cpu = least[library] - bare[library]
        lab.figures["import.cpu", library] = cpu
        table.rows.append(
            [
                library,
                duration(cpu),
                f"{modules - no_modules:,}",
                str(installed["packages"]),
                f"{installed['bytes'] / 1e6:,.1f}",
            ]
        )
    return [table]


def cpu_ns(python: Path, code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(python), "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    user = after.ru_utime - before.ru_utime
    return (user + after.ru_stime - before.ru_stime) * 1e9


def output(python: Path, code: str) -> str:
    command = [str(python), "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]
