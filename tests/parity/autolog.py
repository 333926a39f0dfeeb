"""Try every feature of tracing libraries with a module, or write the table of both.

python tests/parity/autolog.py MODULE OUT.json     # mlflow or spantree
python tests/parity/autolog.py --table MLFLOW.json OURS.json   # into docs/autolog.md
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "python_pkg")]

from parity import autolog_frameworks  # noqa: E402, F401 - adds to FEATURES
from parity.autolog_features import FEATURES, Lab, holds  # noqa: E402

PAGE = ROOT / "docs" / "autolog.md"
REFERENCE = Path(__file__).with_name("autolog_mlflow.json")
MARK = "<!-- Below this line the page is written by tests/parity/autolog.py. -->\n"
TITLES = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "langchain": "LangChain and LangGraph",
    "llama_index": "LlamaIndex",
    "dspy": "DSPy",
    "autogen": "AutoGen",
}
# What the looks at a library need.
MODULES = {
    "openai": ("openai",),
    "anthropic": ("anthropic",),
    "langchain": ("langchain_openai", "langchain", "langgraph"),
    "llama_index": ("llama_index.core", "llama_index.llms.openai_like"),
    "dspy": ("dspy",),
    "autogen": (
        "autogen_agentchat.agents",
        "autogen_agentchat.teams",
        "autogen_ext.models.openai",
    ),
}
DISTRIBUTIONS = (
    "openai",
    "anthropic",
    "langchain-core",
    "langgraph",
    "llama-index-core",
    "dspy",
    "autogen-agentchat",
)


def outcomes(module: str, library: str) -> dict[str, bool]:
    """Try the features of one library, with the loopback provider."""
    from spantree.demo import DemoProvider

    m = import_module(module)
    provider = DemoProvider(has_latency=False).start()

    def requests() -> list[dict[str, str]]:
        found = [received.headers for received in provider.requests]
        provider.requests.clear()
        return found

    lab = Lab(m, provider.root, requests)
    flavor = getattr(m, library)
    for name in MODULES[library]:
        import_module(name)  # first: mlflow traces the classes it finds
    flavor.autolog()
    found = {}
    try:
        for words, run in FEATURES[library].items():
            m.tracing.reset()
            found[words] = holds(run, lab)
    finally:
        flavor.autolog(disable=True)
        provider.stop()
    return found


def table(theirs: dict[str, dict[str, bool]], ours: dict[str, dict[str, bool]]) -> str:
    """Write both, feature by feature."""
    shown = {True: "yes", False: "no", None: "not tried"}
    lines = []
    for library, features in ours.items():
        lines += [
            f"### {TITLES[library]}\n",
            "| | spantree | mlflow |",
            "| --- | --- | --- |",
        ]
        for words, has in features.items():
            known = theirs.get(library, {}).get(words)
            lines.append(f"| {words} | {shown[has]} | {shown[known]} |")
        lines.append("")
    return "\n".join(lines)


def page(text: str, theirs: dict[str, object], ours: dict[str, dict[str, bool]]) -> str:
    """Renew the part of the page that is written here."""
    above = text.partition(MARK)[0]
    versions = theirs["versions"]
    assert isinstance(versions, dict)
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    outcomes_of_theirs = theirs["outcomes"]
    assert isinstance(outcomes_of_theirs, dict)
    head = f"\nmlflow's column was taken with {named}.\n\n"
    return above + MARK + head + table(outcomes_of_theirs, ours)


def main(arguments: list[str]) -> None:
    if arguments[0] == "--table":
        theirs, ours = (json.loads(Path(name).read_text()) for name in arguments[1:3])
        PAGE.write_text(page(PAGE.read_text(), theirs, ours["outcomes"]))
        return
    module, out = arguments[0], Path(arguments[1]).resolve()
    from importlib.metadata import version

    if module == "mlflow":
        import mlflow

        logging.getLogger("alembic").setLevel(logging.ERROR)
        folder = tempfile.mkdtemp()
        os.chdir(folder)  # where it keeps what belongs to its traces
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("features")
    else:
        import spantree

        spantree.set_tracking_uri("memory:")
    names = [*([module] if module == "mlflow" else []), *DISTRIBUTIONS]
    found = {
        "versions": {name: version(name) for name in names},
        "outcomes": {library: outcomes(module, library) for library in FEATURES},
    }
    out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
