"""A PostgreSQL server, for the tests of what rests there."""

from __future__ import annotations

import pytest
from support.postgres import running_server


@pytest.fixture(scope="session")
def postgres():
    """A real server, for all tests."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres):
    """Where a server has no store yet."""
    import psycopg

    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS spantree CASCADE")
    return postgres.url
