"""Threads, forked processes and interrupts: a state is the old one or the new one, never a mix, and never two."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.forge import send
from support.forked import in_child
from support.pair import BOB, NOW, Pair, initiate, make_pair, reopened, snapshot
from support.talk import DEEP

import ratchetlib
from ratchetlib import ConcurrentUse, DuplicateMessage, ForkedProcess, RatchetError, Session
from ratchetlib.session import state as states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PACKAGE = str(Path(ratchetlib.__file__).parent)


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


# --- threads ------------------------------------------------------------------------------------


@contextmanager
def eager_switching() -> Iterator[None]:
    """Threads change places as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work` in so many threads at once; what one of them raises is raised here."""
    failures: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  # a thread would only print it
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def persistent(call: Callable[[], bytes]) -> bytes:
    """What a call gives once no other thread is in its way."""
    while True:
        try:
            return call()
        except ConcurrentUse:
            continue


@pytest.mark.attack("A79")
def test_threads_on_one_session_never_use_a_number_twice(pair: Pair) -> None:
    threads, each = (32, 200) if DEEP else (8, 100)
    pair.bob.decrypt(pair.alice.encrypt(b""))
    messages: list[bytes] = []

    def work(number: int) -> None:
        for n in range(each):
            messages.append(persistent(lambda: pair.alice.encrypt(bytes([number, n]))))  # noqa: B023, PERF401

    with eager_switching():
        in_threads(threads, work)
    assert send(pair.alice).header.number == 1 + threads * each
    assert sorted(pair.bob.decrypt(message) for message in messages) == [
        bytes([number, n]) for number in range(threads) for n in range(each)
    ]


@pytest.mark.attack("A79")
def test_a_message_given_to_eight_threads_is_read_by_one(pair: Pair) -> None:
    messages = [pair.alice.encrypt(bytes([n])) for n in range(50)]
    read: list[bytes] = []

    def work(_: int) -> None:
        for message in messages:
            try:
                read.append(persistent(lambda: pair.bob.decrypt(message)))  # noqa: B023
            except DuplicateMessage:
                continue

    with eager_switching():
        in_threads(8, work)
    assert sorted(read) == [bytes([n]) for n in range(50)]


@pytest.mark.attack("A79")
def test_a_first_message_given_to_eight_threads_starts_one_session() -> None:
    _, bob, ring, session = initiate()
    message = session.encrypt(b"first")
    accepted: list[bytes] = []

    def work(_: int) -> None:
        try:
            accepted.append(persistent(lambda: Session.accept(bob, ring, message, our_address=BOB, now=NOW)[1]))
        except RatchetError:
            return

    with eager_switching():
        in_threads(8, work)
    assert accepted == [b"first"]


class Inside:
    """A padding policy that runs something while the session is in use."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def padded_length(self, length: int) -> int:
        self._action()
        return length


@pytest.mark.attack("A79")
def test_a_second_thread_is_refused_and_changes_nothing(pair: Pair) -> None:
    to_alice = pair.bob.encrypt(b"")
    calls: list[Callable[[], object]] = [
        lambda: pair.alice.encrypt(b""),
        lambda: pair.alice.decrypt(to_alice),
        pair.alice.forget_skipped,
        lambda: reopened(pair.alice),
    ]
    refused: list[type] = []

    def second_thread() -> None:
        def work(number: int) -> None:
            with pytest.raises(ConcurrentUse):
                calls[number]()
            refused.append(ConcurrentUse)

        in_threads(len(calls), work)

    message = pair.alice.encrypt(b"first in", padding=Inside(second_thread))
    assert len(refused) == len(calls)
    assert pair.bob.decrypt(message) == b"first in"
    assert pair.alice.decrypt(to_alice) == b""


# --- forked processes ---------------------------------------------------------------------------


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except RatchetError as error:
        return type(error).__name__
    return "done"


@pytest.mark.attack("A46", "A81")
def test_a_forked_child_may_not_use_a_live_session_and_the_parent_goes_on(pair: Pair) -> None:
    to_alice = pair.bob.encrypt(b"hi")
    before = snapshot(pair.alice)
    calls: list[Callable[[], object]] = [
        lambda: pair.alice.encrypt(b""),
        lambda: pair.alice.decrypt(to_alice),
        pair.alice.forget_skipped,
        lambda: reopened(pair.alice),
        pair.ring.next_bundle,
        lambda: pair.ring.rotate(NOW),
    ]
    for call in calls:
        assert in_child(lambda: outcome(call)) == "ForkedProcess"  # noqa: B023
    assert snapshot(pair.alice) == before
    assert pair.alice.decrypt(to_alice) == b"hi"
    assert pair.bob.decrypt(pair.alice.encrypt(b"parent")) == b"parent"


@pytest.mark.attack("A81")
def test_a_forked_child_accepts_nothing_on_the_parents_ring() -> None:
    _, bob, ring, session = initiate()
    message = session.encrypt(b"")

    def accept() -> object:
        return Session.accept(bob, ring, message, our_address=BOB, now=NOW)

    assert in_child(lambda: outcome(accept)) == "ForkedProcess"
    accept()


@pytest.mark.attack("A81")
def test_a_forked_child_goes_on_with_a_session_that_it_opens_itself(pair: Pair) -> None:
    message = pair.alice.encrypt(b"for the child")
    before = snapshot(pair.bob)

    def child() -> str:
        session = Session(states.decode(_reader(before)))
        return session.decrypt(message).decode()

    assert in_child(child) == "for the child"
    assert ForkedProcess.__doc__ is not None


def _reader(encoded: bytes) -> Any:
    from ratchetlib.wire import Reader  # noqa: PLC0415

    return Reader(encoded, RatchetError)


# --- interrupts ---------------------------------------------------------------------------------


class Interrupter:
    """Raises KeyboardInterrupt at the n-th place in the library at which Python could deliver a signal.

    It looks for one when a function begins and when a call into C has returned, which is when a profiler is called.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self._places = 0

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_return"} and frame.f_code.co_filename.startswith(PACKAGE):
            self._places += 1
            if self._places == self._at:
                raise KeyboardInterrupt


def interrupted(call: Callable[[], object], at: int) -> bool:
    """Whether the call was interrupted at that place; it has fewer of them if not."""
    previous = sys.getprofile()
    sys.setprofile(Interrupter(at))
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(previous)
    return False


def encoded(session: Session) -> bytes:
    """The state, also of a session that an interrupt has left locked."""
    return states.encode(session._state)


@pytest.mark.attack("A105")
@pytest.mark.parametrize("path", ["open chain", "new chain", "late message", "first message of a session"])
def test_an_interrupted_decrypt_leaves_the_old_state_or_the_new_one(path: str) -> None:
    pair = make_pair()
    if path == "first message of a session":
        pair.alice, pair.bob = pair.bob, pair.alice
    else:
        pair.confirm()
        pair.bob.decrypt(pair.alice.encrypt(b""))
    if path == "new chain":
        pair.alice.decrypt(pair.bob.encrypt(b""))
    message = pair.alice.encrypt(b"text")
    if path == "late message":
        pair.bob.decrypt(pair.alice.encrypt(b""))
    old, new = encoded(pair.bob), reopened(pair.bob)
    new.decrypt(message)
    seen = set()
    at = 1
    while True:
        session = reopened(pair.bob)
        if not interrupted(lambda: session.decrypt(message), at):  # noqa: B023
            break
        state = encoded(session)
        assert state in (old, encoded(new))
        seen.add(state)
        at += 1
    assert at > 40
    assert old in seen


@pytest.mark.attack("A46", "A105")
@pytest.mark.parametrize("path", ["open chain", "new chain"])
def test_an_interrupted_encrypt_leaves_the_old_state_or_a_new_one(path: str) -> None:
    pair = make_pair().confirm()
    pair.bob.decrypt(pair.alice.encrypt(b""))
    if path == "new chain":
        pair.alice.decrypt(pair.bob.encrypt(b""))
    old = encoded(pair.alice)
    counted = 1 if path == "new chain" else pair.alice.health().messages_since_dh_step + 1
    at = 1
    while True:
        session = reopened(pair.alice)
        if not interrupted(lambda: session.encrypt(b"interrupted"), at):  # noqa: B023
            break
        again = reopened_state(session)
        if encoded(session) != old:
            assert again.health().messages_since_dh_step == counted
        receiver = reopened(pair.bob)
        assert receiver.decrypt(again.encrypt(b"after")) == b"after"
        at += 1
    assert at > 40


def reopened_state(session: Session) -> Session:
    """The session after a restart from what is in memory."""
    return Session(states.decode(_reader(encoded(session))))


@pytest.mark.attack("A12", "A105")
@pytest.mark.parametrize("one_time", [0, 1])
def test_an_interrupted_accept_leaves_the_ring_as_it_was_or_as_it_would_be(one_time: int) -> None:
    _, bob, ring, session = initiate(one_time=one_time)
    message = session.encrypt(b"first")
    old, finished = snapshot(ring), reopened(ring)
    Session.accept(bob, finished, message, our_address=BOB, now=NOW)
    new = snapshot(finished)
    at = 1
    while True:
        again = reopened(ring)
        if not interrupted(lambda: Session.accept(bob, again, message, our_address=BOB, now=NOW), at):  # noqa: B023
            break
        assert snapshot(again) in (old, new)
        at += 1
    assert at > 150


@pytest.mark.attack("A105")
@pytest.mark.parametrize("action", ["encrypt", "decrypt", "accept"])
def test_what_was_interrupted_is_still_usable(action: str) -> None:
    """A program that catches its interrupt goes on: nothing may stay locked."""
    _, bob, ring, alice = initiate(one_time=0)
    first, second = alice.encrypt(b"first"), alice.encrypt(b"second")
    answered, _ = Session.accept(bob, reopened(ring), first, our_address=BOB, now=NOW)
    locked = []
    at = 1
    while True:
        session, prekeys = reopened(answered), reopened(ring)
        calls: dict[str, Callable[[], object]] = {
            "encrypt": lambda: session.encrypt(b""),  # noqa: B023
            "decrypt": lambda: session.decrypt(second),  # noqa: B023
            "accept": lambda: Session.accept(bob, prekeys, first, our_address=BOB, now=NOW),  # noqa: B023
        }
        if not interrupted(calls[action], at):
            break
        if "ConcurrentUse" in {outcome(lambda: session.encrypt(b"")), outcome(prekeys.next_bundle)}:  # noqa: B023
            locked.append(at)
        at += 1
    assert locked == []
