"""No planted secret survives; nothing that only looks like one is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures import secrets

from spantree.entities.values import encode
from spantree.recording.capture import capture, capture_arguments
from spantree.recording.redaction import Redactor

PLANTED = secrets.planted()
WORDS = secrets.words()
LOOKALIKES = json.loads((Path(secrets.__file__).parent / "lookalikes.json").read_text())

# Where a secret of known shape may stand.
PLACES = {
    "alone": lambda s: s,
    "in a sentence": lambda s: f"My key is {s}, keep it.",
    "in quotes": lambda s: f"key='{s}'",
    "in a list": lambda s: [1, ["x", s]],
    "in a dict": lambda s: {"messages": [{"content": f"use {s}"}]},
    "as a key": lambda s: {"found": {s: 1}},
    "in arguments": lambda s: {"a": json.dumps({"q": s, "n": 1})},
    "twice escaped": lambda s: [json.dumps({"a": json.dumps({"q": s})})],
    "in an error": lambda s: ValueError(f"Incorrect key provided: {s}"),
    "in an object": lambda s: type("Client", (), {"__init__": lambda o: setattr(o, "k", s)})(),
    "in bytes": lambda s: [s.encode(), s.encode()[:10], "<masked: x>"],
    "in a set": lambda s: {s},
    "in a URL": lambda s: f"https://example.org/{s}",
    "beside wide text": lambda s: f"秘密 {s} です",
}  # fmt: skip

# Where a word is a secret because of what stands before it.
ANNOUNCED = {
    "assignment": lambda s: f"export DB_PASSWORD={s}",
    "quoted assignment": lambda s: f'api_key = "{s}"',
    "colon": lambda s: f"password: {s}",
    "quoted colon": lambda s: f"client_secret: '{s}'",
    "header": lambda s: f"curl -H 'Authorization: Bearer x1y2z3{s.replace('!', '-').replace('%', '-')}'",
    "url": lambda s: f"postgres://user:{s}@db.example.org:5432/x",
    "query": lambda s: f"https://example.org/?page=1&api_key={s}&z=2",
    "python dict": lambda s: f"{{'cookie': '{s}', 'x': 1}}",
    "json": lambda s: json.dumps({"x": 1, "Authorization": s}),
    "json in text": lambda s: f'calling tool with {{"private_key": "{s}", "q": 2}} now',
    "json cut off": lambda s: f'{{"q": "x", "access_token": "{s}',
    "escaped json": lambda s: json.dumps(json.dumps({"session_token": s})),
    "json container": lambda s: f'see {{"credentials": {{"user": "u", "v": ["{s}"]}}, "q": 1}}',
}  # fmt: skip


def lookalike_texts():
    texts = list(LOOKALIKES["texts"])
    for template in LOOKALIKES["templates"]:
        for number, word in enumerate(LOOKALIKES["words"]):
            for spelling in (word, word.title()):
                texts.append(template.format(word=spelling, year=1990 + number))
    return texts


def test_the_corpus_is_large_enough():
    assert len(set(PLANTED)) >= 200
    assert len(lookalike_texts()) + len(LOOKALIKES["keys"]) * 6 >= 500


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_of_known_shape_is_masked_anywhere(place):
    redactor = Redactor()
    for secret in PLANTED:
        value = PLACES[place](secret)

        stored = encode(redactor.redact(capture(value)))
        argument = encode(redactor.redact(capture_arguments({"x": value, "y": [1]})))

        part = secret[4:40].encode()
        assert part not in stored, secret
        assert part not in argument, secret
        assert b"<masked: " in stored
        json.loads(stored)
        json.loads(argument)


@pytest.mark.parametrize("place", ANNOUNCED)
def test_an_announced_secret_is_masked(place):
    redactor = Redactor()
    for secret in WORDS:
        text = ANNOUNCED[place](secret)

        masked = redactor.text(text)
        stored = encode(redactor.redact(capture({"m": [text]})))

        assert secret[2:] not in masked, text
        assert secret[2:].encode() not in stored, text
        assert redactor.text(masked) == masked


def test_a_private_key_is_masked_to_its_end_or_the_texts():
    key = secrets.pem()
    redactor = Redactor()

    assert redactor.text(f"a {key} b") == "a <masked: private_key> b"
    assert redactor.text(f"a {key[:200]}") == "a <masked: private_key>"
    assert b"PRIVATE" not in redactor.redact(capture({"k": [key]}))


def test_a_url_keeps_scheme_user_and_host():
    assert (
        Redactor().text("postgres://jane:pw1@db/x")
        == "postgres://jane:<masked: password>@db/x"
    )


def test_embedded_json_stays_json():
    arguments = json.dumps(
        {"api_key": "abc", "q": [1.5, "ü"], "n": 12345678901234567890123}
    )

    stored = Redactor().redact(capture([{"arguments": arguments}]))

    assert json.loads(json.loads(stored)[0]["arguments"]) == {
        "api_key": "<masked: api_key>",
        "q": [1.5, "ü"],
        "n": 12345678901234567890123,
    }


def test_lookalike_texts_stay():
    redactor = Redactor()
    for text in lookalike_texts():
        assert redactor.text(text) == text
        captured = capture({"m": [{"content": text}, text]})
        assert redactor.redact(captured) is captured, text
    assert redactor.masked == 0


@pytest.mark.parametrize("value", LOOKALIKES["values"], ids=str)
def test_lookalike_keys_stay(value):
    redactor = Redactor()
    for key in LOOKALIKES["keys"]:
        flat = {key: value}
        captured = capture({"a": flat})
        assert redactor.redact(flat) is flat, key
        assert redactor.redact(captured) is captured, key
