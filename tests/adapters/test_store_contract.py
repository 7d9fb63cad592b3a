"""What both stores promise, each against its real database."""

from __future__ import annotations

import inspect
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from adapters.conversations import ALICE, BOB, NOW, bundle_of, carry, make_device, meet, receive, send
from peer_notes import PeerNotes
from peer_sessions import NoSession, PeerSessions, ResetNotGranted, WrongPeer
from records import (
    IDENTITY,
    INDEX,
    PEERS,
    RING,
    Note,
    Record,
    StateMissing,
    StoreBusy,
    StoreConflict,
    StoreError,
    StoreNote,
    StoreUnavailable,
    TooManyPeers,
    WaitingPlaintext,
)
from store import LETTERS_AT_ONCE, Store
from support.anchors import LostAdvance, MemoryAnchor
from support.forked import in_child

from ratchetlib import (
    AuthenticationError,
    DuplicateMessage,
    HandshakeReplayed,
    IdentityChanged,
    IdentityKeyPair,
    MalformedMessage,
    PrekeyRing,
    Session,
    SessionHealth,
    StateContextMismatch,
    StateRolledBack,
    StateTampered,
    StateVault,
    UnknownPrekey,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from adapters.places import Place
    from records import Row

    from ratchetlib import AnchorEntry


@pytest.fixture
def pair(place: Place) -> tuple[Store, Store]:
    alice, bob = place.open(ALICE), place.open(BOB)
    meet(alice, bob)
    return alice, bob


def test_a_conversation_goes_on_after_a_restart(place: Place, pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    for n in range(30):
        send(alice, BOB, b"to bob %d" % n)
        send(bob, ALICE, b"to alice %d" % n)
        if n % 10 == 5:
            alice, bob = place.open(ALICE), place.open(BOB)
        assert carry(alice, ALICE, bob) == [b"to bob %d" % n]
        assert carry(bob, BOB, alice) == [b"to alice %d" % n]


@pytest.mark.attack("A77")
def test_no_ciphertext_can_be_had_before_it_is_saved(place: Place, pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    other = place.open(ALICE)
    with alice.peer(BOB) as locked:
        assert locked.send(b"hello", now=NOW) is None  # type: ignore[func-returns-value]
        with pytest.raises(StoreError, match="after the block"):
            _ = locked.outgoing
        if not hasattr(place, "path"):  # SQLite lets nobody else in meanwhile
            assert other.outbox() == []
    assert [letter.peer for letter in locked.outgoing] == [BOB]
    assert other.outbox() == locked.outgoing
    assert receive(bob, ALICE, locked.outgoing[0].content) == b"hello"


@pytest.mark.attack("A77")
def test_an_exception_in_the_block_leaves_everything_as_it_was(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    for n in range(3):
        with pytest.raises(KeyboardInterrupt), alice.peer(BOB) as locked:  # noqa: PT012  # the block fails as a whole
            locked.send(b"lost", now=NOW)
            raise KeyboardInterrupt
        with pytest.raises(StoreError):
            _ = locked.outgoing
        assert alice.outbox() == []
        send(alice, BOB, b"sent %d" % n)
        assert carry(alice, ALICE, bob) == [b"sent %d" % n]
    with bob.peer(ALICE) as locked:
        (entry,) = locked.notes.entries
        assert locked.health(entry.key).skipped_stored == 0


def test_letters_wait_in_order_until_they_are_done_with(place: Place, pair: tuple[Store, Store]) -> None:
    alice, _ = pair
    send(alice, BOB, b"1", b"2")
    send(alice, BOB, b"3")
    first, second, third = alice.outbox()
    alice.done(second)
    assert alice.outbox() == [first, third]
    assert place.open(ALICE).outbox() == [first, third]
    alice.done(first, third)
    alice.flush()
    assert place.open(ALICE).outbox() == []


@pytest.mark.attack("A89")
def test_a_plaintext_waits_sealed_until_the_application_has_it(place: Place, pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    send(alice, BOB, b"a secret plaintext")
    (letter,) = alice.outbox()
    with bob.peer(ALICE) as locked:
        locked.receive(letter.content, now=NOW)
    with pytest.raises(DuplicateMessage), bob.peer(ALICE) as again:
        again.receive(letter.content, now=NOW)
    reopened = place.open(BOB)
    (received,) = reopened.inbox()
    assert (received.peer, received.content) == (ALICE, b"a secret plaintext")
    assert received == locked.incoming[0]
    for (blob,) in place.interfere(BOB, "SELECT blob FROM letters"):
        assert b"a secret plaintext" not in bytes(blob)  # type: ignore[call-overload]
    reopened.done(received)
    assert reopened.inbox() == []


def test_the_database_holds_no_name(place: Place, pair: tuple[Store, Store]) -> None:
    assert pair
    for shelf, name, blob in place.interfere(ALICE, "SELECT shelf, name, blob FROM records"):
        for value in (shelf, name, blob):
            assert not {ALICE, BOB} & {bytes(value)}  # type: ignore[call-overload]
            assert BOB not in bytes(value)  # type: ignore[call-overload]
            assert ALICE not in bytes(value)  # type: ignore[call-overload]


@pytest.mark.attack("A129")
def test_a_refused_message_changes_nothing_and_the_store_goes_on(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    send(alice, BOB, b"real")
    (letter,) = alice.outbox()
    forged = letter.content[:-1] + bytes([letter.content[-1] ^ 1])
    for message in (b"", forged, b"\1\2" + bytes(300)):
        with pytest.raises((AuthenticationError, MalformedMessage)), bob.peer(ALICE) as locked:
            locked.receive(message, now=NOW)
    assert bob.inbox() == []
    assert receive(bob, ALICE, letter.content) == b"real"


def test_an_accepted_first_message_saves_the_ring_in_the_same_transaction(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    make_device(alice, ALICE)
    make_device(bob, BOB)
    with alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW, first=b"first")
    first = locked.outgoing[0].content
    with pytest.raises(KeyboardInterrupt), bob.peer(ALICE) as interrupted:  # noqa: PT012  # the block fails as a whole
        interrupted.receive(first, now=NOW)
        raise KeyboardInterrupt
    assert receive(bob, ALICE, first) == b"first"
    with bob.device() as device:
        assert device.ring is not None
        assert len(device.ring.one_time_ids) == 2
    with pytest.raises(DuplicateMessage):
        receive(bob, ALICE, first)
    with pytest.raises((UnknownPrekey, HandshakeReplayed)):
        receive(bob, b"somebody else", first)


@pytest.mark.attack("A130")
def test_a_first_message_must_be_of_the_sender_that_the_transport_says(place: Place) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    make_device(alice, ALICE)
    make_device(bob, BOB)
    with alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW)
    with pytest.raises(WrongPeer):
        receive(bob, b"mallory", locked.outgoing[0].content)
    assert bob.peers() == []
    assert receive(bob, ALICE, locked.outgoing[0].content) == b""
    assert bob.peers() == [ALICE]


def test_a_session_is_begun_once_and_a_changed_identity_waits_for_a_person(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    with pytest.raises(ResetNotGranted), alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW)
    make_device(bob, BOB)
    with alice.peer(BOB) as locked:
        locked.report_broken()
        assert locked.request_reset(NOW)
    with pytest.raises(IdentityChanged) as changed, alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW)
    with alice.peer(BOB) as locked:
        locked.repin(changed.value.presented)
    with pytest.raises(NoSession):
        send(alice, BOB, b"")
    with alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW, first=b"anew")
    assert locked.outgoing


@pytest.mark.attack("A13", "A130")
def test_a_first_message_under_anothers_name_uses_no_prekey_up(place: Place) -> None:
    """Nor does it if the refusal is caught inside the block, which is then saved."""
    alice, bob = place.open(ALICE), place.open(BOB)
    make_device(alice, ALICE)
    make_device(bob, BOB)
    with alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW, first=b"first")
    first = locked.outgoing[0].content
    with bob.peer(b"mallory") as caught, pytest.raises(WrongPeer):
        caught.receive(first, now=NOW)
    with bob.device() as device:
        assert device.ring is not None
        assert len(device.ring.one_time_ids) == 3
    assert bob.peers() == []
    assert receive(bob, ALICE, first) == b"first"


def test_what_is_done_after_the_block_is_refused_and_uses_no_key_up(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    send(alice, BOB, b"before")
    (letter,) = alice.outbox()
    alice.done(letter)
    with alice.peer(BOB) as sending:
        sending.send(b"in time", now=NOW)
    with bob.peer(ALICE) as receiving:
        assert receiving.notes.entries
    late: list[Callable[[], object]] = [
        lambda: sending.send(b"late", now=NOW),
        lambda: sending.begin(bundle_of(bob), now=NOW),
        lambda: receiving.receive(letter.content, now=NOW),
        sending.report_broken,
        lambda: sending.request_reset(NOW),
        lambda: sending.repin(IdentityKeyPair.generate().public),
    ]
    for call in late:
        with pytest.raises(StoreError, match="left"):
            call()
    assert receive(bob, ALICE, letter.content) == b"before"
    assert carry(alice, ALICE, bob) == [b"in time"]
    send(alice, BOB, b"next")
    assert carry(alice, ALICE, bob) == [b"next"]
    with bob.peer(ALICE) as receiving:
        (entry,) = receiving.notes.entries
        assert receiving.health(entry.key).skipped_stored == 0


@pytest.mark.attack("A77")
def test_nothing_of_a_peer_or_device_leads_to_a_session(pair: tuple[Store, Store]) -> None:
    """Whoever had one could encrypt, and send, before anything is saved."""
    alice, _ = pair
    with alice.peer(BOB) as locked:
        (entry,) = locked.notes.entries
        locked.send(b"a session has been opened", now=NOW)
        assert isinstance(locked.health(entry.key), SessionHealth)
        assert sessions_in(locked) == []
    assert sessions_in(locked) == []
    with alice.device() as device:
        assert sessions_in(device) == []


def sessions_in(given: object) -> list[str]:
    """The names under which a session, or what encrypts with one, can be had without an underscore."""
    found: list[str] = []
    for name in public(given):
        try:
            value = getattr(given, name)
        except StoreError:
            continue
        reached = [value, *getattr(value, "values", list)(), *(getattr(value, part, None) for part in public(value))]
        found += [name for one in reached if isinstance(one, Session | PeerSessions)]
    return found


def public(given: object) -> list[str]:
    return [name for name in dir(given) if not name.startswith("_")]


def test_a_closed_store_says_so(place: Place) -> None:
    alice = place.open(ALICE)
    alice.close()
    for use in (alice.peers, alice.outbox, alice.flush, lambda: send(alice, BOB, b"")):
        with pytest.raises(StoreError, match="closed"):
            use()  # type: ignore[operator]


def test_a_store_is_closed_although_its_last_deletion_fails(
    pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = pair
    send(alice, BOB, b"")
    alice.done(*alice.outbox())
    closed: list[bool] = []
    close = alice._database.close
    monkeypatch.setattr(alice._database, "commit", Mock(side_effect=StoreUnavailable))
    monkeypatch.setattr(alice._database, "close", lambda: closed.append(close() is None))
    with pytest.raises(StoreUnavailable):
        alice.close()
    assert closed == [True]
    alice.close()
    assert closed == [True]


@pytest.mark.attack("A79")
def test_an_interrupt_at_any_line_of_taking_the_lock_leaves_it_free(pair: tuple[Store, Store]) -> None:
    alice, _ = pair
    code = Store._unit.__wrapped__.__code__  # type: ignore[attr-defined]
    source, first = inspect.getsourcelines(code)
    (given_out,) = (first + n for n, line in enumerate(source) if line.strip() == "yield unit")
    for at in range(first, given_out + 1):

        def interrupt(frame: FrameType, event: str, _: object, at: int = at) -> object:
            if frame.f_code is code and event == "line" and frame.f_lineno == at:
                sys.settrace(None)
                raise KeyboardInterrupt
            return interrupt if frame.f_code is code or event == "call" else None

        before = sys.gettrace()
        sys.settrace(interrupt)  # type: ignore[arg-type]
        try:
            with suppress(KeyboardInterrupt):
                alice.peers()
        finally:
            sys.settrace(before)
        free: list[bool] = []
        thread = threading.Thread(target=lambda free=free: free.append(alice._lock.acquire(blocking=False)))  # type: ignore[misc]
        thread.start()
        thread.join()
        assert free == [True], at
        alice._lock = threading.RLock()  # that thread has gone with it


def test_a_device_is_not_to_be_had_after_its_block(pair: tuple[Store, Store]) -> None:
    alice, _ = pair
    with alice.device() as device:
        identity = device.identity
    for use in (lambda: device.identity, lambda: device.ring, lambda: setattr(device, "identity", identity)):
        with pytest.raises(StoreError, match="left"):
            use()


@pytest.mark.parametrize("attribute", ["identity", "ring"])
def test_a_device_is_not_saved_by_half(place: Place, attribute: str) -> None:
    alice = place.open(ALICE)
    identity = IdentityKeyPair.generate()
    values = {"identity": identity, "ring": PrekeyRing.generate(identity, address=ALICE, now=NOW)}
    with pytest.raises(StoreError, match="together"), alice.device() as device:
        setattr(device, attribute, values[attribute])
    make_device(alice, ALICE)


@pytest.mark.attack("A26")
def test_invented_senders_do_not_fill_the_list_of_peers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = place.open(ALICE), place.open(BOB)
    make_device(alice, ALICE)
    make_device(bob, BOB)
    monkeypatch.setattr("peer.MAX_STRANGERS", 2)
    for n in range(4):
        address = b"stranger %d" % n
        session = Session.initiate(
            IdentityKeyPair.generate(), bundle_of(bob), our_address=address, their_address=BOB, now=NOW
        )
        message = session.encrypt(b"")
        if n < 2:
            receive(bob, address, message)
            continue
        with pytest.raises(TooManyPeers):
            receive(bob, address, message)
    assert len(bob.peers()) == 2
    with bob.peer(ALICE) as locked:
        locked.begin(bundle_of(alice), now=NOW, first=b"my own first contact")
    assert carry(bob, BOB, alice) == [b"my own first contact"]


def test_letters_that_cannot_be_delivered_hide_no_others(place: Place, pair: tuple[Store, Store]) -> None:
    alice, _ = pair
    carol = place.open(b"carol")
    make_device(carol, b"carol")
    send(alice, BOB, *[b"%d" % n for n in range(LETTERS_AT_ONCE)])
    with alice.peer(b"carol") as locked:
        locked.begin(bundle_of(carol), now=NOW, first=b"hello")
    assert {letter.peer for letter in alice.outbox()} == {BOB}
    assert alice.outbox(skip=[BOB]) == locked.outgoing
    assert alice.outbox(skip={BOB, b"carol", b"nobody"}) == []


def test_the_stores_own_notes_are_of_kinds_of_their_own() -> None:
    kinds = [kind.STATE_KIND for kind in (Note, PeerNotes, StoreNote, WaitingPlaintext)]
    assert len(set(kinds)) == 4
    assert {INDEX.kind, PEERS.kind} == {StoreNote}


@pytest.mark.attack("A53")
def test_a_reset_is_granted_before_the_bundle_is_fetched(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    with pytest.raises(ResetNotGranted), alice.peer(BOB) as locked:  # noqa: PT012  # the block fails as a whole
        locked.report_broken()
        assert locked.request_reset(NOW)
        locked.begin(bundle_of(bob), now=NOW)
    with alice.peer(BOB) as locked:
        assert not locked.request_reset(NOW), "nothing is broken"
        locked.report_broken()
        assert locked.request_reset(NOW)
    with alice.peer(BOB) as locked:
        assert not locked.request_reset(NOW + 1)
        locked.begin(bundle_of(bob), now=NOW + 1, first=b"reset")
    assert carry(alice, ALICE, bob, now=NOW + 1) == [b"reset"]


@pytest.mark.attack("A80")
def test_a_record_written_since_it_was_read_is_a_conflict(place: Place, pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    database = alice._database
    send(alice, BOB, b"before")
    with pytest.raises(StoreConflict), alice.peer(BOB) as locked:  # noqa: PT012  # the block fails as a whole
        locked.send(b"stale", now=NOW)
        touched = "UPDATE records SET generation = generation + 1"
        # Inside the transaction's own connection: the lock keeps everybody else out.
        if hasattr(place, "path"):
            database._connection.execute(touched)  # type: ignore[attr-defined]
        else:
            database._connection.execute(touched.replace("records", "ratchet_records"))  # type: ignore[attr-defined]
    with pytest.raises(StoreError):
        _ = locked.outgoing
    send(alice, BOB, b"after")
    assert carry(alice, ALICE, bob) == [b"before", b"after"]


@pytest.mark.attack("A80")
def test_two_who_write_a_record_first_conflict(place: Place) -> None:
    alice, twin = place.open(ALICE), place.open(ALICE)
    make_device(alice, ALICE)
    bob = place.open(BOB)
    make_device(bob, BOB)
    database = twin._database
    load = database.load

    def load_then_be_overtaken(shelf: bytes, *, wait: bool = True) -> dict[bytes, Row]:
        rows = load(shelf, wait=wait)
        if shelf == twin._sealing.shelf(BOB):
            database.rollback()
            with alice.peer(BOB) as locked:
                locked.begin(bundle_of(bob), now=NOW, first=b"alice's")
        return rows

    database.load = load_then_be_overtaken  # type: ignore[method-assign]
    with pytest.raises(StoreConflict), twin.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW, first=b"the twin's")
    assert carry(alice, ALICE, bob) == [b"alice's"]


@pytest.mark.attack("A79")
def test_threads_take_turns_on_one_store(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    threads = [threading.Thread(target=lambda: [send(alice, BOB, b"x") for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert carry(alice, ALICE, bob) == [b"x"] * 80
    with bob.peer(ALICE) as locked:
        (entry,) = locked.notes.entries
        assert locked.health(entry.key).skipped_stored == 0


def test_a_block_inside_a_block_is_refused_at_once(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    with alice.peer(BOB) as locked:
        with pytest.raises(StoreBusy):
            alice.outbox()
        locked.send(b"goes on", now=NOW)
    assert carry(alice, ALICE, bob) == [b"goes on"]


@pytest.mark.attack("A81")
def test_a_forked_child_may_not_go_on_with_the_store(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    assert "ForkedProcess" in in_child(lambda: str(alice.peers()))
    assert "ForkedProcess" in in_child(lambda: str(alice.close()))  # type: ignore[func-returns-value]
    send(alice, BOB, b"from the parent")
    assert carry(alice, ALICE, bob) == [b"from the parent"]


@pytest.mark.attack("A71")
def test_a_record_that_is_not_the_newest_is_refused(place: Place) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    old = place.interfere(ALICE, "SELECT shelf, name, generation, blob FROM records")
    send(alice, BOB, b"newest")
    for shelf, name, generation, blob in old:
        update = "UPDATE records SET generation = ?, blob = ? WHERE shelf = ? AND name = ?"
        place.interfere(ALICE, update, generation, blob, shelf, name)
    with pytest.raises(StateRolledBack):
        send(alice, BOB, b"never sent")
    with pytest.raises(StateRolledBack):
        send(place.open(ALICE, anchor=anchor), BOB, b"never sent")
    again = place.open(ALICE, anchor=anchor)
    assert again.outbox() == []
    assert {peer: type(error) for peer, error in again.refused.items()} == {BOB: StateRolledBack}


RECORDS: dict[str, Callable[[Store], tuple[bytes, Record[Any]]]] = {
    "index": lambda _: (bytes(16), INDEX),
    "identity": lambda store: (store._sealing.shelf(b""), IDENTITY),
    "ring": lambda store: (store._sealing.shelf(b""), RING),
    "peers": lambda store: (store._sealing.shelf(b""), PEERS),
    "notes": lambda store: (store._sealing.shelf(BOB), Record(PeerNotes, BOB)),
    "session": lambda store: (store._sealing.shelf(BOB), session_record(store)),
}


def session_record(store: Store) -> Record[Session]:
    with store.peer(BOB) as locked:
        (entry,) = locked.notes.entries
    return Record(Session, BOB + entry.key)


def use_all(store: Store) -> None:
    with store.device() as device:
        assert device.ring is not None
    assert store.peers() == [BOB]
    send(store, BOB, b"")


@pytest.mark.attack("A86")
@pytest.mark.parametrize("record", RECORDS)
def test_a_deleted_record_is_missed_and_nothing_starts_afresh(place: Place, record: str) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    use_all(place.open(ALICE, anchor=anchor))
    shelf, found = RECORDS[record](alice)
    place.interfere(ALICE, "DELETE FROM records WHERE shelf = ? AND name = ?", shelf, alice._sealing.name(found))
    with pytest.raises(StateMissing):
        use_all(place.open(ALICE, anchor=anchor))


@pytest.mark.attack("A86")
@pytest.mark.parametrize("record", ["identity", "ring", "session"])
def test_even_without_an_anchor_a_record_that_another_one_implies_is_missed(
    place: Place, pair: tuple[Store, Store], record: str
) -> None:
    alice, _ = pair
    shelf, found = RECORDS[record](alice)
    place.interfere(ALICE, "DELETE FROM records WHERE shelf = ? AND name = ?", shelf, alice._sealing.name(found))
    with pytest.raises(StateMissing):
        use_all(place.open(ALICE))


@pytest.mark.attack("A72")
def test_a_blob_in_the_place_of_another_is_refused(place: Place, pair: tuple[Store, Store]) -> None:
    alice, _ = pair
    rows = place.interfere(ALICE, "SELECT shelf, name, blob FROM records")
    for shelf, name, blob in rows:
        for _, other, another in rows:
            if other == name:
                continue
            update = "UPDATE records SET blob = ? WHERE shelf = ? AND name = ?"
            place.interfere(ALICE, update, another, shelf, name)
            with pytest.raises(StateContextMismatch):
                use_all(place.open(ALICE))
            place.interfere(ALICE, update, blob, shelf, name)
    use_all(alice)


def test_a_waiting_plaintext_is_bound_to_its_letter_and_peer(place: Place, pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    with alice.peer(b"carol") as carol:
        carol.report_broken()
    send(bob, ALICE, b"from bob")
    with alice.peer(BOB) as locked:
        locked.receive(bob.outbox()[0].content, now=NOW)
    ((key,),) = place.interfere(ALICE, "SELECT id FROM letters WHERE box = 1")
    shelves = {address: alice._sealing.shelf(address) for address in (BOB, b"carol")}
    for statement, value, error in (
        ("UPDATE letters SET shelf = ?", shelves[b"carol"], StateContextMismatch),
        ("UPDATE letters SET shelf = ?", bytes(16), StateMissing),
        ("UPDATE letters SET id = ?", bytes(16), StateContextMismatch),
        ("UPDATE letters SET blob = ?", b"anything", StateTampered),
    ):
        place.interfere(ALICE, "UPDATE letters SET shelf = ?, id = ?", shelves[BOB], key)
        assert [letter.content for letter in alice.inbox()] == [b"from bob"]
        assert alice.refused == {}
        place.interfere(ALICE, statement, value)
        assert alice.inbox() == []
        assert [type(refused) for refused in alice.refused.values()] == [error]


@pytest.mark.attack("A71")
def test_one_peers_old_records_stop_nobody_elses_letters(place: Place) -> None:
    anchor = MemoryAnchor()
    alice, bob, carol = place.open(ALICE, anchor=anchor), place.open(BOB), place.open(b"carol")
    meet(alice, bob)
    make_device(carol, b"carol")
    shelf = alice._sealing.shelf(BOB)
    old = place.interfere(ALICE, "SELECT name, generation, blob FROM records WHERE shelf = ?", shelf)
    send(alice, BOB, b"newest")
    with alice.peer(b"carol") as locked:
        locked.begin(bundle_of(carol), now=NOW, first=b"to carol")
    for name, generation, blob in old:
        update = "UPDATE records SET generation = ?, blob = ? WHERE shelf = ? AND name = ?"
        place.interfere(ALICE, update, generation, blob, shelf, name)
    again = place.open(ALICE, anchor=anchor)
    assert again.outbox() == locked.outgoing
    assert list(again.refused) == [BOB]


@pytest.mark.attack("A53", "A71")
@pytest.mark.parametrize("lost", ["older", "missing"])
def test_a_peer_whose_records_are_refused_can_be_begun_anew_with(place: Place, lost: str) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    shelf = alice._sealing.shelf(BOB)
    old = place.interfere(ALICE, "SELECT name, generation, blob FROM records WHERE shelf = ?", shelf)
    for n in range(3):
        send(alice, BOB, b"%d" % n)
        with alice.peer(BOB) as locked:
            locked.report_broken()
            locked.request_reset(NOW + n * 86400)
    for name, generation, blob in old:
        update = "UPDATE records SET generation = ?, blob = ? WHERE shelf = ? AND name = ?"
        place.interfere(ALICE, update, generation, blob, shelf, name)
    if lost == "missing":
        place.interfere(ALICE, "DELETE FROM records WHERE shelf = ?", shelf)
    again = place.open(ALICE, anchor=anchor)
    assert again.outbox() == []
    assert again.abandon(BOB) is (lost == "older")
    assert again.outbox() == []
    assert again.refused == {}
    later = NOW + 4 * 86400
    with again.peer(BOB) as locked:
        assert locked.request_reset(later)
    with place.open(ALICE, anchor=anchor).peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=later, first=b"anew")
    assert carry(again, ALICE, bob, now=later) == [b"anew"]
    send(bob, ALICE, b"answer", now=later)
    assert carry(bob, BOB, again, now=later) == [b"answer"]


def test_a_refused_message_leaves_what_was_opened_in_the_cache(pair: tuple[Store, Store]) -> None:
    alice, bob = pair
    send(alice, BOB, b"real")
    (letter,) = alice.outbox()
    with bob.peer(ALICE) as locked:
        locked.health(locked.notes.entries[0].key)
    before = dict(bob._sealing.cache)
    with pytest.raises(AuthenticationError):
        receive(bob, ALICE, letter.content[:-1] + bytes([letter.content[-1] ^ 1]))
    assert bob._sealing.cache == before
    with pytest.raises(DuplicateMessage), bob.peer(ALICE) as locked:  # noqa: PT012  # the block fails as a whole
        locked.receive(letter.content, now=NOW)
        locked.receive(letter.content, now=NOW)
    assert receive(bob, ALICE, letter.content) == b"real", "what had moved was not kept"


@pytest.mark.attack("A77")
def test_no_letter_leaves_before_the_anchor_has_advanced(place: Place) -> None:
    anchor = LostAdvance()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    anchor.lost = True
    with pytest.raises(KeyboardInterrupt), alice.peer(BOB) as locked:
        locked.send(b"written, not anchored", now=NOW)
    with pytest.raises(StoreError):
        _ = locked.outgoing
    for store in (alice, place.open(ALICE, anchor=anchor)):
        with pytest.raises(KeyboardInterrupt):
            store.outbox()
    anchor.lost = False
    advances = anchor.advances
    assert carry(place.open(ALICE, anchor=anchor), ALICE, bob) == [b"written, not anchored"]
    assert anchor.advances == advances + 1


class Overtaken(MemoryAnchor):
    """Lets somebody else write before an advance: the lock is free between the commit and it."""

    between: Callable[[], None] | None = None

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        between, self.between = self.between, None
        if between is not None:
            between()
        return super().compare_and_advance(record, expected, new)


@pytest.mark.attack("A71", "A80")
def test_who_is_overtaken_between_commit_and_anchor_is_not_told_of_a_rollback(place: Place) -> None:
    anchor = Overtaken()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    twin = place.open(ALICE, anchor=anchor)
    anchor.between = lambda: send(twin, BOB, b"second", b"third")
    send(alice, BOB, b"first")
    send(alice, BOB, b"fourth")
    assert carry(alice, ALICE, bob) == [b"first", b"second", b"third", b"fourth"]


@pytest.mark.attack("A71", "A80")
def test_who_is_overtaken_by_a_deletion_is_not_told_of_a_rollback(place: Place) -> None:
    anchor = Overtaken()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    twin = place.open(ALICE, anchor=anchor)
    send(alice, BOB, b"so that what follows writes the session only")

    def between() -> None:
        send(twin, BOB, b"moved")
        with twin.peer(BOB) as locked:
            assert locked.identity is not None
            locked.repin(locked.identity)

    anchor.between = between
    send(alice, BOB, b"first")
    with pytest.raises(NoSession):
        send(alice, BOB, b"deleted")


@pytest.mark.attack("A71")
def test_a_backup_that_is_restored_under_a_running_process_is_a_rollback(place: Place) -> None:
    """Its cache still fits the old database; the anchor does not, and what it wrote itself is no newer record."""
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    send(alice, BOB, b"kept in the cache")
    old = place.interfere(ALICE, "SELECT shelf, name, generation, blob FROM records")
    send(place.open(ALICE, anchor=anchor), BOB, b"by another process")
    for shelf, name, generation, blob in old:
        update = "UPDATE records SET generation = ?, blob = ? WHERE shelf = ? AND name = ?"
        place.interfere(ALICE, update, generation, blob, shelf, name)
    with pytest.raises(StateRolledBack), alice.peer(BOB) as locked:
        locked.send(b"never sent", now=NOW)
    with pytest.raises(StoreError):
        _ = locked.outgoing
    with pytest.raises(StateRolledBack):
        send(alice, BOB, b"never sent")


@pytest.mark.attack("A71")
def test_records_go_over_to_a_new_storage_key(place: Place) -> None:
    anchor = MemoryAnchor()
    alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
    meet(alice, bob)
    send(bob, ALICE, b"under the old key")
    with alice.peer(BOB) as locked:
        locked.receive(bob.outbox()[0].content, now=NOW)
    both = StateVault({b"k1": bytes(range(32)), b"k2": bytes(32)}, current=b"k2")
    assert alice.reseal(both) == 1
    alice.done(*alice.inbox())
    alice.flush()
    assert alice.reseal(both) == 0
    new = StateVault({b"k2": bytes(32)}, current=b"k2")
    use_all(place.open(ALICE, anchor=anchor, vault=new))
    assert all(new.is_current(bytes(blob)) for (blob,) in place.interfere(ALICE, "SELECT blob FROM records"))  # type: ignore[call-overload]
