"""The events of the vectors: what happens to two devices, in the reference's world."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reference.bundle import MAX_BUNDLE_LIFETIME, Demands, PrekeyBundle
from reference.cases import Case, Stated, agree
from reference.functions import policy_of
from reference.identity import Identity, IdentityPair
from reference.message import MAX_PLAINTEXT
from reference.primitives import NoDraws
from reference.refusal import Refusal
from reference.ring import Ring
from reference.session import Session
from reference.state import read_ring, read_session, write_ring, write_session
from reference.wire import u32, zeros

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.primitives import Draws

Outputs = dict[str, Any]
OF_THE_PLATFORM: Final = {"fork", "concur"}
"""A forked process and a second thread: the reference knows neither, as the vectors' README allows."""


@dataclass
class World:
    """Everything in it has a name."""

    devices: dict[str, tuple[IdentityPair, bytes]] = field(default_factory=dict)
    rings: dict[str, Ring] = field(default_factory=dict)
    bundles: dict[str, PrekeyBundle] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    messages: dict[str, bytes] = field(default_factory=dict)
    saved: dict[str, bytes] = field(default_factory=dict)

    def play(self, event: dict[str, Any]) -> None:
        """One event: its outputs, or its refusal after which nothing at all has changed."""
        c = Case(event)
        if c["op"] in OF_THE_PLATFORM:
            return
        before = self.standing()
        draws: Draws = Stated(c["draws"]) if "draws" in c else NoDraws()
        try:
            outputs = EVENTS[c["op"]](self, c, draws)
        except Refusal as refusal:
            c.expect_refusal(refusal)
            agree(self.standing() == before, stated=True)
        else:
            agree("", event.get("error", ""))
            agree(draws.draws if isinstance(draws, Stated) else [], [])
            c.expect(outputs)

    def standing(self) -> list[bytes]:
        return [*map(write_ring, self.rings.values()), *map(write_session, self.sessions.values())]

    def message(self, c: Case) -> bytes:
        data = c.hex("bytes") if "bytes" in c else self.messages[c["of"]]
        for edit in c.get("edits", []):
            data = EDITS[edit["edit"]](self, data, Case(edit))
        return data

    def session_state(self, who: str) -> Outputs:
        return {"state": hashlib.sha256(write_session(self.sessions[who])).digest()}

    def ring_state(self, who: str, name: str = "state") -> Outputs:
        return {name: hashlib.sha256(write_ring(self.rings[who])).digest()}


# --- Devices and rings --------------------------------------------------------------------------------


def identity(w: World, c: Case, draws: Draws) -> Outputs:
    pair = IdentityPair.generate(draws)
    w.devices[c["who"]] = pair, c.hex("address")
    return {"public": pair.public.encoded}


def ring(w: World, c: Case, draws: Draws) -> Outputs:
    who = c["who"]
    w.rings[who] = Ring.generate(
        *w.devices[who],
        c.number("now"),
        draws,
        one_time=c["items"],
        lifetime=c.number("lifetime", MAX_BUNDLE_LIFETIME),
        epoch=c.number("epoch", 1),
    )
    return w.ring_state(who)


def rotate(w: World, c: Case, draws: Draws) -> Outputs:
    w.rings[c["who"]].rotate(c.number("now"), draws)
    return w.ring_state(c["who"])


def replenish(w: World, c: Case, draws: Draws) -> Outputs:
    w.rings[c["who"]].replenish(c["count"], draws)
    return w.ring_state(c["who"])


def retire(w: World, c: Case, _: Draws) -> Outputs:
    w.rings[c["who"]].retire(c.number("now"))
    return w.ring_state(c["who"])


def revoke(w: World, c: Case, _: Draws) -> Outputs:
    bundle = w.bundles[c["bundle"]]
    item = None if c.get("signed", False) else bundle.item
    w.rings[c["who"]].revoke(item.id if item else bundle.signed.id)
    return w.ring_state(c["who"])


def remember(w: World, c: Case, _: Draws) -> Outputs:
    w.rings[c["who"]].bundles[-1].remembered = {hashlib.sha256(u32(n)).digest() for n in range(c["count"])}
    return w.ring_state(c["who"])


def save_ring(w: World, c: Case, _: Draws) -> Outputs:
    w.saved[f"ring {c['slot']}"] = write_ring(w.rings[c["who"]])
    return w.ring_state(c["who"])


def restore_ring(w: World, c: Case, _: Draws) -> Outputs:
    w.rings[c["who"]] = read_ring(w.saved[f"ring {c['slot']}"])
    return w.ring_state(c["who"])


def hand_out(w: World, c: Case, _: Draws) -> Outputs:
    w.bundles[c["id"]] = bundle = w.rings[c["who"]].next_bundle()
    return {"bundle": bundle.encoded}


# --- Sessions -----------------------------------------------------------------------------------------


def initiate(w: World, c: Case, draws: Draws) -> Outputs:
    pair, address = w.devices[c["device"]]
    session = Session.initiate(
        pair,
        w.bundles[c["bundle"]],
        address,
        w.devices[c["peer"]][1],
        c.number("now"),
        draws,
        Demands(_pinned(w, c, "expected"), c.number("minimum_epoch"), c.get("require_one_time", False)),
    )
    w.sessions[c["who"]] = session
    return {"session_id": session.ratchet.session_id, **w.session_state(c["who"])}


def accept(w: World, c: Case, _: Draws) -> Outputs:
    device = c["device"]
    pair, address = w.devices[device]
    known = _pinned(w, c, "known")
    session, plaintext = Session.accept(
        pair,
        w.rings[device],
        w.message(c),
        address,
        c.number("now"),
        c.hex("ad"),
        known_identity=lambda _: known,
    )
    w.sessions[c["who"]] = session
    return {
        "plaintext": plaintext,
        "session_id": session.ratchet.session_id,
        "peer": session.peer_address,
        "created_at": session.created_at,
        **w.ring_state(device, "ring"),
        **w.session_state(c["who"]),
    }


