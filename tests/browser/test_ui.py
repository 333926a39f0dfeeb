"""The page of `spantree ui` in Chromium, over a real store."""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path

import pytest
from browser.test_axe import AXE, RUN
from browser.test_csp import NOTE_VIOLATIONS
from playwright.sync_api import expect
from support.hostile import FINDINGS, attacks
from support.lab import LONG
from support.traces import make_trace
from support.ui import served

from spantree.entities import AssessmentSource, Feedback, TraceState
from spantree.store import SqliteStore

PICTURES = Path(__file__).parents[2] / "out" / "pictures"
# Forms of the page's own are told by a class.
OWN_FINDINGS = FINDINGS.replace("form:not(", "form:not(.ui-form, ")


def agent(number, **info):
    """An agent's trace that began so many minutes ago."""
    began = time.time_ns() - number * 60 * 10**9
    tokens = b'{"input_tokens":%d,"output_tokens":20}' % (number * 10)
    return make_trace(
        number,
        root={
            "name": f"agent {number}",
            "span_type": "AGENT",
            "start_time_ns": began,
            "end_time_ns": began + number * 10**8,
            "raw_inputs": b'{"question":"why %d?"}' % number,
        },
        spans=[
            {
                "name": "chat",
                "span_type": "CHAT_MODEL",
                "start_time_ns": began + 10**6,
                "end_time_ns": began + number * 10**8 - 10**6,
                "raw_attributes": {"mlflow.chat.tokenUsage": tokens},
            }
        ],
        request_preview=f"why {number}?",
        trace_metadata={"mlflow.trace.session": f"talk {number % 3}"},
        tags={"team": "red"},
        **info,
    )


@pytest.fixture(scope="module")
def served_store(tmp_path_factory):
    """A store and the server that all tests of the module ask."""
    folder = tmp_path_factory.mktemp("ui")
    store = SqliteStore(folder / "traces.db")
    with served(store.location, folder) as site:
        yield store, site
    store.close()


@pytest.fixture
def store(served_store):
    """The store with 120 traces, whatever the test before left in it."""
    store, _ = served_store
    store.delete(list(range(1, 1_000)))
    store.write([agent(number) for number in range(1, 121)])
    return store


@pytest.fixture
def site(store, served_store):
    return served_store[1]


@pytest.fixture
def shown(site, page):
    """The page with its list, and what it asked for and complained of."""
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "dialog", lambda dialog: (page.complaints.append("dialog"), dialog.dismiss())
    )
    page.add_init_script(NOTE_VIOLATIONS)
    page.goto(site.entrance)
    page.locator(".ui-table tbody tr").first.wait_for()
    yield page
    assert page.evaluate("window.violations") == []
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith(site.url)] == []


def names(page):
    return page.locator(".ui-title a").all_inner_texts()


def search(page, text):
    page.get_by_label("Filter").fill(text)
    page.get_by_role("button", name="Search").click()


def test_the_token_leaves_the_address(shown, site):
    assert shown.url.startswith(f"{site.url}/")
    assert "token" not in shown.url
    assert names(shown)[:2] == ["agent 1", "agent 2"]
    assert len(names(shown)) == 50


# Between the first drawing and what runs after it.
CHANGE_AT_ONCE = """
new MutationObserver((_, observer) => {
  if (!document.querySelector('.ui')) return;
  observer.disconnect();
  location.hash = '#/sessions';
}).observe(document, { subtree: true, childList: true });
"""


def test_an_address_that_changes_in_the_first_moments_is_followed(site, page):
    page.add_init_script(CHANGE_AT_ONCE)

    page.goto(site.entrance)

    page.locator(".ui-sessions").wait_for()
    assert page.url == f"{site.url}/#/sessions"


def test_pages_are_added_until_all_are_there(shown):
    for expected in (100, 120):
        shown.get_by_role("button", name="Show older").click()
        shown.locator(".ui-table tbody tr").nth(expected - 1).wait_for()

    assert names(shown) == [f"agent {number}" for number in range(1, 121)]
    assert shown.get_by_role("button", name="Show older").count() == 0


