"""A conversation without incidents: what each turn does to the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ratchetlib.cli.talk import Speaker, Talk

_PATIENCE: Final = 200
"""Empty messages within which a post-quantum secret must have come through; about 50 is usual."""


def play(talk: Talk) -> None:
    """A few turns in full, then as many in short as a post-quantum secret takes."""
    talk.page.section(
        "Conversation",
        "Each turn makes fresh keys and locks a thief out again; a message key is used once and deleted.",
    )
    alice, bob = talk.alice, talk.bob
    talk.say(bob, alice, "I can read you.")
    talk.say(bob, alice, "And nobody else can.")
    talk.say(alice, bob, "Then let us talk.")
    talk.say(bob, alice, "Yes.")
    _await_post_quantum_step(talk)


def _await_post_quantum_step(talk: Talk) -> None:
    sender, receiver, sent = talk.alice, talk.bob, 0
    while sent < _PATIENCE and not (_healed(sender) and _healed(receiver)):
        message, _ = talk.write(sender, "")
        receiver.session.decrypt(message)
        sender, receiver, sent = receiver, sender, sent + 1
    text = f"{sent} empty messages carried a fresh ML-KEM-768 secret into the keys, chunk by chunk"
    talk.page.check("post-quantum", text, held=_healed(sender) and _healed(receiver))


def _healed(speaker: Speaker) -> bool:
    return speaker.session.health().pq_epoch > 0
