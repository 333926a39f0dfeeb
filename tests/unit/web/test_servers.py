"""Programs of the same user find the token; nobody else does."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import pytest

from spantree.store.servers import announce, token_of


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTREE_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_program_of_the_same_user_finds_the_token(host):
    announce(8080, "secret")

    assert token_of(f"http://{host}:8080/v1/traces") == "secret"


def test_only_the_user_can_read_it(folder):
    path = announce(8080, "secret")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8081",
        "https://localhost:8080",
        "http://evil.example:8080",
        "http://127.0.0.1.evil.example:8080",
        "http://localhost",
        "databricks",
    ],
)
def test_the_token_is_for_no_other_server(url):
    announce(8080, "secret")

    assert token_of(url) is None


def test_the_token_of_a_server_that_is_gone_is_not_given(folder):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = announce(8080, "secret")
    path.write_text(json.dumps({"pid": gone.pid, "token": "secret"}))

    assert token_of("http://localhost:8080") is None


def test_a_link_or_a_file_that_others_may_write_is_not_read(folder):
    path = announce(8080, "secret")
    path.chmod(0o666)
    assert token_of("http://localhost:8080") is None

    path.chmod(0o600)
    (folder / "ui-8081.json").symlink_to(path)
    assert token_of("http://localhost:8081") is None


def test_a_folder_that_others_may_write_is_refused(folder):
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)

    with pytest.raises(PermissionError, match="another user"):
        announce(8080, "secret")
