"""What single options of the magics do, where no other file tells of it."""

from __future__ import annotations

import pytest

MIME = "application/vnd.spantree.trace.v1+json"
CELLS = {
    "load": """%load_ext spantree
import spantree

@spantree.trace
def work(n=1):
    with spantree.start_span("inner", span_type="TOOL") as span:
        span.set_attribute("mlflow.llm.model", "small-1")
        with spantree.start_span("leaf") as leaf: leaf.set_inputs({"text": n})
    return n
def sessions(): return list(spantree.traces(limit=1)["session"])""",
    "new session": "%session --new --into session\nprint(session.facts)",
    "in a session": "work();\nprint(sessions() == [session.facts])",
    "session off": "%session off\n",
    "in none": "work();\nprint(spantree.traces(limit=1)['session'].isna().tolist())",
    "span below": (
        "t = %trace\ninner = t.search_spans(name='inner')[0].span_id\n"
        "%trace last --span $inner --text"
    ),
    "depth 0": "%trace last --depth 0",
    "depth 9": "%trace last --depth 9",
    "judged span": (
        "%feedback last good --span $inner --into judged\n"
        "print(judged.facts.span_id == inner)"
    ),
    "user and model": (
        "with spantree.start_span('theirs'):\n"
        "    spantree.update_current_trace(user='ada')\n"
        "by_user = %traces --user ada\nby_model = %traces --model small-*\n"
        "print(list(by_user['name']), set(by_model['name']))"
    ),
    "show": "%traces -n 2 --show",
    "show many": "for n in range(22): work()\n%traces -n 22 --show",
    "lean": "import secrets\nwork(text := secrets.token_hex(12_000));",
    "full": "%trace_display --save full --once\nwork(text)",
    "secret": "%tracking_uri postgresql://ada:hunter2@nowhere/db",
    "secret card": "%tracking_uri",
    "back": "%tracking_uri memory:",
    "switched off": "%spantree off\n",
    "unrecorded": "work()",
    "switched on": "%spantree on\n",
    "recorded": "work()",
    "no inputs": (
        "from spantree import demo\n"
        "client = demo.client()\n"
        "get_ipython().run_line_magic('autolog', 'openai --no-inputs --silent')\n"
        "reply = client.chat.completions.create(model='gpt-4o-mini',"
        " messages=[{'role': 'user', 'content': 'tell no one'}])\n"
        "span = spantree.get_trace(spantree.get_last_active_trace_id()).data.spans[0]\n"
        "print('tell no one' in str(span.inputs), bool(span.outputs))"
    ),
    "card": "%spantree",
    "all off": "%autolog all off",
    "unrecorded call": (
        "_ = client.chat.completions.create(model='gpt-4o-mini',"
        " messages=[{'role': 'user', 'content': 'hello'}])"
    ),
}
SAID = {
    "in a session": "True",
    "in none": "[True]",
    "judged span": "True",
    "user and model": "['theirs'] {'work'}",
    "no inputs": "False True",
}


@pytest.fixture(scope="module")
def cells(module_run_cells):
    """What each cell shows and prints; one kernel for all of them."""
    result = module_run_cells(*CELLS.values())
    return {
        name: (result.text(n), result.trees(n), result.outputs(n))
        for n, name in enumerate(CELLS)
    }


def payload(cells, name) -> dict:
    (tree,) = cells[name][1]
    return tree[MIME]


@pytest.mark.parametrize("name", SAID)
def test_an_option_does_what_the_page_says(cells, name):
    assert cells[name][0].strip().splitlines()[-1] == SAID[name]


def test_nothing_goes_wrong(cells):
    for name, (_, _, outputs) in cells.items():
        kinds = [(o.output_type, o.get("name")) for o in outputs]
        assert ("error", None) not in kinds, name
        assert ("stream", "stderr") not in kinds, (name, outputs)


def test_a_new_session_has_a_name_of_its_own(cells):
    assert cells["new session"][0].startswith("session-")


def test_a_span_is_drawn_with_what_is_below_it(cells):
    drawn = cells["span below"][0]

    assert "inner [TOOL]" in drawn
    assert "leaf" in drawn
    assert "\nwork" not in drawn


def test_the_depth_says_how_many_levels_are_open(cells):
    closed, opened = payload(cells, "depth 0"), payload(cells, "depth 9")

    assert closed["view"] != opened["view"]
    assert closed["traces"][0]["cols"]["names"] == ["work", "inner", "leaf"]


def test_traces_are_shown_as_trees_and_not_as_a_table(cells):
    assert [trace["name"] for trace in payload(cells, "show")["traces"]]
    assert "DataFrame" not in cells["show"][0]
    assert "showing 20 of 22: narrow with --filter or -n" in cells["show many"][0]


def test_more_is_saved_if_asked_to(cells):
    (lean,), (full,) = cells["lean"][1], cells["full"][1]

    assert "not saved here: " in lean["text/plain"]
    assert "not saved here: " not in full["text/plain"]


def test_credentials_are_not_shown(cells):
    for name in ("secret", "secret card"):
        assert "postgresql://nowhere/db" in cells[name][0]
        assert "hunter2" not in str(cells[name][2])


def test_what_is_switched_off_records_nothing(cells):
    assert cells["unrecorded"][1] == []
    assert len(cells["recorded"][1]) == 1
    assert cells["unrecorded call"][1] == []


def test_the_card_names_the_counts_that_are_not_0(cells):
    (counts,) = [line for line in cells["card"][0].splitlines() if "saved" in line]

    assert counts.startswith("saved ")
    assert "waiting " in counts
    assert "dropped" not in counts
