"""A new storage key: everything under it, the old one good for nothing, whatever crashes in between."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, carry, meet, send
from adapters.operated import Crashes, Server, dying
from adapters.places import VAULT, SqlitePlace
from plan import look
from records import Note
from rotation import Rotation
from storage_keys import reseal_all, reseal_archive
from support.anchors import MemoryAnchor

from ratchetlib import StateKeyUnknown, StateVault

if TYPE_CHECKING:
    from store import Store

OLD, NEW = bytes(range(32)), os.urandom(32)
BOTH = StateVault({b"k1": OLD, b"k2": NEW}, current=b"k2")
ONLY_NEW = StateVault({b"k2": NEW}, current=b"k2")


def talk(alice: Store, bob: Store) -> None:
    send(alice, BOB, b"under the new key")
    assert carry(alice, ALICE, bob) == [b"under the new key"]


def under_the_old(place: SqlitePlace) -> int:
    rows = place.interfere(ALICE, "SELECT blob FROM records UNION ALL SELECT blob FROM letters WHERE box = 1")
    return sum(not BOTH.is_current(bytes(blob)) for (blob,) in rows)  # type: ignore[call-overload]


def test_everything_is_under_the_new_key_and_the_old_one_can_go(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    Rotation(alice, Server().publisher(ALICE)).tick(1_800_000_000)
    plan = look(alice).plan
    assert plan.refill_at
    assert reseal_all(alice, BOTH) == 0
    assert under_the_old(sqlite_place) == 0
    alice.close()
    with pytest.raises(StateKeyUnknown):
        sqlite_place.open(ALICE, vault=VAULT)
    alice = sqlite_place.open(ALICE, vault=ONLY_NEW)
    assert look(alice).plan == plan
    talk(alice, bob)


def test_received_plaintexts_that_wait_are_counted(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    send(bob, ALICE, b"not read yet")
    (letter,) = bob.outbox()
    with alice.peer(BOB) as peer:
        peer.receive(letter.content, now=1_800_000_000)
    assert reseal_all(alice, BOTH) == 1
    (waiting,) = alice.inbox()
    assert waiting.content == b"not read yet"
    alice.done(waiting)
    assert reseal_all(alice, BOTH) == 0
    assert under_the_old(sqlite_place) == 0


def reseal_with_a_crash(crashes: Crashes) -> None:
    place, anchor = SqlitePlace(), MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    with dying(place):
        crashes.watch(alice)
        reseal_all(alice, BOTH)
    bob = place.open(BOB)
    alice = place.open(ALICE, anchor=anchor, vault=BOTH)
    while reseal_all(alice, BOTH):
        alice.done(*alice.inbox())  # the crash has forgotten that they were done with
    assert under_the_old(place) == 0
    talk(place.open(ALICE, anchor=anchor, vault=ONLY_NEW), bob)
    place.close()


def test_a_crash_at_any_step_is_made_good_by_doing_it_again() -> None:
    count = Crashes()
    reseal_with_a_crash(count)
    assert count.passed > 10
    for at in range(1, count.passed + 1):
        reseal_with_a_crash(Crashes(at))


def test_the_applications_archive_is_resealed_once() -> None:
    archive = {
        b"message %d" % n: VAULT.seal(Note(b"text %d" % n), owner=ALICE, peer=b"message %d" % n, generation=1)
        for n in range(5)
    }
    written: list[bytes] = []

    def write(name: bytes, blob: bytes) -> None:
        written.append(name)
        archive[name] = blob

    reseal_archive(BOTH, ALICE, list(archive.items())[:2], write)  # and then it crashes
    reseal_archive(BOTH, ALICE, list(archive.items()), write)
    assert written == list(archive)
    for n in range(5):
        name = b"message %d" % n
        note = ONLY_NEW.open(archive[name], kind=Note, owner=ALICE, peer=name, minimum_generation=2)
        assert note.content == b"text %d" % n