def test_a_filter_finds_and_a_wrong_one_says_where(shown):
    search(shown, "name = 'agent 7' OR name = 'agent 70'")
    expect(shown.locator(".ui-title a")).to_have_text(["agent 7", "agent 70"])

    search(shown, "stauts = 'OK'")
    said = shown.locator(".ui-problem").inner_text()
    assert said.splitlines()[1:3] == ["  stauts = 'OK'", "  ^^^^^^"]
    assert "did you mean 'status'?" in said

    shown.go_back()
    expect(shown.locator(".ui-problem")).to_have_count(0)
    expect(shown.locator(".ui-title a")).to_have_text(["agent 7", "agent 70"])


def test_headings_sort(shown):
    first = shown.locator(".ui-title a").first

    shown.get_by_role("button", name="Duration").click()
    expect(first).to_have_text("agent 120")
    shown.get_by_role("button", name="Duration").click()
    expect(first).to_have_text("agent 1")


def test_new_traces_come_in_by_themselves(shown, store):
    shown.get_by_role("button", name="Show older").click()
    shown.locator(".ui-table tbody tr").nth(99).wait_for()

    store.write(
        [
            make_trace(
                999,
                root={
                    "name": "just now",
                    "start_time_ns": time.time_ns(),
                    "end_time_ns": None,
                },
                state=TraceState.IN_PROGRESS,
            )
        ]
    )

    shown.get_by_role("link", name="just now").wait_for(timeout=LONG)
    assert names(shown)[:2] == ["just now", "agent 1"]
    assert len(names(shown)) == 101
    assert "running" in shown.locator("tbody tr").first.inner_text()


def test_a_trace_opens_in_the_viewer_and_is_judged(shown, store):
    shown.get_by_role("link", name="agent 3", exact=True).click()
    shown.locator(".st-row").nth(1).click()
    shown.locator(".st-detail").wait_for()

    shown.get_by_role("button", name="+ tag").click()
    shown.get_by_label("New tag").fill("priority=high")
    shown.keyboard.press("Enter")
    shown.get_by_text("high").wait_for()
    shown.get_by_label("Delete the tag team").click()
    shown.get_by_label("Delete the tag team").wait_for(state="detached")
    shown.get_by_role("button", name="+ bad").click()
    shown.get_by_label("Delete good").wait_for()

    kept = store.get(3, include_spans=False).info
    assert kept.tags["priority"] == "high"
    assert "team" not in kept.tags
    assert [(a.name, a.value, a.source.source_type) for a in kept.assessments] == [
        ("good", False, "HUMAN")
    ]
    shown.get_by_label("Delete good").click()
    shown.get_by_label("Delete good").wait_for(state="detached")
    assert store.get(3).info.assessments == []

    shown.get_by_role("tab", name="Feedback").click()
    shown.get_by_role("textbox", name="value").fill("yes")
    shown.get_by_role("button", name="Add feedback").click()
    shown.get_by_text("Stored.").wait_for()
    assert [a.span_id for a in store.get(3).info.assessments] == [f"{2:016x}"]


def test_a_trace_that_runs_grows_before_the_reader(shown, store):
    began = time.time_ns()
    root = {"name": "slow", "start_time_ns": began, "end_time_ns": None}
    store.write([make_trace(500, root=root, state=TraceState.IN_PROGRESS)])
    shown.get_by_role("link", name="slow").click(timeout=LONG)
    shown.locator(".st-row").wait_for()

    span = {"name": "step", "start_time_ns": began + 1, "end_time_ns": began + 2}
    store.write(
        [make_trace(500, root=root, spans=[span], state=TraceState.IN_PROGRESS)]
    )
    shown.locator(".st-row").nth(1).wait_for(timeout=LONG)
    store.write([make_trace(500, root=root | {"end_time_ns": began + 9}, spans=[span])])

    shown.locator(".ui-facts .st-state-ok").wait_for(timeout=LONG)


def test_sessions_lead_to_their_traces(shown):
    shown.get_by_role("link", name="Sessions").click()
    # The list before it links to sessions, too.
    shown.locator(".ui-title").first.wait_for(state="detached")
    shown.get_by_role("link", name="talk 2").click()

    shown.locator(".ui-title").first.wait_for()
    assert shown.get_by_label("Filter").input_value() == "session = 'talk 2'"
    assert names(shown)[0] == "agent 119"


def test_two_are_compared(shown):
    for name in ("agent 1", "agent 2"):
        shown.get_by_label(f"Choose {name}", exact=True).check()
    shown.get_by_role("link", name="Compare").click()

    text = shown.locator(".ui-compare").inner_text()
    assert "chat" in text
    assert "+102 %" in text
    assert "30 → 40" in text


