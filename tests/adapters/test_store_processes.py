"""Many processes on one session of one store: no message key is used twice, none is lost.

They are forked while the parent has none of the database open: else they would share SQLite's list of locks.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, NOW, carry, meet, send
from adapters.places import UNSAFE
from anchors import FileAnchor
from support.forked import fork

from ratchetlib import DuplicateMessage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from adapters.places import Anchor, Place

PROCESSES = 8
MESSAGES = 200


def start(work: Callable[[], None]) -> int:
    """A child that works and ends; its exit status says whether it got to the end."""
    child = fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


@pytest.fixture(params=["no anchor", "anchor"])
def anchor(request: pytest.FixtureRequest, tmp_path: Path) -> Anchor:
    return UNSAFE if request.param == "no anchor" else FileAnchor(tmp_path / "anchor")


@pytest.mark.attack("A71", "A79", "A80")
def test_eight_processes_send_two_hundred_messages_each_on_one_session(place: Place, anchor: Anchor) -> None:
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    alice.close()

    def work(process: int) -> None:
        store = place.open(ALICE, anchor=anchor)
        for n in range(MESSAGES):
            send(store, BOB, b"%d.%d" % (process, n))

    children = [start(lambda process=process: work(process)) for process in range(PROCESSES)]  # type: ignore[misc]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
    alice = place.open(ALICE, anchor=anchor)
    received = []
    while letters := alice.outbox():
        with bob.peer(ALICE) as locked:
            for letter in letters:
                locked.receive(letter.content, now=NOW)  # DuplicateMessage: a message key was used twice
        received += [letter.content for letter in locked.incoming]
        alice.done(*letters)
    for process in range(PROCESSES):
        ours = [plaintext for plaintext in received if plaintext.startswith(b"%d." % process)]
        assert ours == [b"%d.%d" % (process, n) for n in range(MESSAGES)]
    with bob.peer(ALICE) as locked:
        (entry,) = locked.notes.entries
        assert locked.health(entry.key).skipped_stored == 0


@pytest.mark.attack("A80", "A89")
def test_eight_processes_are_handed_the_same_messages_and_one_of_them_delivers_each(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    meet(alice, bob)
    send(alice, BOB, *[b"%d" % n for n in range(20)])
    letters = alice.outbox()
    bob.close()

    def work() -> None:
        store = place.open(BOB)
        for letter in letters:
            with suppress(DuplicateMessage), store.peer(ALICE) as locked:
                locked.receive(letter.content, now=NOW)

    children = [start(work) for _ in range(PROCESSES)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
    assert sorted(letter.content for letter in place.open(BOB).inbox()) == sorted(b"%d" % n for n in range(20))


@pytest.mark.attack("A80")
def test_the_lock_of_a_killed_process_is_released(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    meet(alice, bob)
    alice.close()
    reading, writing = os.pipe()

    def work() -> None:
        with place.open(ALICE).peer(BOB) as locked:
            locked.send(b"never saved", now=NOW)
            os.write(writing, b"locked")
            time.sleep(600)

    child = start(work)
    assert os.read(reading, 6) == b"locked"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    alice = place.open(ALICE)
    send(alice, BOB, b"goes on")
    assert carry(alice, ALICE, bob) == [b"goes on"]


@pytest.mark.attack("A80")
def test_who_holds_a_peer_keeps_others_out_until_the_end_of_the_block(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    meet(alice, bob)
    alice.close()
    opened, entered = os.pipe(), os.pipe()

    def work() -> None:
        store = place.open(ALICE)
        os.write(opened[1], b"o")
        os.read(entered[0], 1)
        send(store, BOB, b"second")

    child = start(work)
    assert os.read(opened[0], 1) == b"o"
    alice = place.open(ALICE)
    with alice.peer(BOB) as locked:
        os.write(entered[1], b"e")
        time.sleep(0.1)
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        locked.send(b"first", now=NOW)
    assert os.waitpid(child, 0)[1] == 0
    assert carry(alice, ALICE, bob) == [b"first", b"second"]


def test_processes_that_open_a_new_store_at_once_agree(place: Place) -> None:
    if hasattr(place, "conninfo"):
        place.conninfo(ALICE)

    def work() -> None:
        store = place.open(ALICE)
        with store.peer(BOB) as locked:
            locked.report_broken()

    children = [start(work) for _ in range(PROCESSES)]
    for child in children:
        os.waitpid(child, 0)
    assert place.open(ALICE).peers() == [BOB]
