"""Every form of search that MLflow accepts finds here what it finds there.

MLflow's answers are kept in ``mlflow.json`` and taken anew by ``test_parity``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from parity import filters

import spantree

REFERENCE = json.loads((Path(__file__).parent / "mlflow.json").read_text())["filters"]
# Forms that are meant to be answered otherwise; each pattern must still be needed.
DIFFERENCES = {
    r"span\.attributes\.": (
        "compared with that attribute's value; MLflow's = never matches, its != always "
        "does, and its LIKE needs % around the text and reaches into what follows"
    ),
    r"(feedback|expectation)\..* I?LIKE ['\"][^%]": (
        "a pattern is held against the text; MLflow holds it against its JSON, whose "
        "quotes only a % takes in"
    ),
    r"feedback\.failed (!=|=|I?LIKE|RLIKE) ": (
        "a judge that failed gave nothing to compare; MLflow compares the text null"
    ),
    r"expectation\.answer [<>]=? 1[12]": (
        "a text that spells a number compares with a number as one"
    ),
    r"name ILIKE 'NAÏVE%'": "ILIKE knows every alphabet; MLflow's on SQLite ASCII only",
    r"tag\.team RLIKE '\*\[\?\]'": "a pattern that can't be read is an error, no row",
    r"AND": "an AND that joins nothing is an error",
    r"tags\. = 'x'|ORDER BY \['tags\.'\]": "a tag without a key is an error",
    r"PAGES OF (1|3)": "there is no token after the last trace, so no empty page",
}
pytestmark = pytest.mark.filterwarnings("ignore::spantree.search.FilterHint")


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def answers(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    uri = "memory:" if request.param == "memory" else folder / "traces.db"
    spantree.tracing.reset()
    spantree.set_tracking_uri(uri)
    spantree.set_experiment("every filter")
    filters.record(spantree)
    yield filters.answers(spantree, spantree.MlflowClient())
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")


def reason(form: str) -> str | None:
    return next((r for p, r in DIFFERENCES.items() if re.match(rf"({p})", form)), None)


def accepted():
    return {form: found for form, found in REFERENCE.items() if isinstance(found, list)}


def test_accepted_forms_find_the_same_traces(answers):
    differing = {
        form: (found, answers[form])
        for form, found in accepted().items()
        if answers[form] != found and reason(form) is None
    }

    assert differing == {}


def test_named_differences_are_still_there(answers):
    differing = [form for form, found in accepted().items() if answers[form] != found]

    for pattern in DIFFERENCES:
        assert any(re.match(f"({pattern})", form) for form in differing), pattern


def test_refused_forms_raise_nothing_else(answers):
    assert [a for a in answers.values() if isinstance(a, str) and a != "refused"] == []


def test_forms_cover_the_grammar():
    found = accepted()

    assert len(found) > 1_400
    assert sum(map(bool, found.values())) > 1_000, "most forms find something"
    for word in (
        *filters.TEXTS,
        *filters.NUMBERS,
        *filters.LISTS,
        *filters.NULLS,
    ):
        assert any(f" {word} " in f"{form} " for form in found), word
