# A tool beside the documents, not a package.
"""Every example of the specification by name, out of one record of the conversation.

Derived values are computed again from the draws, and must be those of the library's own states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import dissect
from conversation import ALICE, BOB, STORAGE_KEY, Record
from layout import Block, values

from ratchetlib import Fingerprint, FixedBuckets, NoPadding, Padme
from ratchetlib.handshake import prefix_hash, schedule
from ratchetlib.handshake.block import open_block
from ratchetlib.handshake.prefix import PREFIX_LENGTH, Prefix
from ratchetlib.identity import agree_as
from ratchetlib.keys import ChainKey, DhPrivateKey, KemSeed, MessageKey, StorageKey
from ratchetlib.labels import (
    HASH_FINGERPRINT,
    HASH_PQ_EXCHANGE,
    KDF_PQ_SECRET,
    KDF_ROOT_STEP,
    PERSON_CHAIN_STEP,
    PERSON_SEAL_BODY,
)
from ratchetlib.padding import pad
from ratchetlib.primitives import dh
from ratchetlib.primitives.kdf import NO_SALT, chain_step, hkdf, keyed_blake2b, sha512
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024
from ratchetlib.primitives.seal import seal
from ratchetlib.ratchet.header import open_header
from ratchetlib.ratchet.pq.states import Answering, Carrying, Ready
from ratchetlib.ratchet.root import root_step
from ratchetlib.session.message import split
from ratchetlib.state.blob import Blob
from ratchetlib.state.context import Context
from ratchetlib.wire import lp, u8, u32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import Script

    from ratchetlib.prekeys import OneTimeItem
    from ratchetlib.ratchet import Frame
    from ratchetlib.ratchet.chains import SendingChain
    from ratchetlib.ratchet.pq.states import Phase
    from ratchetlib.ratchet.root import RootStep

    Named = Iterator[tuple[str, Block]]

_MAX_PADDED: Final = 2**20
_PREFIX: Final = slice(2, 2 + PREFIX_LENGTH)
_SENT: Final = "alice, message 0 sent"
_HEADERS: Final = {
    "header": (0, _SENT),
    "header-idle": (2, "bob, message 2 sent"),
    "header-ciphertext": (15, "bob, answering"),
}


def blocks(script: Script, record: Record) -> dict[str, Block]:
    """All examples."""
    parts = (
        _primitives(),
        _identities(record),
        _prekeys(record),
        _handshakes(script, record),
        _root_steps(script, record),
        _headers(record),
        _post_quantum(record),
        _wire(record),
        _at_rest(record),
    )
    return {name: block for part in parts for name, block in part}


def _primitives() -> Named:
    key, nonce = bytes(range(32)), bytes(range(24))
    shown = {
        'HASH("label", "data")': sha512(b"label", b"data"),
        'HKDF(zeros(64), 00..1f, "label", "context", 32)': hkdf(
            salt=NO_SALT, secret=key, label=b"label", context=b"context", length=32
        ),
        'BLAKE(00..1f, "ratchetlib1chain", empty)': keyed_blake2b(key=key, person=PERSON_CHAIN_STEP, data=b""),
    }
    yield "functions", values(shown)
    sealed = seal(MessageKey(key), PERSON_SEAL_BODY, nonce, b"associated", b"plaintext")
    okm = keyed_blake2b(key=key, person=PERSON_SEAL_BODY, data=nonce + b"associated")
    shown = {
        "key": key,
        "nonce": nonce,
        "AD": b"associated",
        "plaintext": b"plaintext",
        "AEAD key": okm[:32],
        "commitment": sealed[:32],
        "ciphertext": sealed[32:-16],
        "tag": sealed[-16:],
    }
    yield "seal", values(shown)


def _identities(record: Record) -> Named:
    alice, bob = record.alice.public, record.bob.public
    yield "identity", dissect.identity(bob.to_bytes())
    fingerprint = Fingerprint.between(alice, ALICE, bob, BOB)
    first = sha512(HASH_FINGERPRINT, u8(1) + lp(ALICE) + alice.signing + alice.agreement)
    shown = {
        "Alice: first hash": first,
        "Alice: half": fingerprint.ours,
        "Bob: half": fingerprint.theirs,
        "Alice shows": fingerprint.to_bytes(),
        "digits": fingerprint.digits.encode(),
    }
    yield "fingerprint", values(shown)


def _prekeys(record: Record) -> Named:
    signed, item = record.bundle.signed, _item(record)
    yield "signed-bundle", dissect.signed_bundle(signed.encoded)
    yield "one-time-item", dissect.one_time_item(item.encoded)
    yield "prekey-ids", values({"bundle id": signed.bundle_id, "item id": item.item_id})
    yield "prekey-bundle", dissect.prekey_bundle(record.bundle.to_bytes())


def _item(record: Record) -> OneTimeItem:
    if record.bundle.one_time is None:
        raise RuntimeError("the first bundle has an item")
    return record.bundle.one_time


def _handshakes(script: Script, record: Record) -> Named:
    first, second = record.message(0)[_PREFIX], record.message(28)[_PREFIX]
    yield "prefix", dissect.prefix(first)
    yield from _handshake(script, record, ("", "Alice initiates"), first, _item(record))
    yield from _handshake(script, record, ("-without-item", "Alice initiates again"), second, None)


def _handshake(
    script: Script, record: Record, names: tuple[str, str], encoded: bytes, item: OneTimeItem | None
) -> Named:
    """The whole key schedule and the identity block, from the responder's side."""
    suffix, step = names
    prefix, agreements = Prefix.from_bytes(encoded), _agreements(script, record, encoded)
    dh1 = dh.agree(_bobs(script, "signed prekey"), record.alice.public.agreement)
    th0 = schedule.transcript_0(record.bundle.signed, item, prefix.ephemeral, prefix.ciphertext)
    block_key = schedule.block_key(th0, agreements)
    initiator, responder = schedule.Party(record.alice.public, ALICE), schedule.Party(record.bob.public, BOB)
    th1 = schedule.transcript_1(th0, prefix.sealed_block, initiator=initiator, responder=responder)
    secrets = schedule.session_secrets(th1, dh1, agreements)
    shown = {
        "EK_A private": script.drawn(step, "EK_A"),
        "DH1": dh1.raw,
        "DH2": agreements.dh2.raw,
        "DH3": agreements.dh3.raw,
        **({} if agreements.dh4 is None else {"DH4": agreements.dh4.raw}),
        "ss": agreements.kem.raw,
        "th0": th0,
        "block key": block_key.raw,
        "th1": th1,
        "root key": secrets.root_key.raw,
        "header key A to B": secrets.initiator_header_key.raw,
        "header key B to A": secrets.responder_header_key.raw,
        "session id": secrets.session_id,
        "prefix hash": prefix_hash(encoded),
    }
    yield f"handshake{suffix}", values(shown)
    if item is not None:
        yield "identity-block", dissect.identity_block(open_block(block_key, prefix.sealed_block).to_bytes())