def test_deleting_asks_first(shown, store):
    shown.get_by_label("Choose agent 1", exact=True).check()
    shown.get_by_role("button", name="Delete…").click()
    shown.get_by_role("button", name="Cancel").click()
    assert store.get(1) is not None

    shown.get_by_role("button", name="Delete…").click()
    shown.get_by_role("button", name="Delete for good").click()
    shown.get_by_text("1 trace deleted.").wait_for()
    assert store.get(1) is None

    search(shown, "session = 'talk 0'")
    shown.get_by_role("button", name="Delete all that match…").click()
    shown.get_by_text("Delete 40 traces?").wait_for()
    shown.get_by_role("button", name="Delete for good").click()
    shown.get_by_text("40 traces deleted.").wait_for()
    assert store.get(3) is None
    assert store.get(2) is not None


def test_the_list_is_exported(shown, tmp_path):
    search(shown, "session = 'talk 1'")
    shown.get_by_text("40 traces").wait_for()
    with shown.expect_download() as started:
        shown.get_by_role("link", name="csv").click()
    started.value.save_as(tmp_path / "traces.csv")

    with (tmp_path / "traces.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {row["session"] for row in rows} == {"talk 1"}


def test_nothing_of_the_corpus_runs_in_the_list(shown, store, site):
    store.delete(list(range(1, 121)))
    texts = attacks()
    store.write([hostile(number, text) for number, text in enumerate(texts, 1)])
    for number, text in enumerate(texts, 1):
        source = AssessmentSource("HUMAN", text)
        store.put_assessment(number, Feedback(text[:200], text, source=source))
    search(shown, "cost IS NULL")

    for page in range(50, len(texts), 50):
        shown.get_by_role("button", name="Show older").click(timeout=LONG)
        shown.locator(".ui-table tbody tr").nth(
            min(page + 50, len(texts)) - 1
        ).wait_for()
    found = shown.evaluate(OWN_FINDINGS)
    assert len(names(shown)) == len(texts)
    assert_harmless(found, site)

    for where in ("Sessions", "Traces"):
        shown.get_by_role("link", name=where, exact=True).click()
        shown.locator("tbody tr").first.wait_for()
        assert_harmless(shown.evaluate(OWN_FINDINGS), site)
    for at in range(0, 50, 10):
        shown.locator(".ui-title a").nth(at).click()
        shown.locator(".st-row").first.wait_for()
        assert_harmless(shown.evaluate(OWN_FINDINGS), site)
        shown.get_by_role("button", name="‹ back").click()
        shown.locator("tbody tr").nth(49).wait_for()


def hostile(number, text):
    return make_trace(
        number,
        root={"name": text, "span_type": text, "raw_inputs": text, "raw_outputs": text},
        request_preview=text,
        trace_metadata={"mlflow.trace.session": text, "mlflow.trace.user": text},
        tags={text[:200]: text},
    )


def assert_harmless(found, site):
    assert found["pwned"] is None
    assert found["polluted"] is None
    assert found["elements"] == []
    assert set(found["links"]) <= {"http:", "https:", "mailto:"}
    assert found["images"] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_for_those_who_do_not_see_it(site, browser, theme):
    PICTURES.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme=theme
    )
    page = context.new_page()
    page.goto(site.entrance)
    found = []
    for name, address, ready in (
        ("list", "#/traces?filter=stauts", ".ui-problem"),
        ("list", "#/traces", ".ui-table tbody tr"),
        ("sessions", "#/sessions", ".ui-sessions"),
        ("trace", f"#/trace/tr-{3:032x}", ".st-row"),
        ("compare", f"#/compare/tr-{3:032x}/tr-{4:032x}", ".ui-compare"),
    ):
        page.goto(f"{site.url}/{address}")
        page.locator(ready).first.wait_for()
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found += page.evaluate(RUN)
        page.screenshot(path=PICTURES / f"ui-{name}-{theme}.png")
    context.close()

    assert found == []


def test_an_empty_store_says_how_to_send(tmp_path, page):
    with served("new.db", tmp_path, "--no-token") as site:
        page.goto(site.entrance)

        said = page.locator(".ui-nothing").inner_text()
        assert f'spantree.set_tracking_uri("{site.url}")' in said
        assert re.search(r"OTEL_EXPORTER_OTLP_ENDPOINT=", said)
