"""The adapters are modules to copy: they stand in docs/adapters, and import each other by their bare names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "adapters"))

from adapters.places import PostgresPlace, SqlitePlace  # needs the path
from adapters.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.places import Place


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each store in turn."""
    found: Place = SqlitePlace() if request.param == "sqlite" else PostgresPlace()
    yield found
    found.close()


@pytest.fixture
def sqlite_place() -> Iterator[SqlitePlace]:
    found = SqlitePlace()
    yield found
    found.close()


@pytest.fixture
def postgres_place() -> Iterator[PostgresPlace]:
    found = PostgresPlace()
    yield found
    found.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One for all tests of this process; each begins with an empty one (`relays.run`)."""
    server = RedisServer()
    yield server
    server.close()
