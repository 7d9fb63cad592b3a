from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ratchetlib.cli.scenes import conversation

if TYPE_CHECKING:
    import pytest
    from support.sheet import Sheet

    from ratchetlib.cli.talk import Talk


def test_three_turns_and_a_post_quantum_secret(talk: Talk, page: Sheet) -> None:
    conversation.play(talk)
    assert page.failures == 0
    assert [line.split("B   ")[1] for line in page.lines[3:7]] == [
        "new chain 1, message 0",
        "    chain 1, message 1",
        "new chain 2, message 0",
        "new chain 3, message 0",
    ]
    assert re.fullmatch(r" ✓ post-quantum  \d\d empty messages carried .+", page.lines[7])
    assert talk.alice.session.health().pq_epoch == talk.bob.session.health().pq_epoch == 1


def test_short_messages_look_alike(talk: Talk, page: Sheet) -> None:
    conversation.play(talk)
    assert len({size for line in page.lines if (size := re.search(r"\d+ B ", line))}) == 4
    assert len({size[0] for line in page.lines if (size := re.search(r"\d+ B ", line))}) == 1


def test_a_secret_that_never_comes_fails(talk: Talk, page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "_PATIENCE", 3)
    conversation.play(talk)
    assert page.failures == 1
    assert page.lines[-1].startswith(" ✗ post-quantum  3 empty messages")
