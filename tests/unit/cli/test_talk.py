from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.cli.talk import opened_a_chain

if TYPE_CHECKING:
    from support.sheet import Sheet

    from ratchetlib.cli.talk import Talk


def test_a_message_on_the_page(talk: Talk, page: Sheet) -> None:
    talk.say(talk.bob, talk.alice, "hi")
    talk.say(talk.bob, talk.alice, "again")
    assert page.lines == [
        ' ✓ Bob → Alice   "hi"                                        296 B   new chain 1, message 0',
        ' ✓ Bob → Alice   "again"                                     296 B       chain 1, message 1',
    ]


def test_each_turn_opens_a_chain(talk: Talk) -> None:
    positions = [
        talk.write(talk.bob, "")[1],
        talk.write(talk.bob, "")[1],
        talk.write(talk.alice, "")[1],
    ]
    assert positions == ["new chain 1, message 0", "    chain 1, message 1", "    chain 1, message 1"]
    talk.say(talk.bob, talk.alice, "")
    assert talk.write(talk.alice, "")[1] == "new chain 2, message 0"


def test_opened_a_chain(talk: Talk) -> None:
    session = talk.bob.session
    session.encrypt(b"")
    assert opened_a_chain(session)
    session.encrypt(b"")
    assert not opened_a_chain(session)


def test_a_text_is_read_once(talk: Talk) -> None:
    message, _ = talk.write(talk.alice, "text")
    assert talk.bob.reads(message, "text")
    assert not talk.bob.reads(message, "text")


def test_another_text_is_not_read(talk: Talk) -> None:
    message, _ = talk.write(talk.alice, "text")
    assert not talk.bob.reads(message, "another")


def test_what_is_not_delivered_fails_on_the_page(talk: Talk, page: Sheet) -> None:
    talk.say(talk.bob, talk.bob, "to myself")
    assert page.failures == 1
    assert page.lines[0].startswith(" ✗ Bob → Bob ")