def send(w: World, c: Case, draws: Draws) -> Outputs:
    long = "zeros" in c
    message = w.sessions[c["who"]].encrypt(
        zeros(c["zeros"]) if long else c.hex("plaintext"),
        _associated(c),
        draws,
        padding=policy_of(c),
        now=c.number("now") if "now" in c else None,
        max_plaintext=c.number("max_plaintext", MAX_PLAINTEXT),
    )
    w.messages[c["id"]] = message
    shown = {"message_sha256": hashlib.sha256(message).digest()} if long else {"message": message}
    return shown | w.session_state(c["who"])


class _Anything:
    """For messages that nobody sees: nothing depends on their nonces."""

    def draw(self, n: int) -> bytes:
        agree(n, 24)
        return zeros(n)

    def encapsulate(self, parameter_set: str, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        raise LookupError(f"{parameter_set} to {len(encapsulation_key)} bytes: an open chain makes nothing")


def lose(w: World, c: Case, _: Draws) -> Outputs:
    for _lost in range(c["count"]):
        w.sessions[c["who"]].encrypt(b"", b"", _Anything())
    return w.session_state(c["who"])


def deliver(w: World, c: Case, _: Draws) -> Outputs:
    plaintext = w.sessions[c["who"]].decrypt(
        w.message(c), _associated(c), max_plaintext=c.number("max_plaintext", MAX_PLAINTEXT)
    )
    if not c.get("long", False):
        return {"plaintext": plaintext, **w.session_state(c["who"])}
    agree(plaintext, zeros(len(plaintext)))
    return {"plaintext_zeros": len(plaintext), **w.session_state(c["who"])}


def recognise(w: World, c: Case, _: Draws) -> Outputs:
    return {"recognised": w.sessions[c["who"]].recognises(w.message(c))}


def settle(w: World, c: Case, _: Draws) -> Outputs:
    w.sessions[c["who"]].settle(w.rings[c["device"]], w.message(c))
    return w.ring_state(c["device"], "ring")


def save(w: World, c: Case, _: Draws) -> Outputs:
    w.saved[c["slot"]] = write_session(w.sessions[c["who"]])
    return w.session_state(c["who"])


def restore(w: World, c: Case, _: Draws) -> Outputs:
    w.sessions[c["who"]] = read_session(w.saved[c["slot"]])
    return w.session_state(c["who"])


def load(w: World, c: Case, _: Draws) -> Outputs:
    w.sessions[c["who"]] = read_session(c.hex("content"))
    return w.session_state(c["who"])


def forget(w: World, c: Case, _: Draws) -> Outputs:
    return {"forgotten": w.sessions[c["who"]].forget_skipped(), **w.session_state(c["who"])}


def expect(w: World, c: Case, _: Draws) -> Outputs:
    session = w.sessions[c["who"]]
    r, f = session.ratchet, session.ratchet.figures
    health = {
        "confirmed": session.unconfirmed is None,
        "messages_since_dh_step": f.since_dh_step,
        "dh_overdue": f.since_dh_step >= 50,
        "pq_epoch": r.pq.epoch,
        "messages_since_pq_step": f.since_pq_step,
        "pq_overdue": f.since_pq_step >= 500,
        "skipped_stored": r.stored,
        "skipped_evicted": f.evicted,
        "last_eviction": f.last_eviction,
    }
    return {"health": health, "skipped": [_runs(sorted(chain.skipped)) for chain in r.chains]}


# --- Common -------------------------------------------------------------------------------------------


def _pinned(w: World, c: Case, name: str) -> Identity | None:
    return w.devices[c[name]][0].public if name in c else None


def _associated(c: Case) -> bytes:
    return zeros(c["ad_zeros"]) if "ad_zeros" in c else c.hex("ad")


def _runs(numbers: list[int]) -> list[list[int]]:
    firsts = [n for n in numbers if n - 1 not in numbers]
    lasts = [n for n in numbers if n + 1 not in numbers]
    return [list(run) for run in zip(firsts, lasts, strict=True)]


def _xor(_: World, data: bytes, e: Case) -> bytes:
    at, mask = e["at"], e.hex("hex")
    changed = bytes(a ^ b for a, b in zip(data[at : at + len(mask)], mask, strict=True))
    return data[:at] + changed + data[at + len(mask) :]


def _replace(_: World, data: bytes, e: Case) -> bytes:
    return data[: e["at"]] + e.hex("hex") + data[e["at"] + len(e.hex("hex")) :]


def _insert(_: World, data: bytes, e: Case) -> bytes:
    return data[: e["at"]] + e.hex("hex") + data[e["at"] :]


def _remove(_: World, data: bytes, e: Case) -> bytes:
    return data[: e["at"]] + data[e["end"] :]


def _copy(w: World, data: bytes, e: Case) -> bytes:
    return data[: e["at"]] + w.messages[e["from"]][e["at"] : e["end"]] + data[e["end"] :]


EDITS: Final = {"xor": _xor, "replace": _replace, "insert": _insert, "remove": _remove, "copy": _copy}
EVENTS: Final[dict[str, Callable[[World, Case, Draws], Outputs]]] = {
    event.__name__: event
    for event in (
        *(identity, ring, rotate, replenish, retire, revoke, remember, save_ring, restore_ring, hand_out),
        *(initiate, accept, send, lose, deliver, recognise, settle, save, restore, load, forget, expect),
    )
}
