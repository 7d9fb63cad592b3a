# ruff: noqa: N806
# The specification's letters and names.
"""The contents of state at rest (docs/spec/state.md, "Contents"): what is compared, field by field."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from reference.bundle import MAX_BUNDLE_PART, OneTimeItem, SignedBundle
from reference.identity import MAX_ADDRESS, IdentityPair, unchecked
from reference.message import PREFIX
from reference.pq import ANSWERING, CARRYING, COLLECTING, HAS_KEY, IDLE, PQ, READY
from reference.ratchet import TO_RESPONDER, Figures, KeyPair, Ratchet, Receiving, Sending
from reference.ring import OwnBundle, OwnItem, Ring
from reference.session import Session, Unconfirmed
from reference.wire import LP, Reader, u8, u32, u64

WHOLE: Final = 64
"""Bytes of a value that is printed in full."""
MOST: Final = 30
"""Lines of a difference."""
TAMPERED: Final = "StateTampered"


# --- Session ------------------------------------------------------------------------------------------


def write_session(s: Session) -> bytes:
    r = s.ratchet
    content = u8(r.direction) + r.session_id + LP(s.our_address) + s.peer_identity.encoded + LP(s.peer_address)
    content += u64(s.created_at)
    if not r.initiator:
        content += s.prefix_hash
    elif s.unconfirmed is None:
        content += u8(0)
    else:
        content += u8(1) + u64(s.unconfirmed.not_after) + s.unconfirmed.prefix
    return content + write_ratchet(r)


def write_ratchet(r: Ratchet) -> bytes:
    content = r.RK + u8(r.sending is not None)
    if r.sending is not None:
        c = r.sending
        content += c.DHs.private + c.DHs.public + c.HKs + c.CKs + u32(c.Ns) + u32(c.pq_s)
    content += u32(r.PN) + r.NHKs + r.DHr + r.NHKr + write_pq(r.pq) + u8(len(r.chains))
    content += b"".join(write_chain(chain) for chain in r.chains)
    f = r.figures
    return content + u64(f.since_dh_step) + u64(f.since_pq_step) + u64(f.evicted) + u32(f.last_eviction)


def write_chain(c: Receiving) -> bytes:
    content = c.HKr + (u8(1) + c.CKr if c.CKr else u8(0)) + c.DHr
    content += u32(c.PN) + u32(c.pq_r) + u32(c.Nr) + u32(c.evicted_below) + u32(len(c.skipped))
    return content + b"".join(u32(n) + mk for n, mk in sorted(c.skipped.items()))


def write_pq(pq: PQ) -> bytes:
    """Everything that a phase does not hold is empty."""
    content = u32(pq.epoch) + u8(pq.index) + u8(pq.phase) + pq.seed + pq.secret + pq.key + pq.stream
    if pq.phase in {CARRYING, COLLECTING}:
        content += u8(len(pq.collected))
        content += b"".join(u8(index) + chunk for index, chunk in sorted(pq.collected.items()))
    return content


def read_session(content: bytes) -> Session:
    reader = Reader(content, TAMPERED)
    direction, session_id = reader.number(1), reader.take(32)
    our_address, peer = reader.prefixed(1, MAX_ADDRESS), unchecked(reader.take(128))
    peer_address, created_at = reader.prefixed(1, MAX_ADDRESS), reader.number(8)
    unconfirmed, prefix_hash = None, b""
    if direction != TO_RESPONDER:
        prefix_hash = reader.take(64)
    elif reader.flag():
        unconfirmed = Unconfirmed(reader.number(8), reader.take(PREFIX))
    ratchet = read_ratchet(reader, session_id, direction)
    reader.end()
    return Session(our_address, peer, peer_address, created_at, unconfirmed, prefix_hash, ratchet)


def read_ratchet(reader: Reader, session_id: bytes, direction: int) -> Ratchet:
    RK, sending = reader.take(32), None
    if reader.flag():
        DHs = KeyPair(reader.take(32), reader.take(32))
        sending = Sending(DHs, reader.take(32), reader.take(32), reader.number(4), reader.number(4))
    PN, NHKs, DHr, NHKr = reader.number(4), reader.take(32), reader.take(32), reader.take(32)
    pq = read_pq(reader, session_id)
    chains = [read_chain(reader) for _ in range(reader.number(1))]
    figures = Figures(reader.number(8), reader.number(8), reader.number(8), reader.number(4))
    receiving, closed = (chains[0], chains[1:]) if chains else (None, [])
    return Ratchet(session_id, direction, RK, NHKs, NHKr, DHr, pq, PN, sending, receiving, closed, figures)


def read_chain(reader: Reader) -> Receiving:
    HKr = reader.take(32)
    CKr = reader.take(32) if reader.flag() else b""
    chain = Receiving(HKr, CKr, reader.take(32), reader.number(4), reader.number(4), reader.number(4))
    chain.evicted_below = reader.number(4)
    for _ in range(reader.number(4)):
        n = reader.number(4)
        chain.skipped[n] = reader.take(32)
    return chain


def read_pq(reader: Reader, session_id: bytes) -> PQ:
    epoch, index, phase = reader.number(4), reader.number(1), reader.number(1)
    reader.require(phase <= ANSWERING)
    pq = PQ(session_id, epoch, phase, index)
    lengths: dict[int, dict[str, int]] = {
        IDLE: {},
        CARRYING: {"seed": 64, "stream": 1248},
        READY: {"secret": 32},
        COLLECTING: {},
        HAS_KEY: {"key": 1184},
        ANSWERING: {"secret": 32, "stream": 1152},
    }
    for name, length in lengths[phase].items():
        setattr(pq, name, reader.take(length))
    if phase in {CARRYING, COLLECTING}:
        for _ in range(reader.number(1)):
            at = reader.number(1)
            pq.collected[at] = reader.take(96)
    return pq


# --- Identity and ring --------------------------------------------------------------------------------


def write_identity(pair: IdentityPair) -> bytes:
    return pair.signing_seed + pair.agreement_key


def read_identity(content: bytes) -> IdentityPair:
    return IdentityPair(content[:32], content[32:64])


def write_ring(ring: Ring) -> bytes:
    content = write_identity(ring.identity) + LP(ring.address) + u64(ring.epoch) + u32(len(ring.bundles))
    for b in ring.bundles:
        content += LP(b.public.encoded) + b.prekey + b.last_resort_seed
        content += u32(len(b.remembered)) + b"".join(sorted(b.remembered))
    parts = [LP(i.public.encoded) + i.prekey + i.kem_seed + u8(i.handed_out) for i in ring.items]
    return content + u32(len(parts)) + b"".join(parts)


def read_ring(content: bytes) -> Ring:
    reader = Reader(content, TAMPERED)
    identity = read_identity(reader.take(64))
    ring = Ring(identity, reader.prefixed(1, MAX_ADDRESS), reader.number(8))
    for _ in range(reader.number(4)):
        public = SignedBundle.parse(reader.prefixed(0, MAX_BUNDLE_PART))
        bundle = OwnBundle(public, reader.take(32), reader.take(64))
        bundle.remembered = {reader.take(32) for _ in range(reader.number(4))}
        ring.bundles.append(bundle)
    for _ in range(reader.number(4)):
        item = OneTimeItem.parse(reader.prefixed(0, MAX_BUNDLE_PART))
        ring.items.append(OwnItem(item, reader.take(32), reader.take(64), reader.flag()))
    reader.end()
    return ring


# --- Differences --------------------------------------------------------------------------------------


def fields(value: Any, name: str = "") -> dict[str, Any]:
    """Every field below a value, by its path."""
    if hasattr(value, "__dataclass_fields__"):
        parts = {key: getattr(value, key) for key in value.__dataclass_fields__}
    elif hasattr(value, "_asdict"):
        parts = value._asdict()
    elif isinstance(value, dict):
        parts = {f"[{key}]": value[key] for key in sorted(value)}
    elif isinstance(value, list | tuple):
        parts = {f"[{at}]": part for at, part in enumerate(value)}
    elif isinstance(value, set):
        parts = {f"[{part.hex()}]": True for part in sorted(value)}
    else:
        return {name: value}
    below: dict[str, Any] = {}
    for key, part in parts.items():
        below |= fields(part, f"{name}{key}" if key.startswith("[") or not name else f"{name}.{key}")
    return below


def differences(real: Any, reference: Any) -> list[str]:
    """What is not equal, one field a line."""
    ours, theirs = fields(real), fields(reference)
    names = [name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name, "") != theirs.get(name, "")]
    lines = [f"{name}: {told(ours.get(name, 'absent'), theirs.get(name, 'absent'))}" for name in names]
    return lines[:MOST] + ([f"... and {len(lines) - MOST} more"] if len(lines) > MOST else [])


def told(real: Any, reference: Any) -> str:
    """Two values that differ, in a form to print."""
    return f"real {_short(real)}, reference {_short(reference)}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_short(part) for part in value)}]"
    if not isinstance(value, bytes):
        return str(value)
    if len(value) <= WHOLE:
        return value.hex() or "empty"
    return f"{value[:16].hex()} … {value[-8:].hex()} ({len(value)} bytes, SHA-256 {sha256(value).hexdigest()[:16]})"
