# A tool beside the documents, not a package; the examples show what the public objects keep to themselves.
"""The one conversation of the specification's examples.

Alice writes twice before Bob answers. Then she sends twelve messages, of which one is lost, and the key of the first
post-quantum epoch is complete. Bob's twelve carry the ciphertext back; Alice's next message mixes the secret. Later she
begins a second session without a one-time item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ratchetlib import FixedBuckets, IdentityKeyPair, NoPadding, Padme, PrekeyBundle, PrekeyRing, Session, StateVault

if TYPE_CHECKING:
    from scripted import Script

    from ratchetlib import PaddingPolicy
    from ratchetlib.ratchet import RatchetState
    from ratchetlib.session.state import SessionState

NOW: Final = 1_800_000_000
ALICE, BOB = b"alice/laptop", b"bob/phone"
STORAGE_KEY_ID, STORAGE_KEY = b"k1", bytes(range(32))
DATA: Final = b"room 7"
_CARRIED: Final = 12
_LOST: Final = 3
_NONCE: Final = "nonce"


@dataclass
class Record:
    """What happened.

    Attributes:
        messages: sender, plaintext, associated data, whether it arrived, bytes; in the order of sending.
        states: session states worth showing, by name.
        blobs: sealed states by name, with owner and peer.
        contents: what is sealed in them.
    """

    alice: IdentityKeyPair
    bob: IdentityKeyPair
    ring_at_first: bytes
    bundle: PrekeyBundle
    messages: list[dict[str, str | bool]] = field(default_factory=list)
    states: dict[str, SessionState] = field(default_factory=dict)
    blobs: dict[str, tuple[bytes, bytes, bytes]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)

    def message(self, number: int) -> bytes:
        """One message as it travelled."""
        return bytes.fromhex(str(self.messages[number]["bytes"]))

    def ratchet(self, name: str) -> RatchetState:
        """The ratchet of a session state."""
        return self.states[name].ratchet


class Play:
    """Plays the conversation over a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._vault = StateVault({STORAGE_KEY_ID: STORAGE_KEY}, current=STORAGE_KEY_ID)
        with script.step("Alice's identity", "signing seed", "agreement key"):
            alice = IdentityKeyPair.generate()
        with script.step("Bob's identity", "signing seed", "agreement key"):
            bob = IdentityKeyPair.generate()
        items = [f"item {n}: {role}" for n in (1, 2) for role in ("prekey", "KEM seed")]
        with script.step("Bob's ring", "signed prekey", "last-resort seed", *items):
            self._ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=2)
        ring_at_first = self._ring._to_state()
        self.record = Record(alice, bob, ring_at_first, self._ring.next_bundle())

    def first_session(self) -> None:
        """Until the first secret is mixed and Bob has answered it."""
        record, script = self.record, self._script
        with script.step("Alice initiates", "EK_A", "ML-KEM-1024 m", "identity block nonce"):
            alice = self._initiate(record.bundle, NOW)
        record.states["alice, initiated"] = alice._state
        with script.step("message 0", "ratchet key", "ML-KEM-768 seed", _NONCE):
            first = self._send("alice", alice, b"hello Bob")
        record.states["alice, message 0 sent"] = alice._state
        with script.step("message 1", _NONCE):
            second = self._send("alice", alice, b"are you there?", data=DATA, padding=FixedBuckets((128, 1024)))
        self._seal("alice's session, unconfirmed", alice, ALICE, BOB)
        bob, _ = Session.accept(record.bob, self._ring, first, our_address=BOB, now=NOW)
        bob.decrypt(second, associated_data=DATA)
        record.states["bob, two received"] = bob._state
        with script.step("message 2", "ratchet key", _NONCE):
            reply = self._send("bob", bob, b"yes", padding=NoPadding())
        record.states["bob, message 2 sent"] = bob._state
        alice.decrypt(reply)
        self._exchange(alice, bob)
        self._seal("bob's session, answered", bob, BOB, ALICE)

    def second_session(self) -> None:
        """Without a one-time item."""
        record, script = self.record, self._script
        bundle = PrekeyBundle.from_parts(record.bundle.signed.encoded, None)
        with script.step("Alice initiates again", "EK_A", "ML-KEM-1024 m", "identity block nonce"):
            alice = self._initiate(bundle, NOW + 60)
        record.states["alice, second session"] = alice._state
        with script.step("message 28", "ratchet key", "ML-KEM-768 seed", _NONCE):
            first = self._send("alice", alice, b"")
        bob, _ = Session.accept(record.bob, self._ring, first, our_address=BOB, now=NOW + 60)
        record.states["bob, second session"] = bob._state
        self._seal("bob's ring", self._ring, BOB, b"")
        self._seal("alice's identity", record.alice, ALICE, b"")

    def _exchange(self, alice: Session, bob: Session) -> None:
        record, script = self.record, self._script
        for number in range(_CARRIED):
            with script.step(f"message {3 + number}", *([] if number else ["ratchet key"]), _NONCE):
                message = self._send("alice", alice, b"%d of 12" % (number + 1), arrives=number != _LOST)
            if number != _LOST:
                bob.decrypt(message)
        record.states["bob, has key"] = bob._state
        self._seal("bob's session, has key", bob, BOB, ALICE)
        for number in range(_CARRIED):
            opening = [] if number else ["ratchet key", "ML-KEM-768 m"]
            with script.step(f"message {15 + number}", *opening, _NONCE):
                message = self._send("bob", bob, b"%d of 12" % (number + 1))
            if number == 0:
                record.states["bob, answering"] = bob._state
            alice.decrypt(message)
        record.states["alice, ready"] = alice._state
        with script.step("message 27", "ratchet key", _NONCE):
            bob.decrypt(self._send("alice", alice, b"healed"))
        record.states["alice, mixed"] = alice._state
        record.states["bob, mixed"] = bob._state

    def _initiate(self, bundle: PrekeyBundle, now: int) -> Session:
        return Session.initiate(self.record.alice, bundle, our_address=ALICE, their_address=BOB, now=now)

    def _send(
        self,
        name: str,
        sender: Session,
        plaintext: bytes,
        *,
        data: bytes = b"",
        padding: PaddingPolicy | None = None,
        arrives: bool = True,
    ) -> bytes:
        message = sender.encrypt(plaintext, associated_data=data, padding=padding or Padme())
        self.record.messages.append(
            {
                "from": name,
                "plaintext": plaintext.hex(),
                "associated data": data.hex(),
                "arrives": arrives,
                "bytes": message.hex(),
            }
        )
        return message

    def _seal(self, name: str, value: Session | PrekeyRing | IdentityKeyPair, owner: bytes, peer: bytes) -> None:
        with self._script.step(f"seal: {name}", _NONCE):
            blob = self._vault.seal(value, owner=owner, peer=peer, generation=1)
        self.record.blobs[name] = (blob, owner, peer)
        self.record.contents[name] = value._to_state()
