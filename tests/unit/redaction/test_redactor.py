"""What holds of redaction as a whole."""

from __future__ import annotations

import json
import time

import pytest
from fixtures import secrets
from hypothesis import given
from hypothesis import strategies as st
from support.laws import examples

from spantree.entities.values import encode
from spantree.recording.capture import capture
from spantree.recording.redaction import Redactor

SECRETS = secrets.planted(each=1)
PIECES = [
    *SECRETS, "password", "api_key", "token", "=", ": ", ":", '"', "'", "\\", "\\\"", " ", "\n", "://", "@", "?", "&",
    "{", "}", "[", "]", ",", "Bearer ", "basic ", "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----",
    "<masked: api_key>", "<masked: ", ">", "abc12345", "x", "é", "\ud800", "1", "None",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
KEYS = st.sampled_from(["a", "password", "token", "api key", "$spantree", SECRETS[0]])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(TEXTS)
@examples(400)
def test_a_text_redacted_twice_is_redacted_once(text):
    once = Redactor().text(text)

    assert Redactor().text(once) == once


@given(VALUES)
@examples(400)
def test_a_value_redacted_twice_is_redacted_once(value):
    once = Redactor().redact(capture(value))

    assert encode(Redactor().redact(once)) == encode(once)
    json.loads(encode(once), parse_constant=pytest.fail)


@given(VALUES)
@examples(200)
def test_a_clean_value_comes_back_itself(value):
    redactor = Redactor()
    captured = capture(value)

    redacted = redactor.redact(captured)

    assert (redacted is captured) == (redactor.masked == 0)


def test_numbers_notes_and_order_survive_masking():
    value = {"n": 2**70, "f": float("nan"), "$spantree": 1, "password": "x", "z": 1.5}

    stored = Redactor().redact(capture(value))

    assert stored == (
        b'{"n":1180591620717411303424,"f":{"$spantree":"float","value":"nan"},'
        b'"$$spantree":1,"password":"<masked: password>","z":1.5}'
    )


ADVERSARIAL = {
    "literals": "sk-" * 3_400_000,
    "jwt heads": "eyJ-" * 2_500_000,
    "jwt halves": ("eyJ" + "a" * 2_000 + ".eyJ") * 5_000,
    "signs": "=:" * 5_000_000,
    "names": "key=" * 2_500_000,
    "secret names": "password=" * 1_100_000,
    "quoted names": '"password":' * 900_000,
    "open quotes": 'password="' * 1_000_000,
    "escapes": "password: " + "\\" * 10_000_000 + '"',
    "urls": "://a:" * 2_000_000,
    "users": "://" + "a" * 200 + "@" * 10_000_000,
    "heads": "-----BEGIN RSA PRIVATE KEY-----" * 330_000,
    "bearers": "bearer " * 1_400_000,
    "brackets": '"credentials":' + "[" * 10_000_000,
    "json": "[" * 5_000_000 + "password=x12345" + "]" * 5_000_000,
    "base64": "QUJDRA" * 1_700_000,
    "lines": "a b c\n" * 1_700_000,
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_ten_hostile_megabytes_are_done_soon(name):
    redactor = Redactor()
    start = time.process_time()

    redactor.text(ADVERSARIAL[name])

    assert time.process_time() - start < 30


def test_a_value_full_of_secrets_is_masked_whole():
    secret = SECRETS[0]

    assert Redactor().text(f"{secret} " * 10_001) == "<masked: too many secrets>"


def test_broken_json_is_masked_whole():
    assert Redactor().redact(b'{"a": [}') == "<masked: unreadable>"


def test_disabled_lets_everything_pass():
    redactor = Redactor(enabled=False)
    value = {"password": "x"}

    assert redactor.redact(value) is value
    assert redactor.text("password=hunter2") == "password=hunter2"


def test_own_patterns_mask_what_they_match():
    redactor = Redactor(patterns=[r"PAT-\d{4}"])

    assert redactor.text("see PAT-1234.") == "see <masked: custom>."
    assert redactor.redact(b'{"a":["PAT-1234"]}') == b'{"a":["<masked: custom>"]}'
    assert redactor.redact({"a": "PAT-1234", "b": 1}) == {
        "a": "<masked: custom>",
        "b": 1,
    }


def test_a_slow_pattern_is_switched_off_and_fails_closed(caplog):
    redactor = Redactor(patterns=[r"(a|a)*$"])
    text = "a" * 21 + "b"

    assert redactor.text(text) == "<masked: slow pattern>"
    assert redactor.text(text) == text
    assert len(caplog.records) == 1


def test_the_users_mask_sees_paths_and_fails_closed():
    seen = {}

    def mask(path, value):
        seen[path] = value
        if path == "a.0.b":
            raise SystemExit
        if path == "a.1":
            return object()
        return "gone" if value == "name" else value

    stored = Redactor(mask=mask).redact(b'{"a":[{"b":1},2,"name"],"password":"x"}')

    assert json.loads(stored) == {
        "a": [{"b": "<masked: mask failed>"}, "<masked: mask failed>", "gone"],
        "password": "<masked: password>",
    }
    assert seen == {"a.0.b": 1, "a.1": 2, "a.2": "name"}


def test_counts_what_was_masked():
    redactor = Redactor()

    redactor.redact({"password": "x", "note": "api_key=abcdef"})

    assert redactor.masked == 2
