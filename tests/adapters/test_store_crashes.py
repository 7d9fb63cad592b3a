"""Workers killed (SIGKILL) at every step: no message key is used twice, no message is lost or shown twice."""

from __future__ import annotations

import os
import random
import secrets
import shutil
from itertools import count
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, NOW, make_device
from adapters.crashes import Mouth, run_child
from adapters.places import SqlitePlace, scratch
from anchors import FileAnchor

from ratchetlib import DuplicateMessage, HandshakeReplayed, IdentityKeyPair, PrekeyRing, Session, UnknownPrekey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.crashes import Ended
    from adapters.places import Place
    from store import Store

DEEP = bool(os.environ.get("RATCHETLIB_DEEP"))
AT_A_STEP = 400
AT_ANY_TIME = 100


@pytest.fixture
def anchor() -> Iterator[FileAnchor]:
    directory = scratch()
    yield FileAnchor(directory)
    shutil.rmtree(directory)


class World:
    """Bob, the network and Alice's screen; Alice herself lives in children that die."""

    def __init__(self, place: Place, anchor: FileAnchor) -> None:
        self.place = place
        self.anchor = anchor
        identity = IdentityKeyPair.generate()
        ring = PrekeyRing.generate(identity, address=BOB, now=NOW, one_time=1)
        alice = self.open()
        make_device(alice, ALICE)
        with alice.peer(BOB) as locked:
            locked.begin(ring.next_bundle(), now=NOW, first=b"first")
        self.bob, _ = Session.accept(identity, ring, locked.outgoing[0].content, our_address=BOB, now=NOW)
        alice.done(locked.outgoing[0])
        alice.close()  # before children are forked: their locks are real ones then
        self.ciphertexts: set[bytes] = set()
        self.committed: set[bytes] = set()
        self.heard: list[bytes] = []
        self.written: list[bytes] = []
        self.unacknowledged: dict[int, bytes] = {}
        self.screen: dict[bytes, bytes] = {}

    def open(self) -> Store:
        return self.place.open(ALICE, anchor=self.anchor)

    def bob_writes(self) -> None:
        plaintext = b"from bob %d" % len(self.written)
        self.unacknowledged[len(self.written)] = self.bob.encrypt(plaintext)
        self.written.append(plaintext)

    def alice_works(self, mouth: Mouth) -> None:
        store = self.open()
        for number, message in self.unacknowledged.items():
            try:
                with store.peer(BOB) as locked:
                    locked.receive(message, now=NOW)
            except DuplicateMessage:
                pass
            mouth.say(b"A", b"%d" % number)
        while letters := store.inbox():
            for letter in letters:
                mouth.say(b"P", letter.id + letter.content)
                store.done(letter)
        for _ in range(2):
            plaintext = b"from alice " + secrets.token_bytes(8)
            with store.peer(BOB) as locked:
                locked.send(plaintext, now=NOW)
            mouth.say(b"C", plaintext)
        while letters := store.outbox():
            for letter in letters:
                mouth.say(b"S", letter.content)
                store.done(letter)

    def watch(self, ended: Ended) -> None:
        for message in ended.said:
            kind, content = message[:1], message[1:]
            if kind == b"A":
                self.unacknowledged.pop(int(content), None)
            elif kind == b"P":
                assert self.screen.setdefault(content[:16], content[16:]) == content[16:]
            elif kind == b"C":
                self.committed.add(content)
            elif kind == b"S" and content not in self.ciphertexts:
                self.ciphertexts.add(content)
                self.heard.append(self.bob.decrypt(content))  # DuplicateMessage: a message key was used twice

    def settle(self) -> None:
        for _ in range(2):
            self.bob_writes()
            ended = run_child(self.alice_works)
            assert not ended.killed
            self.watch(ended)

    def check(self) -> None:
        self.settle()
        assert len(self.heard) == len(set(self.heard))
        assert self.committed <= set(self.heard)
        assert sorted(self.screen.values()) == sorted(self.written)
        assert self.bob.health().skipped_stored == 0, "a number that was never sent: a saved letter was lost"


@pytest.fixture
def world(place: Place, anchor: FileAnchor) -> World:
    return World(place, anchor)


@pytest.mark.attack("A77", "A78", "A89")
def test_killed_at_every_step(world: World) -> None:
    world.bob_writes()
    ended = run_child(world.alice_works)
    world.watch(ended)
    steps = ended.steps
    kills = 0
    for n in range(AT_A_STEP):
        if n % 2:
            world.bob_writes()
        ended = run_child(world.alice_works, kill_at=1 + n * 7 % steps)
        world.watch(ended)
        kills += ended.killed
    assert kills > 0.8 * AT_A_STEP
    world.check()


@pytest.mark.attack("A77", "A78", "A89")
def test_killed_at_any_time(world: World) -> None:
    chance = random.Random(7)
    for n in range(AT_ANY_TIME):
        if n % 3 == 0:
            world.bob_writes()

        def work(mouth: Mouth) -> None:
            while True:
                world.alice_works(mouth)

        ended = run_child(work, kill_after=chance.uniform(0, 0.05))
        assert ended.killed
        world.watch(ended)
    world.check()


@pytest.mark.attack("A12", "A77", "A89")
@pytest.mark.parametrize("one_time", [True, False], ids=["one-time item", "last resort"])
def test_killed_at_every_step_of_an_acceptance(place: Place, anchor: FileAnchor, *, one_time: bool) -> None:
    store = place.open(ALICE, anchor=anchor)
    make_device(store, ALICE, one_time=0)
    store.close()  # whenever a child is forked
    for kill_at in count(1, 1 if DEEP or isinstance(place, SqlitePlace) else 3):
        caller = b"caller %d" % kill_at
        store = place.open(ALICE, anchor=anchor)
        with store.device() as device:
            assert device.ring is not None
            if one_time:
                device.ring.replenish(1)
            bundle = device.ring.next_bundle()
        store.close()
        session = Session.initiate(IdentityKeyPair.generate(), bundle, our_address=caller, their_address=ALICE, now=NOW)
        first = session.encrypt(b"hello from " + caller)

        def accept(mouth: Mouth, caller: bytes = caller, first: bytes = first) -> None:
            opened = place.open(ALICE, anchor=anchor)
            try:
                with opened.peer(caller) as locked:
                    locked.receive(first, now=NOW)
            except DuplicateMessage:
                pass
            mouth.say(b"A")
            for letter in opened.inbox():
                mouth.say(b"P", letter.content)
                opened.done(letter)
            opened.flush()

        killed = run_child(accept, kill_at=kill_at)
        again = run_child(accept)
        assert set(killed.said + again.said) >= {b"A", b"Phello from " + caller}
        store = place.open(ALICE, anchor=anchor)
        assert not store.inbox()
        with store.device() as device:
            assert device.ring is not None
            assert bundle.one_time is None or bundle.one_time.item_id not in device.ring.one_time_ids
        with pytest.raises((UnknownPrekey, HandshakeReplayed)), store.device() as device:  # noqa: PT012  # as a whole
            assert device.identity is not None
            assert device.ring is not None
            Session.accept(device.identity, device.ring, first, our_address=ALICE, now=NOW)
        store.close()
        if not killed.killed:
            break
