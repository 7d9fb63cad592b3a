"""Records and letters that somebody has damaged, lost or set back: who is refused, who is not, and what heals it."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, NOW, bundle_of, carry, make_device, meet, send
from peer_notes import PeerNotes
from plan import Plan, change, look
from records import PLAN, Record, StateMissing
from store import LETTERS_AT_ONCE
from support.anchors import LostAdvance, MemoryAnchor

from ratchetlib import Session, StateRolledBack, StateTampered, StateVault, StateVersionUnsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.places import Place
    from store import Store


CAROL = b"carol"
LATER = NOW + 4 * 86400
UPDATE = "UPDATE records SET generation = ?, blob = ? WHERE shelf = ? AND name = ?"

Rows = list[tuple[object, ...]]


def rows_of(place: Place, store: Store, peer: bytes) -> Rows:
    query = "SELECT generation, blob, shelf, name FROM records WHERE shelf = ?"
    return place.interfere(ALICE, query, store._sealing.shelf(peer))


def set_back(place: Place, rows: Rows) -> None:
    for row in rows:
        place.interfere(ALICE, UPDATE, *row)


def first_letter_to_carol(place: Place, alice: Store) -> list[bytes]:
    carol = place.open(CAROL)
    make_device(carol, CAROL)
    with alice.peer(CAROL) as locked:
        locked.begin(bundle_of(carol), now=NOW, first=b"to carol")
    return [letter.content for letter in locked.outgoing]


def cut(blob: bytes) -> bytes:
    return blob[:10]


def flip(blob: bytes) -> bytes:
    return blob[:-1] + bytes([blob[-1] ^ 1])


@pytest.mark.attack("A53", "A73")
@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("kind", [PeerNotes, Session])
def test_a_peer_whose_records_are_damaged_can_be_begun_anew_with(
    place: Place, kind: type, damage: Callable[[bytes], bytes]
) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    send(alice, BOB, b"lost")
    notes = alice._sealing.name(Record(PeerNotes, BOB))
    for generation, blob, shelf, name in rows_of(place, alice, BOB):
        if (bytes(name) == notes) == (kind is PeerNotes):  # type: ignore[call-overload]
            place.interfere(ALICE, UPDATE, generation, damage(bytes(blob)), shelf, name)  # type: ignore[call-overload]
    again = place.open(ALICE, anchor=anchor)
    assert again.outbox() == []
    assert {address: type(error) for address, error in again.refused.items()} == {BOB: StateTampered}
    assert again.abandon(BOB) is (kind is Session)
    begin_anew(place, anchor, bob)


@pytest.mark.attack("A53", "A71")
@pytest.mark.parametrize("lost", ["some", "the peer's"])
def test_a_peer_whose_anchor_is_lost_can_be_begun_anew_with(place: Place, lost: str) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    before = dict(anchor.entries)
    for n in range(3):
        send(alice, BOB, b"%d" % n)
        with alice.peer(BOB) as locked:
            locked.report_broken()
            locked.request_reset(NOW + n * 86400)
    listed = set(before)
    anchor.entries = (
        before if lost == "some" else {key: anchor.entries[key] for key in listed if not of_bob(alice, key)}
    )
    again = place.open(ALICE, anchor=anchor)
    with pytest.raises(StateRolledBack), again.peer(BOB):
        pass
    assert again.abandon(BOB)
    begin_anew(place, anchor, bob)


def of_bob(store: Store, record: bytes) -> bool:
    from ratchetlib.state import Context  # noqa: PLC0415  # what an anchor's entry is called is nobody else's business

    return record == Context(PeerNotes.STATE_KIND, store._sealing.owner, BOB).record_name


def begin_anew(place: Place, anchor: MemoryAnchor, bob: Store) -> None:
    """Alice's store goes on with Bob, and with him after another start."""
    again = place.open(ALICE, anchor=anchor)
    assert again.outbox() == []
    assert again.refused == {}
    with again.peer(BOB) as locked:
        assert locked.request_reset(LATER)
    with place.open(ALICE, anchor=anchor).peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=LATER, first=b"anew")
    assert carry(again, ALICE, bob, now=LATER) == [b"anew"]
    send(bob, ALICE, b"answer", now=LATER)
    assert carry(bob, BOB, again, now=LATER)[-1] == b"answer"


def test_whoever_is_abandoned_is_a_known_peer(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    make_device(alice, ALICE)
    make_device(bob, BOB)
    assert not alice.abandon(BOB)
    assert alice.peers() == [BOB]
    with alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW, first=b"hello")
    assert carry(alice, ALICE, bob) == [b"hello"]
    assert alice.peers() == [BOB]


@pytest.mark.attack("A71")
def test_refused_records_keep_no_others_under_the_old_storage_key(place: Place) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    first_letter_to_carol(place, alice)
    for generation, blob, shelf, name in rows_of(place, alice, BOB):
        place.interfere(ALICE, UPDATE, generation, cut(bytes(blob)), shelf, name)  # type: ignore[call-overload]
    both = StateVault({b"k1": bytes(range(32)), b"k2": bytes(32)}, current=b"k2")
    again = place.open(ALICE, anchor=anchor)
    assert again.reseal(both) == 2
    assert list(again.refused) == [BOB]
    again.abandon(BOB)
    assert again.reseal(both) == 0
    assert again.refused == {}
    new = place.open(ALICE, anchor=anchor, vault=StateVault({b"k2": bytes(32)}, current=b"k2"))
    with new.peer(CAROL) as locked:
        locked.send(b"under the new key", now=NOW)


