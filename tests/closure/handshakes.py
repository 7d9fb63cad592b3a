"""One handshake whose every private key can leak, by itself and in any company."""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING, Final

from closure.attacker import Knowledge
from closure.log import NOTHING, Log, logged
from closure.rules import Problem
from support.pair import BOB, NOW, initiate, snapshot

from ratchetlib import IdentityKeyPair, PrekeyRing, Session
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.limits import BUNDLE_RETENTION, MAX_BUNDLE_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from closure.attacker import Power
    from closure.rules import Term

ALL_POWERS: Final[tuple[Power, ...]] = tuple(
    frozenset(solved) for count in range(3) for solved in combinations(Problem, count)
)
"""Nothing solved, one problem, both."""


_SOLVED: Final = {
    Problem.X25519: {"IK_A", "IK_B", "SPK_B", "OPK_B", "EK_A", "A1"},
    Problem.ML_KEM: {"KEM"},
}
"""Private keys that whoever has solved a problem gets from public bytes; KEM is the one that was encapsulated to."""

_RESPONDER: Final = frozenset({"IK_B", "SPK_B", "OPK_B", "KEM"})

EXPECTED: Final[dict[str, tuple[frozenset[str], ...]]] = {
    # DH2 || DH3 || [DH4] || ss
    "identity block": (frozenset({"EK_A", "KEM"}), _RESPONDER),
    # DH1 || DH2 || DH3 || [DH4] || ss
    "session secrets": (frozenset({"EK_A", "IK_A", "KEM"}), frozenset({"EK_A", "SPK_B", "KEM"}), _RESPONDER),
    # and DH(A1, SPK_B)
    "first flight": (frozenset({"EK_A", "IK_A", "A1", "KEM"}), frozenset({"EK_A", "SPK_B", "KEM"}), _RESPONDER),
    # and DH(A1, B's ratchet key)
    "reply": (
        frozenset({"EK_A", "IK_A", "A1", "KEM"}),
        frozenset({"EK_A", "SPK_B", "A1", "KEM"}),
        _RESPONDER | {"A1"},
    ),
    # and DH(A's next ratchet key, B's ratchet key), both of them never leaked
    "later": (),
}
"""By docs/spec/handshake.md, the least leaks that open each target; OPK_B counts where there is one, no signing key."""


class Handshake:
    """Alice writes twice before Bob answers, Bob answers, Alice writes once more.

    Attributes:
        log: what was computed.
        privates: every private key, by its name in the specification; A1 is Alice's first ratchet key.
        targets: what an attacker may want, by name.
        stores: Bob's ring, his identity included, before and after the acceptance, and when the bundle is over.
    """

    def __init__(self, *, one_time: bool) -> None:
        with logged() as self.log:
            alice, bob, ring, session = initiate(one_time=int(one_time))
            prefix = _prefix(session)
            self.privates = _privates(self.log, alice, ring, prefix)
            self._encapsulated = "one-time KEM" if one_time else "last-resort KEM"
            secrets = session._state.ratchet.turn
            public = [*published(ring), alice.public.to_bytes(), session.session_id, NOTHING]
            self.stores = {"before": snapshot(ring)}
            flight = [session.encrypt(b""), session.encrypt(b"")]
            self.privates["A1"] = _ratchet_key(session)
            answered, _ = Session.accept(bob, ring, flight[0], our_address=BOB, now=NOW)
            self.stores["accepted"] = snapshot(ring)
            session.decrypt(reply := answered.encrypt(b""))
            later = session.encrypt(b"")
            ring.retire(NOW + MAX_BUNDLE_LIFETIME + BUNDLE_RETENTION + 1)
            self.stores["retired"] = snapshot(ring)
        self.targets: dict[str, list[Term]] = {
            "identity block": [*self.log.plaintexts(prefix.to_bytes())],
            "session secrets": [secrets.root_key.raw, secrets.next_sending_key.raw, secrets.next_receiving_key.raw],
            "first flight": [self.log.sealed(message).body for message in flight],
            "reply": [self.log.sealed(reply).body],
            "later": [self.log.sealed(later).body],
        }
        given = [*chain.from_iterable(map(self.log.lexicon.within, [*public, *flight, reply, later]))]
        self._public = {power: Knowledge(self.log.book, power, given) for power in ALL_POWERS}

    def won(self, power: Power, given: Iterable[Term]) -> set[str]:
        """Which targets follow from the given terms and all public bytes. A target follows as a whole or not at all."""
        knowledge = Knowledge(self.log.book, power, given, self._public[power])
        found = {name: {term in knowledge for term in terms} for name, terms in self.targets.items()}
        torn = [name for name, derived in found.items() if len(derived) != 1]
        if torn:
            raise AssertionError(f"only a part of {torn} follows")
        return {name for name, derived in found.items() if derived == {True}}

    def won_by(self, power: Power, leak: Iterable[str]) -> set[str]:
        """Which targets follow from the private keys of these names."""
        return self.won(power, [self.privates[name] for name in leak])

    def expected(self, power: Power, leak: frozenset[str]) -> set[str]:
        """Which targets must follow from the private keys of these names."""
        if power == set(Problem):
            return set(self.targets)
        have = leak.union(*(_SOLVED[problem] for problem in power))
        if self._encapsulated in leak:
            have |= {"KEM"}
        if "OPK_B" not in self.privates:
            have |= {"OPK_B"}
        won = {name for name, leaks in EXPECTED.items() if any(least <= have for least in leaks)}
        # Who computes agreements from public keys needs no ratchet key of anybody.
        return won | {"later"} if Problem.X25519 in power and "KEM" in have else won

    def won_from(self, power: Power, store: str) -> set[str]:
        """Which targets follow from what Bob had stored."""
        return self.won(power, self.log.lexicon.within(self.stores[store]))

    def leaks(self) -> Iterator[frozenset[str]]:
        """All sets of private keys."""
        for count in range(len(self.privates) + 1):
            yield from map(frozenset, combinations(self.privates, count))


def _privates(log: Log, alice: IdentityKeyPair, ring: PrekeyRing, prefix: Prefix) -> dict[str, bytes]:
    bob = ring._contents.owner
    (bundle,) = ring._contents.bundles.values()
    privates = {
        "IK_A": alice._agreement.raw,
        "IK_B": bob._agreement.raw,
        "SPK_B": bundle.signed_prekey.raw,
        "last-resort KEM": bundle.last_resort.raw,
        "EK_A": log.private_key(prefix.ephemeral),
        "signing A": alice._signing.raw,
        "signing B": bob._signing.raw,
    }
    for item in ring._contents.items.values():
        privates |= {"OPK_B": item.prekey.raw, "one-time KEM": item.kem_seed.raw}
    return privates


def published(ring: PrekeyRing) -> list[bytes]:
    """The bundle and the items of a ring, before any of them was used."""
    return [ring.signed_bundle(), *(record.item.encoded for record in ring._contents.items.values())]


def _prefix(session: Session) -> Prefix:
    if session._state.unconfirmed is None:
        raise AssertionError("an initiator's session begins unconfirmed")
    return Prefix.from_bytes(session._state.unconfirmed.prefix)


def _ratchet_key(session: Session) -> bytes:
    if session._state.ratchet.sending is None:
        raise AssertionError("a send opens a chain")
    return session._state.ratchet.sending.key_pair.private.raw
