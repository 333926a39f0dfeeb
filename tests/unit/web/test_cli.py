"""The commands, as a shell runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from support.traces import make_trace

import spantree
from spantree.cli import main
from spantree.store import SqliteStore
from spantree.store.servers import token_of

COMMANDS = ["ui", "search", "show", "export", "import", "prune", "doctor", "demo"]


@pytest.fixture
def run(tmp_path):
    def run(*words, **options):
        return subprocess.run(
            [sys.executable, "-m", "spantree", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"COLUMNS": "120", "SPANTREE_RAISE_INTERNAL_ERRORS": "1"},
            **options,
        )

    return run


@pytest.fixture
def stored(tmp_path):
    """A store of 25 traces; the last begins latest."""
    file = tmp_path / "some.db"
    store = SqliteStore(file)
    traces = [
        make_trace(
            number << 96,
            root={
                "name": f"agent {number}\x1b[31m",
                "start_time_ns": number * 10**9,
                "end_time_ns": number * 10**9 + 1_500_000,
            },
            spans=[{"name": "chat", "span_type": "CHAT_MODEL"}],
        )
        for number in range(1, 26)
    ]
    store.write(traces)
    store.close()
    return str(file)


def test_help_lists_the_commands(run):
    done = run("-h")

    assert done.returncode == 0
    assert all(f"    {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_own_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "-h"])

    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: spantree {name} ")


def test_search_prints_a_table_and_says_that_there_is_more(run, stored):
    done = run("search", "--store", stored)

    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["TRACE", "NAME", "STATUS"]
    assert "agent 25\\x1b[31m" in lines[1]
    assert "\x1b" not in done.stdout
    assert len(lines) == 22
    assert lines[-1] == "… the first 20; there are more: --limit 200"


def test_search_prints_json_lines(run, stored):
    done = run("search", "--json", "-n", "2", "--store", stored)

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["spans"] for row in rows] == [2, 2]
    assert rows[0]["duration_ms"] == 1.5
    assert "there are more" in done.stderr


@pytest.mark.parametrize("which", [[], ["tr-00000019"]])
def test_show_draws_the_tree(run, stored, which):
    done = run("show", *which, "--store", stored)

    assert "agent 25" in done.stdout
    assert "└─ chat [CHAT_MODEL]" in done.stdout


def test_show_gives_json_and_a_page(run, stored, tmp_path):
    data = run("show", "--json", "--store", stored)
    page = run("show", "--html", "page.html", "--store", stored)

    assert json.loads(data.stdout)["info"]["trace_id"] == "tr-00000019" + "0" * 24
    assert page.returncode == 0
    assert "<!doctype html>" in (tmp_path / "page.html").read_text()


def test_what_the_terminal_can_not_show_is_written_out(run, stored):
    page = run("show", "--html", b"\xff.html", "--store", stored)

    assert (page.returncode, page.stderr) == (0, "")
    assert page.stdout.endswith("→ \\udcff.html\n")


def test_traces_move_by_file(run, stored, tmp_path):
    out = run("export", "a.otlp.jsonl.gz", "-n", "3", "--store", stored)
    back = run("import", "a.otlp.jsonl.gz", "--store", "other.db")

    assert out.stdout == "3 traces → a.otlp.jsonl.gz\n"
    assert back.stdout == "3 traces ← a.otlp.jsonl.gz\n"
    assert len(run("search", "--store", "other.db").stdout.splitlines()) == 4


def test_prune_deletes_only_when_told_to(run, stored):
    asked = run("prune", "--older", "1d", "--store", stored)
    done = run("prune", "--older", "1d", "--yes", "--store", stored)

    assert (asked.returncode, done.returncode) == (2, 0)
    assert done.stdout == "25 traces deleted\n"


def test_doctor_finds_what_is_well_and_what_is_not(run, stored, tmp_path):
    well = run("doctor", "--store", stored)
    assert "✓ its pages are whole" in well.stdout
    assert "25 OK" in well.stdout

    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    ill = run("doctor", "--store", "bad.db")

    assert ill.returncode == 1
    assert "bad.db" in ill.stdout + ill.stderr
    assert "Traceback" not in ill.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, ""),
        (["serach"], 2, "invalid choice: 'serach'"),
        (["search", "stauts = 'OK'"], 2, "did you mean 'status'?"),
        (["search", "-n", "0"], 2, "a number from 1, not '0'"),
        (["search", "--store", "foo://x"], 2, "Unknown tracking URI 'foo://x'"),
        (["show", "zz"], 2, "'zz' is no trace id"),
        (["show", "abcdef"], 1, "There is no trace 'abcdef'"),
        (["export", "a.docx"], 2, "says none"),
        (["import", "missing.json"], 1, "No such file"),
        (["prune", "--older", "1x", "--yes"], 2, "not '1x'"),
        (["prune", "--yes"], 2, "prune needs older="),
        (["prune", "--max-mb", "nan", "--yes"], 2, "a number of megabytes, not 'nan'"),
        (["ui", "--host", "0.0.0.0", "--no-token"], 2, "this machine only"),
        (["ui", "--host", "256.1.1.1"], 2, "can't listen on 256.1.1.1"),
        (["ui", "-p", "99999"], 2, "from 0 to 65535, not '99999'"),
    ],
)
def test_errors_are_one_sentence(words, code, said, capsys):
    # In this process, as they are many; those above show that a shell sees the same.
    try:
        found = main(words)
    except SystemExit as end:
        found = end.code
    finally:
        spantree.set_tracking_uri(None)

    assert found == code
    assert said in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(run, stored):
    command = f"{sys.executable} -m spantree search --store {stored} | head -1"
    piped = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False
    )

    assert piped.stderr == ""


def test_ui_serves_until_it_is_told_to_end(stored, tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTREE_RUNTIME_DIR", str(tmp_path / "run"))
    server = subprocess.Popen(
        [sys.executable, "-m", "spantree", "ui", "-p", "0", "--store", stored],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        entrance = re.search(r"http://\S+", server.stdout.readline())[0]
        url, token = entrance.split("/?token=")
        asked = urllib.request.Request(
            f"{url}/api/v1/status", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            status = json.load(answer)
        assert token_of(url) == token
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)

    assert status["store"] == stored
    assert server.returncode == 0
    assert token_of(url) is None
    assert list((tmp_path / "run").iterdir()) == []


def test_the_demo_says_how_to_open_its_notebook(run, tmp_path):
    done = run("demo")

    assert done.returncode == 0, done.stderr
    assert "[CHAT_MODEL]" in done.stdout
    (command,) = re.findall(r"open it with: (.+)$", done.stdout, re.MULTILINE)
    *lab, notebook = command.split()
    asked = subprocess.run(
        [*lab, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert int(asked.stdout.split(".")[0]) >= 4
    assert (tmp_path / notebook).is_file()
