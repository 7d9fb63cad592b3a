"""One handshake whose every private key can leak by itself, or in any company."""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING, Final

from closure.attacker import Knowledge
from closure.log import NOTHING, logged
from closure.rules import Plaintext, Problem
from support.pair import BOB, NOW, initiate, snapshot

from ratchetlib import Session
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.keys import IdentityBlockKey, RootKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from closure.attacker import Power
    from closure.rules import Term

ALL_POWERS: Final[tuple[Power, ...]] = tuple(
    frozenset(solved) for count in range(3) for solved in combinations(Problem, count)
)


class Handshake:
    """Alice writes twice before Bob answers; Bob answers; both write on.

    Attributes:
        log: what was computed.
        privates: every private key by the specification's name, and A1, Alice's first ratchet key.
        targets: what an attacker may want.
        stores: what Bob's device holds, ring and identity, after each event.
    """

    def __init__(self, *, one_time: bool) -> None:
        with logged() as self.log:
            alice, bob, ring, session = initiate(one_time=int(one_time))
            self._ring, self._bob = ring, bob
            self.stores: dict[str, bytes] = {"written": snapshot(ring) + snapshot(bob)}
            if session._state.unconfirmed is None:
                raise AssertionError("an initiator's session begins unconfirmed")
            prefix = session._state.unconfirmed.prefix
            self._public = [NOTHING, session.session_id, ring.signed_bundle(), prefix, alice.public.to_bytes()]
            self._public += ring.one_time_items()
            first = [session.encrypt(b""), session.encrypt(b"")]
            ours = session._state.ratchet.sending
            if ours is None:
                raise AssertionError("a send opens a chain")
            a1 = ours.key_pair.private.raw
            answered, _ = Session.accept(bob, ring, first[0], our_address=BOB, now=NOW)
            self.stores["accepted"] = snapshot(ring) + snapshot(bob)
            reply = answered.encrypt(b"")
            session.decrypt(reply)
            later = session.encrypt(b"")
            ring.rotate(ring_end(ring))
            ring.retire(NOW)
