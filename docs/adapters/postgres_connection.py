"""Connections to PostgreSQL: every commit durable, and nobody waited for who is gone."""

from __future__ import annotations

from typing import Any, Final

import psycopg

_TIMEOUTS: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,  # a server that vanishes while it is waited for is noticed within half a minute
    "tcp_user_timeout": 30_000,  # milliseconds; the same for one that vanishes before it has acknowledged
}
"""Without them a connection that breaks silently is waited for as long as the system pleases: a quarter of an hour."""


def connect(conninfo: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection; what `conninfo` says comes before the timeouts."""
    given = psycopg.conninfo.conninfo_to_dict(conninfo)
    connection = psycopg.connect(**{**_TIMEOUTS, **given}, autocommit=True)  # type: ignore[arg-type]
    connection.execute("SET synchronous_commit = on")  # a commit is on the disk when it is answered
    return connection
