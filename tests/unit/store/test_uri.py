from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spantree.entities.errors import SpantreeException
from spantree.store import (
    TargetKind,
    default_file,
    open_store,
    parse_tracking_uri,
    parse_tracking_uris,
)
from spantree.store.servers import runtime_folder


@pytest.mark.parametrize(
    ("uri", "kind", "path"),
    [
        ("sqlite:///rel.db", TargetKind.SQLITE, Path("rel.db").absolute()),
        ("sqlite:////abs/x.db", TargetKind.SQLITE, Path("/abs/x.db")),
        ("sqlite:////a%20b/x.db", TargetKind.SQLITE, Path("/a b/x.db")),
        ("x.sqlite3", TargetKind.SQLITE, Path("x.sqlite3").absolute()),
        (Path("/p/q"), TargetKind.SQLITE, Path("/p/q")),
        ("file:///dir/a%20b", TargetKind.SQLITE, Path("/dir/a b/traces.db")),
        ("memory:", TargetKind.MEMORY, None),
        ("postgresql://u:p@h/db", TargetKind.POSTGRESQL, None),
        ("postgres://h/db", TargetKind.POSTGRESQL, None),
        ("http://localhost:5000", TargetKind.HTTP, None),
        ("https://h", TargetKind.HTTP, None),
        ("databricks", TargetKind.DATABRICKS, None),
        ("databricks://PROFILE", TargetKind.DATABRICKS, None),
        ("otlp", TargetKind.OTLP, None),
        ("otlp+http://h:4318/v1/traces", TargetKind.OTLP, None),
    ],
)
def test_forms(uri, kind, path):
    target = parse_tracking_uri(uri)

    assert (target.kind, target.path) == (kind, path)


@pytest.mark.parametrize(
    "uri", ["a\0b.db", "sqlite:///%00.db", "file:///a%00b", "\ud800.db"]
)
def test_names_that_no_file_can_have_are_refused(uri):
    with pytest.raises(SpantreeException, match="No file can have the name"):
        parse_tracking_uri(uri)


@pytest.mark.parametrize(
    "uri",
    ["http://h:port", "https://h:70000", "http://[", "otlp+http://:1", "http://a\nb"],
)
def test_addresses_that_nobody_has_are_refused(uri):
    with pytest.raises(SpantreeException, match="is no address: write"):
        parse_tracking_uri(uri)


def test_an_address_with_a_slash_in_its_password_does_not_show_it():
    with pytest.raises(SpantreeException) as caught:
        parse_tracking_uri("http://me:s3/cret@host:5000")

    assert "s3" not in str(caught.value)
    assert "'http://host:5000' is no address" in str(caught.value)


def test_a_home_that_nobody_has_is_a_folder_of_that_name():
    path = parse_tracking_uri("~nobody-here/traces.db").path

    assert path == Path("~nobody-here/traces.db").absolute()


def test_passwords_are_never_shown():
    target = parse_tracking_uri("http://me:s3cret@host:5432/db?password=s3cret")

    assert target.shown == "http://host:5432/db"
    assert "s3cret" not in repr(target)
    with pytest.raises(SpantreeException) as caught:
        open_store(target)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    ["mysql://h/db", "./mlruns", "sqlite://", "http://", "sqlte:///x", "file://[x/"],
)
def test_unknown_forms_are_refused_with_the_list(uri):
    with pytest.raises(SpantreeException, match="sqlite:///") as caught:
        parse_tracking_uri(uri)

    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_misspelt_scheme_gets_a_suggestion():
    with pytest.raises(SpantreeException, match="Did you mean 'sqlite'"):
        parse_tracking_uri("sqlte:///x.db")


@pytest.mark.parametrize("uri", ["http://h", "databricks", "otlp"])
def test_kinds_without_a_store_say_so(uri):
    with pytest.raises(SpantreeException, match="is no store"):
        open_store(parse_tracking_uri(uri))


@pytest.mark.parametrize(
    ("uris", "rest", "sent"),
    [
        (None, "traces.db", []),
        ("memory:", "memory:", []),
        ("http://u:p@a:1", "traces.db", ["http://a:1"]),
        ("http://a, databricks,otlp", "traces.db", ["http://a", "databricks", "otlp"]),
        (["a,b.db", "http://a", "http://a"], "a,b.db", ["http://a"]),
        ("sqlite:///x.db,otlp+https://c/v1", "x.db", ["otlp+https://c/v1"]),
    ],
)
def test_several_places_in_one(uris, rest, sent):
    found, targets = parse_tracking_uris(uris)

    assert found.shown.endswith(rest)
    assert [target.shown for target in targets] == sent


@pytest.mark.parametrize(
    ("uris", "words"),
    [
        ("a.db,sqlite:///b.db", "Traces rest in one place"),
        (["memory:", "http://a"], "can't be sent to http://a"),
        ("http://a,mysql://b", "Unknown tracking URI 'mysql://b'"),
    ],
)
def test_places_that_do_not_go_together(uris, words):
    with pytest.raises(SpantreeException, match=words):
        parse_tracking_uris(uris)


def test_environment_moves_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path))
    assert default_file() == tmp_path / "traces.db"
    assert parse_tracking_uri(None).path == tmp_path / "traces.db"

    monkeypatch.setenv("SPANTREE_DB", str(tmp_path / "mine"))
    assert default_file() == tmp_path / "mine"
    monkeypatch.setenv("SPANTREE_DB", "sqlite:////other/x.db")
    assert parse_tracking_uri("").path == Path("/other/x.db")


def test_default_is_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SPANTREE_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert default_file().name == "traces.db"
    assert default_file().parent.name == "spantree"


@pytest.mark.skipif(os.name == "nt", reason="numbers without a name are POSIX's")
def test_user_without_a_home_has_that_of_docker(monkeypatch):
    for name in ("HOME", "XDG_DATA_HOME", "SPANTREE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)

    assert default_file() == Path("/.local/share/spantree/traces.db")
    assert runtime_folder() == Path("/.local/share/spantree/runtime")


def test_opening_nothing_imports_no_engine():
    code = (
        "import sys, spantree.store, spantree.search;"
        "print([m for m in ('sqlite3', 'pandas', 'platformdirs') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert said.stdout == "[]\n"