def _agreements(script: Script, record: Record, encoded: bytes) -> schedule.Agreements:
    prefix = Prefix.from_bytes(encoded)
    seed = "last-resort seed" if prefix.item_id is None else "item 1: KEM seed"
    return schedule.Agreements(
        dh2=agree_as(record.bob, prefix.ephemeral),
        dh3=dh.agree(_bobs(script, "signed prekey"), prefix.ephemeral),
        dh4=None if prefix.item_id is None else dh.agree(_bobs(script, "item 1: prekey"), prefix.ephemeral),
        kem=ML_KEM_1024.decapsulate(KemSeed(script.drawn("Bob's ring", seed)), prefix.ciphertext),
    )


def _bobs(script: Script, role: str) -> DhPrivateKey:
    return DhPrivateKey(script.drawn("Bob's ring", role))


def _root_steps(script: Script, record: Record) -> Named:
    first, shown = _root_step(script, record, "message 0", ("alice, initiated", _SENT))
    yield "root-step", shown
    yield from _message_key(record, first.chain_key)
    _, shown = _root_step(script, record, "message 27", ("alice, ready", "alice, mixed"))
    yield "root-step-mixed", shown


def _root_step(script: Script, record: Record, drawn: str, states: tuple[str, str]) -> tuple[RootStep, Block]:
    """The root step of a send that opened a chain, between two states of its sender."""
    before, after = (record.ratchet(name) for name in states)
    private = DhPrivateKey(script.drawn(drawn, "ratchet key"))
    sender, receiver, epoch = dh.public_key(private), before.turn.peer_ratchet_key, after.pq.epoch
    pq_secret = before.pq.phase.secret if isinstance(before.pq.phase, Ready) else None
    secret = dh.agree(private, receiver)
    step = root_step(before.turn.root_key, secret, pq_secret, sender=sender, receiver=receiver, pq_epoch=epoch)
    _require_same(step.root_key.raw, after.turn.root_key.raw)
    _require_same(step.next_header_key.raw, after.turn.next_sending_key.raw)
    shown = {
        "old root key": before.turn.root_key.raw,
        "sender, private": private.raw,
        "sender": sender,
        "receiver": receiver,
        "DH": secret.raw,
        **({} if pq_secret is None else {"post-quantum secret": pq_secret.raw}),
        "info": lp(KDF_ROOT_STEP) + sender + receiver + u32(epoch) + u8(pq_secret is not None),
        "root key": step.root_key.raw,
        "chain key": step.chain_key.raw,
        "next header key": step.next_header_key.raw,
    }
    return step, values(shown)


