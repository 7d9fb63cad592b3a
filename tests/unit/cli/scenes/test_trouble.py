from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ratchetlib import Session
from ratchetlib.cli.scenes import trouble

if TYPE_CHECKING:
    from support.sheet import Sheet

    from ratchetlib.cli.talk import Talk


def test_each_message_is_read_once_or_refused(talk: Talk, page: Sheet) -> None:
    talk.say(talk.bob, talk.alice, "confirmed")
    trouble.play(talk)
    assert (page.checks, page.failures) == (1 + 7, 0)
    assert "keeps 2 keys" in page.lines[5]
    assert "1 key is left" in page.lines[6]
    assert "each of its 296 bytes flipped in turn: refused 296 times" in page.lines[9]
    assert talk.bob.session.health().skipped_stored == 1


def test_it_also_plays_before_the_session_is_confirmed(talk: Talk, page: Sheet) -> None:
    trouble.play(talk)
    assert page.failures == 0


def test_damage_that_is_accepted_fails(talk: Talk, page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "with_a_bit_flipped", lambda message, _index: message)
    trouble.play(talk)
    # The first copy was read: the state has moved, and the message itself is a duplicate.
    assert page.failed == ["tampering", "", ""]


def test_a_refusal_that_moves_the_state_fails(talk: Talk, page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = iter([b"before", b"after"])
    monkeypatch.setattr(trouble, "_state_digest", lambda _session: next(digests))
    trouble.play(talk)
    assert len(page.failed) == 1
    assert " ✗               Bob's state is what it was before, byte for byte" in page.lines


def test_a_key_that_is_not_kept_fails(talk: Talk, page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Session.decrypt

    def forgetful(session: Session, message: bytes) -> bytes:
        plaintext = real(session, message)
        session.forget_skipped()
        return plaintext

    monkeypatch.setattr(Session, "decrypt", forgetful)
    trouble.play(talk)
    assert page.failed[:2] == ["", ""]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_one_bit_of_one_byte(index: int) -> None:
    damaged = trouble.with_a_bit_flipped(b"abc", index)
    changed = [one ^ other for one, other in zip(damaged, b"abc", strict=True)]
    assert changed == [int(place == index) for place in range(3)]


def test_the_digest_follows_the_state(talk: Talk) -> None:
    before = trouble._state_digest(talk.alice.session)
    assert trouble._state_digest(talk.alice.session) == before
    talk.alice.session.encrypt(b"")
    assert trouble._state_digest(talk.alice.session) != before
