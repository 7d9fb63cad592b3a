"""What most cases of events begin with, and what only a hostile peer can send."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from support.forge import forged

from generator.people import ALICE, BOB, NOW
from ratchetlib import ratchet
from ratchetlib.cli.verify.draws import Roles
from ratchetlib.cli.verify.fields import Fields
from ratchetlib.session.message import join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.document import Scene


def devices(scene: Scene, *, items: int = 1) -> None:
    """Alice and Bob, Bob's ring, and a bundle of it."""
    scene.do("identity", who="alice", address=ALICE)
    scene.do("identity", who="bob", address=BOB)
    scene.do("ring", who="bob", now=NOW, items=items)
    scene.do("hand_out", who="bob", id="bundle")


def initiated(scene: Scene, *, items: int = 1) -> None:
    """Alice has initiated as A and sent a0."""
    devices(scene, items=items)
    scene.do("initiate", who="A", device="alice", peer="bob", bundle="bundle", now=NOW)
    say(scene, "A", "a0")


def accepted(scene: Scene, *, items: int = 1) -> None:
    """Bob has accepted as B."""
    initiated(scene, items=items)
    scene.do("accept", who="B", device="bob", of="a0", now=NOW)


def confirmed(scene: Scene) -> None:
    """Alice has read Bob's answer, b0."""
    accepted(scene)
    say(scene, "B", "b0")
    hear(scene, "A", "b0")


def say(scene: Scene, who: str, name: str) -> None:
    """A message whose text is its name."""
    scene.do("send", who=who, id=name, plaintext=name.encode())


def hear(scene: Scene, who: str, name: str) -> None:
    """A message that arrives as it was sent."""
    scene.do("deliver", who=who, of=name)


def tell(scene: Scene, sender: str, receiver: str, name: str) -> None:
    """Both."""
    say(scene, sender, name)
    hear(scene, receiver, name)


def forge(scene: Scene, who: str, **changes: Any) -> bytes:
    """The next message of a session, its header changed before it was sealed. The session does not move."""
    with _by_forger(scene):
        return forged(scene.world.sessions[who], **changes)


def with_padded(scene: Scene, who: str, padded: bytes) -> bytes:
    """The next message of a session, around a padded plaintext that no policy makes. The session does not move."""
    state = scene.world.sessions[who]._state
    with _by_forger(scene):
        _, frame = ratchet.encrypt(state.ratchet, padded, b"", state.bindings.sending)
    return join(None if state.unconfirmed is None else state.unconfirmed.prefix, frame)


@contextmanager
def _by_forger(scene: Scene) -> Iterator[None]:
    """What is drawn inside is in no event: only the bytes that come of it are."""
    with scene.world.draws.during(Fields({}), "forger", Roles.SEND):
        yield
    scene.world.draws.take()
