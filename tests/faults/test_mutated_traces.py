"""Trace files that somebody changed: read whole, or refused in one sentence."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random

from spantree.entities import Feedback, Trace
from spantree.exceptions import SpantreeException
from spantree.recording import start_span, update_current_trace
from spantree.store import open_store, parse_tracking_uri
from spantree.testing import recorded_traces

MUTATIONS = int(os.environ.get("SPANTREE_MUTATIONS", "1000"))
WRONG = (
    None,
    True,
    -1,
    2**70,
    -(2**63),
    10**400,
    1e308,
    "",
    "\ud800",
    "9" * 5_000,
    "tr-",
    [],
    {},
    [[]],
    {"a": None},
    "2026-13-99T99:99:99Z",
    "STATUS_CODE_ODD",
    '"{',
)


def recorded():
    with recorded_traces() as traces:
        with start_span("root", "AGENT", {"a": {"b": [1, None]}}) as root:
            root.set_inputs({"q": "x", "n": [1.5]})
            update_current_trace(tags={"k": "v"}, session_id="s")
            try:
                with start_span("child"):
                    raise ValueError("planned")
            except ValueError:
                pass
        return traces[0].to_dict()


def places(data, path=()):
    yield path
    if isinstance(data, (dict, list)):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield from places(data[key], (*path, key))


def changed(rng, data):
    """Replace, drop or double something in a copy."""
    data = copy.deepcopy(data)
    for _ in range(rng.randint(1, 3)):
        where = [path for path in places(data) if path]
        if not where:
            break
        *outer, key = rng.choice(where)
        holder = data
        for step in outer:
            holder = holder[step]
        how = rng.randrange(4)
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(rng.choice(WRONG))
    return data


def garbled(rng, text):
    """Change, drop or double some characters."""
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(text))
        piece = text[at : at + rng.randint(0, 40)]
        odd = rng.choice(["", piece * 2, '"', "{", "]", ",", "\\u0000", "1e999", "\0"])
        text = text[:at] + odd + text[at + len(piece) :]
    return text


def test_only_ours_comes_out_of_mutated_traces(seed, tmp_path):
    rng = random.Random(seed)
    whole = recorded()
    feedback = Feedback("right", 0.5, rationale="so").to_dict()
    whole["info"]["assessments"] = [feedback]
    store = open_store(parse_tracking_uri(tmp_path / "traces.db"))
    text = json.dumps(whole)
    read = refused = 0
    for number in range(MUTATIONS):
        given = changed(rng, whole) if number % 2 else garbled(rng, text)
        what = f"mutation {number}: {given!r:.2000}"
        try:
            if number % 2:
                trace = Trace.from_dict(given)
            else:
                trace = Trace.from_json(given)
        except SpantreeException as error:
            assert "\n" not in str(error), what
            refused += 1
            continue
        except BaseException as error:
            raise AssertionError(what) from error
        read += 1
        try:
            again = Trace.from_json(trace.to_json())
            # A lone surrogate is a visible one from its first writing on.
            assert Trace.from_json(again.to_json()).to_dict() == again.to_dict()
            assert str(trace)
            assert trace.to_html()
            with contextlib.suppress(SpantreeException):  # of ids of other forms
                store.write([trace])
                assert store.get(trace.key) is not None
                store.delete([trace.key])
        except BaseException as error:
            raise AssertionError(what) from error

    store.close()
    print(f"{read} read, {refused} refused")
    assert read > MUTATIONS // 50
    assert refused > MUTATIONS // 3
