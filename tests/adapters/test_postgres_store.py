"""What only the PostgreSQL store promises: about connections and workers."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from adapters.conversations import ALICE, BOB, NOW, bundle_of, carry, make_device, meet, send
from postgres_connection import connect
from records import StateMissing, StoreBusy, StoreError, StoreUnavailable
from support.anchors import MemoryAnchor

if TYPE_CHECKING:
    from adapters.places import PostgresPlace
    from store import Store

CAROL = b"carol"


def connection_of(store: Store) -> psycopg.Connection[tuple[object, ...]]:
    connection: psycopg.Connection[tuple[object, ...]] = store._database._connection  # type: ignore[attr-defined]
    return connection


def cut(place: PostgresPlace, store: Store) -> None:
    """The network or an administrator ends a worker's connection."""
    place.interfere(ALICE, "SELECT pg_terminate_backend(?)", connection_of(store).info.backend_pid)


@pytest.mark.attack("A77")
def test_a_connection_that_breaks_inside_a_block_saves_nothing_and_releases_nothing(
    postgres_place: PostgresPlace,
) -> None:
    alice, bob = postgres_place.open(ALICE), postgres_place.open(BOB)
    meet(alice, bob)
    with pytest.raises(StoreUnavailable), alice.peer(BOB) as locked:  # noqa: PT012  # the block fails as a whole
        locked.send(b"never saved", now=NOW)
        cut(postgres_place, alice)
    with pytest.raises(StoreError):
        _ = locked.outgoing
    send(alice, BOB, b"on a new connection")
    assert carry(alice, ALICE, bob) == [b"on a new connection"]


@pytest.mark.attack("A77")
def test_a_commit_whose_answer_is_lost_releases_its_letter_from_the_outbox(postgres_place: PostgresPlace) -> None:
    alice, bob = postgres_place.open(ALICE), postgres_place.open(BOB)
    meet(alice, bob)
    connection = connection_of(alice)
    database: Any = alice._database
    run = database._run

    def commit_and_lose(calls: list[tuple[str, tuple[object, ...]]]) -> object:
        done = run(calls)
        if calls[-1][0] == "COMMIT":
            database._run = run
            connection.close()
            raise StoreUnavailable("the answer was lost")
        return done

    database._run = commit_and_lose
    with pytest.raises(StoreUnavailable), alice.peer(BOB) as locked:
        locked.send(b"saved after all", now=NOW)
    with pytest.raises(StoreError):
        _ = locked.outgoing
    assert carry(alice, ALICE, bob) == [b"saved after all"]
    send(alice, BOB, b"next")
    assert carry(alice, ALICE, bob) == [b"next"]


@pytest.mark.attack("A80")
def test_a_worker_waits_for_its_peer_and_not_for_others(postgres_place: PostgresPlace) -> None:
    alice, bob = postgres_place.open(ALICE), postgres_place.open(BOB)
    meet(alice, bob)
    other = postgres_place.open(ALICE)
    connection_of(other).execute("SET lock_timeout = '1ms'")
    with alice.peer(BOB) as locked:
        with pytest.raises(StoreBusy):
            send(other, BOB, b"waits")
        with other.peer(b"carol") as elsewhere:
            assert elsewhere.notes.entries == ()
        locked.send(b"goes on", now=NOW)
    send(other, BOB, b"afterwards")
    assert carry(alice, ALICE, bob) == [b"goes on", b"afterwards"]


@pytest.mark.attack("A80")
def test_who_looks_into_the_outbox_does_not_wait_for_a_peer_that_another_worker_has(
    postgres_place: PostgresPlace,
) -> None:
    anchor = MemoryAnchor()
    alice, bob, carol = postgres_place.open(ALICE, anchor=anchor), postgres_place.open(BOB), postgres_place.open(CAROL)
    meet(alice, bob)
    make_device(carol, CAROL)
    send(alice, BOB, b"to bob")
    with alice.peer(CAROL) as locked:
        locked.begin(bundle_of(carol), now=NOW, first=b"to carol")
    other = postgres_place.open(ALICE, anchor=anchor)
    with ThreadPoolExecutor(1) as pool, alice.peer(BOB):
        assert pool.submit(other.outbox).result(timeout=10) == locked.outgoing, "it waits for the end of this block"
        assert other.refused == {}
    assert [letter.peer for letter in other.outbox()] == [BOB, CAROL]


def test_tables_of_another_version_are_refused(postgres_place: PostgresPlace) -> None:
    postgres_place.open(ALICE)
    for statement, error in (
        ("UPDATE ratchet_schema SET version = 2", StoreError),
        ("DELETE FROM ratchet_schema", StoreError),
        ("DROP TABLE ratchet_schema", StoreUnavailable),
    ):
        postgres_place.interfere(ALICE, statement)
        with pytest.raises(error):
            postgres_place.open(ALICE)


def test_a_connection_has_timeouts_and_the_callers_come_first(postgres_place: PostgresPlace) -> None:
    with connect(postgres_place.conninfo(ALICE, tcp_user_timeout="7")) as connection:
        assert connection.info.get_parameters()["connect_timeout"] == "10"
        assert connection.info.get_parameters()["tcp_user_timeout"] == "7"
        assert connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]


@pytest.mark.attack("A80")
def test_a_worker_that_has_waited_sees_what_the_other_one_wrote(postgres_place: PostgresPlace) -> None:
    """Also a session that did not exist when it began to wait."""
    alice, bob = postgres_place.open(ALICE), postgres_place.open(BOB)
    meet(alice, bob)
    with alice.peer(BOB) as locked:
        locked.report_broken()
        assert locked.request_reset(NOW)
    waiting = postgres_place.open(ALICE)
    seen: list[bool] = []

    def wait() -> None:
        try:
            with waiting.peer(BOB) as later:
                found = [later.health(entry.key) for entry in later.notes.entries]
            seen.append(len(found) == 2)
        except StateMissing:
            seen.append(False)

    with bob.device() as device:
        assert device.ring is not None
        bundle = device.ring.next_bundle()
    with alice.peer(BOB) as locked:
        thread = threading.Thread(target=wait)
        thread.start()
        while not postgres_place.interfere(ALICE, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert thread.is_alive()
        locked.begin(bundle, now=NOW)
    thread.join()
    assert seen == [True]


def test_workers_need_no_more_than_rows(postgres_place: PostgresPlace) -> None:
    role = f"worker_{os.getpid()}_{id(postgres_place)}"
    schema = postgres_place.schema(ALICE)
    for statement in (
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    ):
        postgres_place.interfere(BOB, statement)
    worker = postgres_place.open(ALICE, user=role)
    bob = postgres_place.open(BOB)
    meet(worker, bob)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection_of(worker).execute("DROP TABLE ratchet_records")
    worker.close()
    for statement in (f"DROP OWNED BY {role}", f"DROP ROLE {role}"):
        postgres_place.interfere(BOB, statement)
    make_device(bob, BOB)
