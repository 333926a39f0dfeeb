"""Filters and orders of experiments."""

from __future__ import annotations

import pytest

from spantree.entities.experiment import Experiment
from spantree.search import FilterError
from spantree.search.experiments import ordered, parse_experiment_filter

EXPERIMENTS = [
    Experiment("1", "Chat", tags={"team": "red", "a.b": "x"}, creation_time=10),
    Experiment("2", "chat bot", tags={"team": "blue"}, creation_time=20),
    Experiment("10", "it's", creation_time=30, last_update_time=40),
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (None, "1 2 10"),
        ("  ", "1 2 10"),
        ("name = 'Chat'", "1"),
        ('name == "Chat"', "1"),
        ("name <> 'Chat'", "2 10"),
        ("attributes.name LIKE 'chat%'", "2"),
        ("name ilike 'CHAT%'", "1 2"),
        ("name = 'it''s'", "10"),
        ("experiment_id IN ('1', '10')", "1 10"),
        ("experiment_id NOT IN ('1')", "2 10"),
        ("creation_time >= 20", "2 10"),
        ("creation_time > 10 AND creation_time < 30", "2"),
        ("last_update_time = 40", "10"),
        ("tags.team = 'red'", "1"),
        ("tags.team != 'red'", "2"),
        ("tag.`team` LIKE '%e%'", "1 2"),
        ("tags.`a.b` = 'x'", "1"),
        ("tags.a.b = 'x'", "1"),
        ("tags.team IS NULL", "10"),
        ("tags.team is not null and name = 'Chat'", "1"),
    ],
)
def test_a_filter_chooses(text, ids):
    matches = parse_experiment_filter(text)

    assert [e.experiment_id for e in EXPERIMENTS if matches(e)] == ids.split()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nam = 'x'", "experiments have no 'nam' (column 1)"),
        ("name", "an operator is missing here (column 5)"),
        ("name > 'x'", "an operator is missing here (column 6)"),
        ("name = x", "a text in quotes is missing here (column 8)"),
        ("name = 'x' OR name = 'y'", "AND is missing here (column 12)"),
        ("name = 'x' AND", "a field is missing (column 15)"),
        ("creation_time > 'x'", "a time is a number of milliseconds since 1970 here"),
        ("creation_time > 5ms", "a time is a number of milliseconds since 1970 here"),
        ("experiment_id IN ('1'", "this list is never closed"),
        ("experiment_id NOT '1'", "IN is missing here"),
        ("tags.team IS 'x'", "NULL is missing here"),
        ("name = 'x", "this ' is never closed"),
    ],
)
def test_a_wrong_filter_is_pointed_at(text, problem):
    with pytest.raises(FilterError) as refused:
        parse_experiment_filter(text)

    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        (None, "10 2 1"),
        ("experiment_id DESC", "10 2 1"),
        ("last_update_time", "2 1 10"),
        (["creation_time DESC"], "10 2 1"),
        (["last_update_time", "name DESC"], "2 1 10"),
        ("attribute.name asc", "1 2 10"),
    ],
)
def test_an_order_sorts(order, ids):
    assert [e.experiment_id for e in ordered(EXPERIMENTS, order)] == ids.split()


@pytest.mark.parametrize("order", ["nam", "name UP", "name DESC now", "", "tags.team"])
def test_a_wrong_order_is_refused(order):
    with pytest.raises(FilterError):
        ordered(EXPERIMENTS, order)