def _message_key(record: Record, chain_key: ChainKey) -> Named:
    """The chain step and the body of message 0."""
    next_chain_key, message_key = chain_step(chain_key)
    _require_same(next_chain_key.raw, _sending(record, _SENT).chain_key.raw)
    keys = {"chain key": chain_key.raw, "next chain key": next_chain_key.raw, "message key": message_key.raw}
    yield "chain-step", values(keys)
    frame, binding = _frame(record, 0), record.states[_SENT].bindings.sending
    data = binding.body_data(frame.header, b"")
    okm = keyed_blake2b(key=message_key.raw, person=PERSON_SEAL_BODY, data=frame.nonce + data)
    _require_same(okm[32:], frame.body[:32])
    yield "body-data", dissect.body_data(data)
    shown = {
        "message key": message_key.raw,
        "nonce": frame.nonce,
        "AEAD key": okm[:32],
        "commitment": okm[32:],
        "padded plaintext": pad(b"hello Bob", Padme()),
        "ciphertext and tag": frame.body[32:],
    }
    yield "body", values(shown)


def _headers(record: Record) -> Named:
    yield "header-data", dissect.header_data(record.states[_SENT].bindings.sending.header)
    yield "header-data-ordinary", dissect.header_data(record.states["bob, message 2 sent"].bindings.sending.header)
    for name, (number, state) in _HEADERS.items():
        frame, key = _frame(record, number), _sending(record, state).header_key
        header = open_header(key, frame.nonce[:12], frame.header, record.states[state].bindings.sending.header)
        if header is None:
            raise RuntimeError("the header does not open")
        ratchet_key, previous, own, epoch, (kind, point, chunk) = header
        yield name, dissect.header(ratchet_key + u32(previous) + u32(own) + u32(epoch) + u8(kind) + u8(point) + chunk)
    keys = {
        "header key": _sending(record, _SENT).header_key.raw,
        "nonce": _frame(record, 0).nonce[:12],
        "sealed header": _frame(record, 0).header,
    }
    yield "header-sealed", values(keys)


def _sending(record: Record, name: str) -> SendingChain:
    chain = record.ratchet(name).sending
    if chain is None:
        raise RuntimeError("no sending chain is open")
    return chain


def _frame(record: Record, number: int) -> Frame:
    return split(record.message(number), _MAX_PADDED)[1]


def _post_quantum(record: Record) -> Named:
    owner, other = _phase(record, _SENT), _phase(record, "bob, answering")
    if not isinstance(owner, Carrying) or not isinstance(other, Answering):
        raise TypeError("the owner carries its key, the other side answers")
    key_stream, ciphertext_stream = owner.encoder.stream, other.encoder.stream
    yield "key-stream", dissect.stream(key_stream, "key", "hash of the key")
    yield "key-chunks", values({f"chunk {n}": owner.encoder.chunk(n) for n in (0, 12, 13, 63)})
    yield "ciphertext-stream", dissect.stream(ciphertext_stream, "ciphertext", "confirmation")
    yield "ciphertext-chunks", values({f"chunk {n}": other.encoder.chunk(n) for n in (0, 11, 12, 63)})
    ciphertext = ciphertext_stream[: ML_KEM_768.ciphertext_length]
    exchange = sha512(HASH_PQ_EXCHANGE, key_stream[: ML_KEM_768.public_key_length] + ciphertext)
    shown = {
        "seed": owner.seed.raw,
        "ss": ML_KEM_768.decapsulate(owner.seed, ciphertext).raw,
        "exchange hash": exchange,
        "info": lp(KDF_PQ_SECRET) + record.states[_SENT].facts.session_id + u32(1) + exchange,
        "secret": other.secret.raw,
        "confirmation": ciphertext_stream[-64:-32],
    }
    yield "pq-secret", values(shown)


def _phase(record: Record, name: str) -> Phase:
    return record.ratchet(name).pq.phase


def _wire(record: Record) -> Named:
    yield "initial-message", dissect.initial_message(record.message(0))
    yield "ordinary-message", dissect.ordinary_message(record.message(2))
    padded = {
        "Padmé, floor 64": pad(b"hello Bob", Padme()),
        "buckets 128, 1024": pad(b"are you there?", FixedBuckets((128, 1024))),
        "none": pad(b"yes", NoPadding()),
        "none, empty plaintext": pad(b"", NoPadding()),
    }
    yield "padding", values(padded)


def _at_rest(record: Record) -> Named:
    encoded, owner, peer = record.blobs["alice's identity"]
    yield "blob", dissect.blob(encoded)
    context, parsed = Context(1, owner, peer), Blob.from_bytes(encoded)
    record_key, tag = context.derive(StorageKey(STORAGE_KEY))
    shown = {
        "storage key": STORAGE_KEY,
        "record key": record_key.raw,
        "context tag": tag,
        "associated data": parsed.head.to_bytes() + context.names,
        "record name": context.record_name,
        "commitment": parsed.commitment,
    }
    yield "blob-keys", values(shown)
    yield "identity-content", dissect.identity_content(record.contents["alice's identity"])
    yield "ring-content", dissect.ring_content(record.contents["bob's ring"])
    yield "initiator-content", dissect.session_content(record.contents["alice's session, unconfirmed"])
    yield "responder-content", dissect.session_content(record.contents["bob's session, has key"])


def _require_same(ours: bytes, theirs: bytes) -> None:
    if ours != theirs:
        raise RuntimeError("a value derived here is not the library's")
