"""Masking by the name a value stands under."""

from __future__ import annotations

import json

import pytest
from fixtures import secrets

from spantree.recording.redaction import Redactor


@pytest.mark.parametrize("key", secrets.KEYS)
def test_a_value_under_a_secret_key_is_masked(key):
    redactor = Redactor()
    value = {"user": "jane", key: "correct horse"}

    flat = redactor.redact(value)
    text = redactor.redact(json.dumps({"a": [value]}).encode())

    assert flat[key].startswith("<masked: ")
    assert b"horse" not in text
    assert flat["user"] == "jane"
    assert value[key] == "correct horse"
    assert redactor.redact("correct horse", key).startswith("<masked: ")
    assert redactor.masked == 3


def test_the_mask_names_the_term():
    assert Redactor().redact({"OPENAI_API_KEY": "x"}) == {
        "OPENAI_API_KEY": "<masked: api_key>"
    }


@pytest.mark.parametrize("value", [{"user": "u", "pass": ["p"]}, ["p"], 12345, 1.5])
def test_a_container_or_number_under_a_secret_key_is_masked_whole(value):
    text = Redactor().redact(json.dumps({"credentials": value}).encode())

    assert text == b'{"credentials":"<masked: credentials>"}'


@pytest.mark.parametrize("value", [None, True, False, "", {}, []])
def test_nothing_under_a_secret_key_stays_nothing(value):
    text = json.dumps({"password": value}, separators=(",", ":")).encode()

    assert Redactor().redact(text) is text


def test_a_bare_token_is_masked_only_if_it_looks_like_one():
    redactor = Redactor()
    chunk = {"token": " Hello"}

    assert redactor.redact(chunk) is chunk
    assert (
        redactor.redact({"token": "abcdefghijklmnopqrstuvwxyz"})["token"]
        == "<masked: token>"
    )
    assert redactor.redact({"token": "a long text with many words in it"})[
        "token"
    ].startswith("a long")


def test_more_keys_may_be_named():
    redactor = Redactor(extra_keys=["patient_id"])

    assert redactor.redact({"patientId": "4711", "a": 1}) == {
        "patientId": "<masked: patient_id>",
        "a": 1,
    }
    assert (
        redactor.redact(b'{"x":{"Patient-ID":"4711"}}')
        == b'{"x":{"Patient-ID":"<masked: patient_id>"}}'
    )
    assert redactor.text("patient_id=4711") == "patient_id=<masked: patient_id>"
