from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from support.pair import ALICE, BOB, NOW

from ratchetlib import IdentityKeyPair, PrekeyBundle, PrekeyRing, Session
from ratchetlib.cli.scenes import handshake
from ratchetlib.cli.talk import Actor

if TYPE_CHECKING:
    from support.sheet import Sheet

    from ratchetlib.cli.talk import Talk


class Meeting(NamedTuple):
    """What the scene begins with."""

    alice: Actor
    bob: Actor
    ring: PrekeyRing
    bundle: PrekeyBundle

    def play(self, page: Sheet, text: str) -> Talk:
        return handshake.play(page, *self, text, NOW)


@pytest.fixture
def meeting() -> Meeting:
    alice = Actor("Alice", ALICE, IdentityKeyPair.generate())
    bob = Actor("Bob", BOB, IdentityKeyPair.generate())
    ring = PrekeyRing.generate(bob.identity, address=BOB, now=NOW, one_time=1)
    return Meeting(alice, bob, ring, ring.next_bundle())


@pytest.mark.parametrize("text", ["", "a", "zażółć gęślą jaźń", "x" * 2**20])
def test_any_text_opens_a_session(page: Sheet, meeting: Meeting, text: str) -> None:
    talk = meeting.play(page, text)
    assert (page.checks, page.failures) == (4, 0)
    assert page.lines[3].endswith("new chain 1, message 0")
    assert talk.alice.session.session_id == talk.bob.session.session_id


def test_the_replay_is_refused_for_the_reason_given(page: Sheet, meeting: Meeting) -> None:
    meeting.play(page, "text")
    assert page.lines[-1].endswith("its one-time key is gone: refused, UnknownPrekey")
    assert meeting.ring.status.one_time_items == 0


def test_a_name_in_clear_fails(page: Sheet, meeting: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    encrypt, accept = Session.encrypt, Session.accept

    def accept_with_a_name(identity: Any, ring: Any, message: bytes, **options: Any) -> Any:
        return accept(identity, ring, message.removesuffix(ALICE), **options)

    monkeypatch.setattr(Session, "encrypt", lambda session, text: encrypt(session, text) + ALICE)
    monkeypatch.setattr(Session, "accept", accept_with_a_name)
    meeting.play(page, "text")
    assert page.failed == ["observer"]


def test_another_plaintext_fails(page: Sheet, meeting: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = Session.accept

    def accept_otherwise(*arguments: Any, **options: Any) -> Any:
        return accept(*arguments, **options)[0], b"something else"

    monkeypatch.setattr(Session, "accept", accept_otherwise)
    meeting.play(page, "text")
    assert page.failed == ["Alice → Bob"]
