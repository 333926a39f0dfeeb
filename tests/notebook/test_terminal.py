"""IPython in a terminal: a person types, the tree is printed."""

from __future__ import annotations

import os
import re
import sys

import pytest

pexpect = pytest.importorskip("pexpect")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r|\x07")
TRACED = (
    "import spantree, time; add = spantree.trace(lambda a: a + 1, name='add'); "
    "work = spantree.trace(lambda n: [add(i) for i in range(n)], name='work')"
)


class Terminal:
    """One `ipython --simple-prompt`, in a pty."""

    def __init__(self, folder, columns: int = 120) -> None:
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
            cwd=str(folder),
            dimensions=(50, columns),
            encoding="utf-8",
            timeout=60,
            env={
                **os.environ,
                "IPYTHONDIR": str(folder / "ipython"),
                "SPANTREE_DATA_DIR": str(folder / "data"),
                "TERM": "dumb",
            },
        )
        self.read()

    def read(self) -> str:
        self.process.expect(r"In \[\d+\]: ")
        return ANSI.sub("", self.process.before)

    def type(self, line: str) -> str:
        """Type a line; give what was printed below it."""
        self.process.sendline(line)
        # The echo, which a narrow terminal may have wrapped, ends with the line break.
        return self.read().partition("\n")[2].strip()


@pytest.fixture
def terminal(tmp_path):
    made = Terminal(tmp_path)
    try:
        made.type("%load_ext spantree")
        made.type(TRACED)
        yield made
    finally:
        made.process.close(force=True)


def test_the_tree_is_printed_after_the_result(terminal):
    printed = terminal.type("work(2)")

    lines = printed.splitlines()
    assert lines[0] == "Out[3]: [1, 2]"
    tree = [line for line in lines if line.startswith(("work", "└", "├", "   "))]
    assert tree[0].startswith("work  OK  ")
    assert "└─ add" in printed
    assert "<IPython" not in printed
    assert "{" not in printed
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in printed


def test_a_long_cell_is_printed_once(terminal):
    printed = terminal.type("work(1); time.sleep(0.7); work(1)")

    assert printed.count("work  OK") == 2
    assert "running" not in printed


def test_a_semicolon_prints_one_line(terminal):
    printed = terminal.type("work(2);")

    assert printed.startswith("work  OK")
    assert len(printed.splitlines()) == 1


def test_magics_answer_in_text(terminal):
    terminal.type("work(1);")

    assert "recording on" in terminal.type("%spantree")
    assert "terminal: trees are printed" in terminal.type("%spantree doctor")
    assert "work" in terminal.type("%traces --columns name,status")
    assert terminal.type("%traces --eror").startswith(
        "UsageError: %traces has no option"
    )
    assert "same values" in terminal.type("%trace diff last last")


def test_a_traced_cell_shows_its_tree(terminal):
    printed = terminal.type("get_ipython().run_cell('%%trace answer\\nwork(1)');")

    assert "answer [CHAIN]" in printed


def test_unloading_prints_nothing_more(terminal):
    terminal.type("%unload_ext spantree")

    assert "OK" not in terminal.type("work(1)")