@pytest.mark.attack("A71")
def test_letters_of_a_refused_peer_or_of_nobody_hide_no_others(place: Place) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    old = rows_of(place, alice, BOB)
    send(alice, BOB, *[b"%d" % n for n in range(LETTERS_AT_ONCE)])
    send(alice, BOB, b"so that the anchor has advanced")
    for _ in range(LETTERS_AT_ONCE):
        insert = "INSERT INTO letters (id, box, shelf, blob) VALUES (?, 0, ?, ?)"
        place.interfere(ALICE, insert, os.urandom(16), bytes(16), b"of nobody")
    to_carol = first_letter_to_carol(place, alice)
    set_back(place, old)
    again = place.open(ALICE, anchor=anchor)
    assert [letter.content for letter in again.outbox()] == to_carol
    errors = {address: type(error) for address, error in again.refused.items()}
    assert errors == {BOB: StateRolledBack, b"": StateMissing}


@pytest.mark.attack("A71")
def test_what_the_inbox_refuses_is_not_forgotten_by_an_outbox_in_between(place: Place) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    old = rows_of(place, alice, BOB)
    send(alice, BOB, b"under a key that the restored session would use again")
    set_back(place, old)
    again = place.open(ALICE, anchor=anchor)
    roll_forward = again._roll_forward

    def interrupted(address: bytes) -> dict[bytes, int]:
        again._roll_forward = roll_forward  # type: ignore[method-assign]
        try:
            return roll_forward(address)
        finally:
            thread = threading.Thread(target=again.inbox)
            thread.start()
            thread.join()

    again._roll_forward = interrupted  # type: ignore[method-assign]
    assert again.outbox() == []
    assert list(again.refused) == [BOB]


@pytest.mark.attack("A71")
def test_a_ciphertext_newer_than_the_session_that_has_made_it_does_not_leave(place: Place) -> None:
    """The anchor cannot see it: it has not advanced."""
    anchor = LostAdvance()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    old = rows_of(place, alice, BOB)
    anchor.lost = True
    with pytest.raises(KeyboardInterrupt):
        send(alice, BOB, b"committed, not anchored")
    anchor.lost = False
    set_back(place, old)
    again = place.open(ALICE, anchor=anchor)
    assert again.outbox() == []
    assert {address: type(error) for address, error in again.refused.items()} == {BOB: StateRolledBack}


@pytest.mark.attack("A74")
def test_notes_and_plans_of_another_version_are_refused_and_not_written_over(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    meet(alice, bob)
    with change(alice) as device:
        device.plan = Plan(revision=3)
    for record, shelf in ((Record(PeerNotes, BOB), alice._sealing.shelf(BOB)), (PLAN, alice._sealing.shelf(b""))):
        with alice._unit() as unit:
            found = unit.open(shelf, record)
            assert found is not None
            fields = json.loads(found._to_state()) | {"of a later version": 1}
        later = type("Later", (record.kind,), {"_to_state": lambda _, fields=fields: json.dumps(fields).encode()})
        with alice._unit() as unit:
            unit.open(shelf, record)
            unit.put(shelf, record, later.__new__(later))
            alice._save(unit)
    again = place.open(ALICE)
    send(bob, ALICE, b"")
    for use in (lambda: send(again, BOB, b""), lambda: again.abandon(BOB), lambda: look(again)):
        with pytest.raises(StateVersionUnsupported):
            use()


@pytest.mark.attack("A72")
@pytest.mark.parametrize("moved", ["peer", "id", "content", "box", "nothing"])
def test_a_waiting_ciphertext_is_bound_to_its_letter_and_peer(place: Place, moved: str) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    meet(alice, bob)
    with alice.peer(CAROL) as locked:
        locked.report_broken()
    send(alice, BOB, b"for bob only")
    ((key, shelf, blob),) = place.interfere(ALICE, "SELECT id, shelf, blob FROM letters")
    blob = bytes(blob)  # type: ignore[call-overload]
    values = {
        "peer": (key, 0, alice._sealing.shelf(CAROL), blob),
        "id": (bytes(16), 0, shelf, blob),
        "content": (key, 0, shelf, flip(blob)),
        "box": (key, 1, shelf, blob),
        "nothing": (key, 0, shelf, b""),
    }
    place.interfere(ALICE, "UPDATE letters SET id = ?, box = ?, shelf = ?, blob = ?", *values[moved])
    assert alice.outbox() + alice.inbox() == []
    assert [type(error) for error in alice.refused.values()] == [StateTampered]


@pytest.mark.attack("A73")
def test_a_plaintext_that_cannot_be_opened_goes_when_its_peer_is_given_up(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    meet(alice, bob)
    for plaintext in (b"damaged", b"whole"):
        send(bob, ALICE, plaintext)
        with alice.peer(BOB) as locked:
            locked.receive(bob.outbox()[-1].content, now=NOW)
    place.interfere(ALICE, "UPDATE letters SET blob = ? WHERE id <> ?", bytes(300), locked.incoming[0].id)
    assert alice.inbox() == []
    alice.abandon(BOB)
    assert [letter.content for letter in alice.inbox()] == [b"whole"]
    assert alice.refused == {}
