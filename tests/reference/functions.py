# ruff: noqa: N806
# The specification's letters and names.
"""The functions of the vectors, by the type of their group: the outputs of a case from its inputs."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from reference import erasure, handshake, padding, pq, primitives, ratchet, state
from reference.bundle import (
    Demands,
    OneTimeItem,
    PrekeyBundle,
    SignedBundle,
    check_bundle,
    join,
    make_one_time_item,
    make_signed_bundle,
)
from reference.caller import check_address
from reference.cases import Given, complemented, encapsulated
from reference.cases import agree as equal
from reference.identity import Identity, IdentityPair, compare_fingerprint, fingerprint_digits, fingerprint_half
from reference.message import Message
from reference.primitives import (
    BLAKE,
    DH,
    HASH,
    HKDF,
    SEAL,
    SIGN,
    check_kem,
    check_x25519,
    decapsulate,
    kem_public,
    open_aead,
    open_seal,
    x25519_public,
)
from reference.refusal import Refusal, require
from reference.session import Session
from reference.wire import LP, Reader, u8, u32, zeros

if TYPE_CHECKING:
    from collections.abc import Callable

from reference.cases import Case

Outputs = dict[str, Any]


# --- kdf_chain.json, labels.json ----------------------------------------------------------------------


def chain_step(c: Case) -> Outputs:
    CK, mk = c.hex("chain_key"), b""
    for _ in range(c["steps"]):
        CK, mk = ratchet.CHAIN(CK)
    return {"next_chain_key": CK, "message_key": mk}


def root_step(c: Case) -> Outputs:
    s = c.hex("pq_secret") if "pq_secret" in c else None
    RK, CK, NHK = ratchet.ROOT(
        c.hex("root_key"), c.hex("dh"), s, c.hex("sender"), c.hex("receiver"), c.number("pq_epoch")
    )
    return {"next_root_key": RK, "chain_key": CK, "next_header_key": NHK}


def label(c: Case) -> Outputs:
    name, data = c["name"], c.hex("data")
    label = REGISTRY[name]
    output = {
        "SIGN": lambda: SIGN(c.hex("key"), label, data),
        "HASH": lambda: HASH(label, data),
        "KDF": lambda: HKDF(c.hex("salt"), c.hex("key"), label, data, c["length"]),
        "AD": lambda: LP(label) + data,
        "PERSON": lambda: BLAKE(c.hex("key"), label, data),
    }[name.split("_")[0]]()
    return {"label": label, "output": output}


# --- dh_policy.json, kem_policy.json, signatures.json -------------------------------------------------


def agree(c: Case) -> Outputs:
    check_x25519(c.hex("public"))
    return {"own_public": x25519_public(c.hex("private")), "shared": DH(c.hex("private"), c.hex("public"))}


def kem(c: Case) -> Outputs:
    kind, seed, ciphertext = c["kem"], c.hex("seed"), c.hex("ciphertext")
    require(len(ciphertext) == {"ML-KEM-768": 1088, "ML-KEM-1024": 1568}[kind], "MalformedMessage")
    return {
        "public": kem_public(kind, seed),
        "secret": decapsulate(kind, seed, ciphertext),
        "rejected": decapsulate(kind, seed, complemented(ciphertext)),
    }


def kem_key(c: Case) -> Outputs:
    check_kem(c["kem"], c.hex("public"))
    return {}


def sign(c: Case) -> Outputs:
    seed = c.hex("seed")
    return {
        "public": primitives.ed25519_public(seed),
        "signature": SIGN(seed, REGISTRY[c["label"]], c.hex("data")),
    }


def identity_of(c: Case) -> Outputs:
    return {"encoded": _pair(c, "").public.encoded}


def identity(c: Case) -> Outputs:
    parsed = Identity.parse(c.hex("encoded"))
    return {"signing": parsed.signing_key, "agreement": parsed.agreement_key, "signature": parsed.signature}


def fingerprint(c: Case) -> Outputs:
    check_address(c.hex("our_address"))
    check_address(c.hex("their_address"))
    halves = [
        fingerprint_half(Identity.parse(c.hex(f"{who}_identity")), c.hex(f"{who}_address")) for who in ("our", "their")
    ]
    if "scanned" in c:
        compare_fingerprint(c.hex("scanned"), *halves)
        return {}
    scannable = u8(1) + halves[0] + halves[1]
    return {
        "ours": halves[0],
        "theirs": halves[1],
        "scannable": scannable,
        "digits": fingerprint_digits(*halves),
    }


# --- bundles.json -------------------------------------------------------------------------------------


def signed_bundle_of(c: Case) -> Outputs:
    encoded = make_signed_bundle(
        c.hex("signing_seed"),
        c.hex("address"),
        _pair(c, "").public,
        c.number("epoch"),
        (c.number("not_before"), c.number("not_after")),
        c.hex("signed_prekey"),
        c.hex("last_resort_key"),
    )
    return {"encoded": encoded, "bundle_id": SignedBundle.parse(encoded).id}


def one_time_item_of(c: Case) -> Outputs:
    encoded = make_one_time_item(
        c.hex("signing_seed"), c.hex("address"), c.number("epoch"), c.hex("prekey"), c.hex("kem_key")
    )
    return {"encoded": encoded, "item_id": OneTimeItem.parse(encoded).id}


def signed_bundle(c: Case) -> Outputs:
    b = SignedBundle.parse(c.hex("encoded"))
    return {
        "bundle_id": b.id,
        "address": b.address,
        "signed_prekey": b.prekey,
        "highest_version": b.highest,
        "epoch": b.epoch,
        "not_before": b.not_before,
        "not_after": b.not_after,
    }


def one_time_item(c: Case) -> Outputs:
    item = OneTimeItem.parse(c.hex("encoded"))
    item.signed_by(Identity.parse(c.hex("identity")))
    return {"item_id": item.id, "address": item.address, "prekey": item.prekey, "epoch": item.epoch}


def prekey_bundle(c: Case) -> Outputs:
    encoded = c.hex("encoded")
    b = PrekeyBundle.parse(encoded)
    return {"bundle_id": b.signed.id, "item_id": b.item.id if b.item else b"", "same": b.encoded == encoded}


def policy(c: Case) -> Outputs:
    check_bundle(
        PrekeyBundle.parse(c.hex("encoded")),
        Identity.parse(c.hex("ours")),
        c.hex("their_address"),
        c.number("now"),
        Demands(
            Identity.parse(c.hex("expected")) if "expected" in c else None,
            c.number("minimum_epoch"),
            c.get("require_one_time", False),
        ),
    )
    return {}


# --- wire.json, header_enc.json, seal.json, padding.json ----------------------------------------------


def message(c: Case) -> Outputs:
    data = c.hex("message")
    m = Message.split(data, c.number("max_padded"))
    return {
        "type": m.type,
        "prefix": m.prefix,
        "nonce": m.nonce,
        "sealed_header": m.sealed_header,
        "body": m.body,
        "same": m.encoded == data,
    }


def prefix(c: Case) -> Outputs:
    encoded = c.hex("encoded")
    p = handshake.Prefix.parse(encoded)
    return {
        "bundle_id": p.bundle_id,
        "item_id": p.item_id or b"",
        "ephemeral": p.EK_A,
        "ciphertext": p.ct,
        "sealed_block": p.sealed_block,
        "hash": handshake.prefix_hash(encoded),
        "same": p.encoded == encoded,
    }


def identity_block_of(c: Case) -> Outputs:
    block = handshake.Block(Identity.parse(c.hex("identity")), c.hex("address"), c.number("created_at"))
    return {"encoded": block.encoded}


def identity_block(c: Case) -> Outputs:
    encoded = c.hex("encoded")
    b = handshake.Block.parse(encoded)
    return {
        "identity": b.identity.encoded,
        "address": b.address,
        "created_at": b.created_at,
        "highest_version": b.highest,
        "same": b.encoded == encoded,
    }


def seal_header(c: Case) -> Outputs:
    chunk = pq.Chunk(c["chunk_kind"], c["chunk_index"], c.hex("chunk"))
    header = ratchet.Header(
        c.hex("ratchet_key"), c.number("previous_length"), c.number("number"), c.number("pq_epoch"), chunk
    )
    data = _header_data(c)
    sealed = primitives.AEAD(c.hex("key"), c.hex("nonce"), data, header.encoded)
    body_data = ratchet.body_data(c.hex("session_id"), c["direction"], sealed, c.hex("ad"))
    return {"header": header.encoded, "header_ad": data, "sealed": sealed, "body_ad": body_data}


def try_headers(c: Case) -> Outputs:
    data, nonce, keys = _header_data(c), c.hex("nonce"), [bytes.fromhex(key) for key in c["keys"]]
    opened_by, headers = [], []
    for sealed in c["sealed"]:
        trials = [open_aead(key, nonce, data, bytes.fromhex(sealed)) for key in keys]
        found = [(at, opened) for at, opened in enumerate(trials) if opened is not None]
        require(found, "AuthenticationError")
        opened_by.append(found[0][0])
        headers.append(found[0][1].hex())
    return {"opened_by": opened_by, "headers": headers}


def seal(c: Case) -> Outputs:
    sealed = SEAL(c.hex("key"), REGISTRY[c["person"]], c.hex("nonce"), c.hex("ad"), c.hex("plaintext"))
    return {"commitment": sealed[:32], "ciphertext": sealed[32:]}


def unseal(c: Case) -> Outputs:
    opened = open_seal(c.hex("key"), REGISTRY[c["person"]], c.hex("nonce"), c.hex("ad"), c.hex("sealed"))
    if opened is None:
        raise Refusal("AuthenticationError")
    return {"plaintext": opened}


def pad(c: Case) -> Outputs:
    plaintext = c.hex("plaintext")
    return {"padded": padding.pad(plaintext, policy_of(c)(len(plaintext) + 1))}


def padded_lengths(c: Case) -> Outputs:
    p = policy_of(c)
    return {"padded_lengths": [p(length + 1) for length in c["lengths"]]}


def unpad(c: Case) -> Outputs:
    return {"plaintext": padding.unpad(c.hex("padded"))}


def policy_of(c: Case) -> Callable[[int], int]:
    """Padding policies."""
    floor, sizes = c.get("floor", padding.PADME_FLOOR), tuple(c.get("buckets", ()))
    kind = c.get("padding", "padme")
    if kind == "padme":
        return padding.padme(floor)
    return padding.buckets(sizes) if kind == "buckets" else padding.no_padding


# --- erasure.json, pq_epochs.json ---------------------------------------------------------------------


def erasure_encode(c: Case) -> Outputs:
    stream = c.hex("stream")
    good = len(stream) == STREAM[c["code"]] and all(0 <= index < pq.MAX_CHUNKS for index in c["indices"])
    require(good, "UsageError")
    return {"chunks": [erasure.chunk(stream, index).hex() for index in c["indices"]]}


def erasure_decode(c: Case) -> Outputs:
    return {"stream": erasure.decode(_chunks(c))}


def pq_offer(c: Case) -> Outputs:
    seed = c.hex("seed")
    key = kem_public(pq.KEM, seed)
    return {"key": key, "stream": pq.key_stream(key), "rejected": decapsulate(pq.KEM, seed, zeros(1088))}


def pq_answer(c: Case) -> Outputs:
    seed, ciphertext = c.hex("seed"), c.hex("ciphertext")
    key = kem_public(pq.KEM, seed)
    machine = pq.PQ(c.hex("session_id"), c.number("epoch") - 1, pq.HAS_KEY, key=key)
    ss = encapsulated(c.hex("m"), key)
    equal(decapsulate(pq.KEM, seed, ciphertext), ss)
    machine.OPENS_CHAIN(Given(m=c.hex("m"), ciphertext=ciphertext))
    return {
        "kem_secret": ss,
        "rejected": decapsulate(pq.KEM, seed, complemented(ciphertext)),
        "secret": machine.secret,
        "stream": machine.stream,
    }


def pq_read_key(c: Case) -> Outputs:
    machine = pq.PQ(b"", 0, pq.COLLECTING, collected=_chunks(c))
    machine.read_key()
    return {"dropped": machine.phase == pq.COLLECTING, "key": machine.key}


def pq_read_answer(c: Case) -> Outputs:
    seed = c.hex("seed")
    stream = pq.key_stream(kem_public(pq.KEM, seed))
    machine = pq.PQ(
        c.hex("session_id"), c.number("epoch") - 1, pq.CARRYING, seed=seed, stream=stream, collected=_chunks(c)
    )
    machine.read_ciphertext()
    return {
        "dropped": machine.phase == pq.CARRYING,
        "secret": machine.secret,
        "rejected": decapsulate(pq.KEM, seed, zeros(1088)),
    }


def pq_move(c: Case) -> Outputs:
    machine = state.read_pq(Reader(c.hex("before")), c.hex("session_id", zeros(32)))
    outputs = PQ_EVENTS[c["event"]](machine, c, c["initiator"])
    return {"after": state.write_pq(machine), **outputs}


def _opens_chain(machine: pq.PQ, c: Case, _initiator: bool) -> Outputs:  # noqa: FBT001
    drawn = [c.hex("seed")] if "seed" in c else []
    s = machine.OPENS_CHAIN(Given(*drawn, m=c.hex("m"), ciphertext=c.hex("ciphertext")))
    return {"secret": s or b""}


def _sends(machine: pq.PQ, _c: Case, _initiator: bool) -> Outputs:  # noqa: FBT001
    chunk = machine.NEXT_CHUNK()
    return {"kind": chunk.kind, "index": chunk.index, "chunk": chunk.data}


def _receives(machine: pq.PQ, c: Case, initiator: bool) -> Outputs:  # noqa: FBT001
    chunk = pq.Chunk(c["chunk_kind"], c["chunk_index"], c.hex("chunk_data"))
    header = ratchet.Header(zeros(32), 0, 0, c.number("pq_epoch"), chunk)
    ratchet.allow(header, machine, sender_is_initiator=not initiator)
    machine.ABSORB(header.pq_epoch, chunk)
    return {}


def _next_chain(machine: pq.PQ, c: Case, _initiator: bool) -> Outputs:  # noqa: FBT001
    return {"secret": machine.JOIN_EPOCH(c.number("pq_epoch")) or b""}


# --- handshake.json, accumulated.json -----------------------------------------------------------------


def whole_handshake(c: Case) -> Outputs:
    alice, bob = _pair(c, "initiator_"), _pair(c, "responder_")
    bundle = _published(c, bob)
    item_private = c.hex("one_time_key")
    EK, ct, spk = c.hex("ephemeral_key"), c.hex("ciphertext"), c.hex("signed_prekey")
    prekey = bundle.signed.prekey
    kem_seed = c.hex("one_time_seed") if bundle.item else c.hex("last_resort_seed")
    ss = decapsulate("ML-KEM-1024", kem_seed, ct)
    a = handshake.Agreements(
        DH(alice.agreement_key, prekey),
        DH(EK, bob.public.agreement_key),
        DH(EK, prekey),
        DH(EK, bundle.item.prekey) if bundle.item else b"",
        ss,
    )
    EK_A = x25519_public(EK)
    th0 = handshake.transcript_0(bundle, EK_A, ct)
    key = handshake.block_key(th0, a)
    addresses = c.hex("initiator_address"), c.hex("responder_address")
    block = handshake.Block(alice.public, addresses[0], c.number("now"))
    sealed = handshake.seal_block(key, c.hex("block_nonce"), block)
    th1 = handshake.transcript_1(th0, sealed, (alice.public, bob.public), addresses)
    s = handshake.session_secrets(th1, a)
    draws = Given(EK, c.hex("block_nonce"), m=c.hex("kem_m"), ciphertext=ct)
    session = Session.initiate(alice, bundle, *addresses, c.number("now"), draws, Demands())
    equal(session.ratchet.RK, s.root_key)
    equal(DH(spk, EK_A), a.DH3)
    equal(DH(item_private, EK_A) if item_private else b"", a.DH4)
    outputs = {
        "bundle": bundle.encoded,
        "bundle_id": bundle.signed.id,
        "item_id": bundle.item.id if bundle.item else b"",
        "dh1": a.DH1,
        "dh2": a.DH2,
        "dh3": a.DH3,
        "dh4": a.DH4,
        "kem_secret": ss,
        "last_resort_rejected": decapsulate("ML-KEM-1024", c.hex("last_resort_seed"), complemented(ct)),
        "one_time_rejected": decapsulate("ML-KEM-1024", kem_seed, complemented(ct)),
        "th0": th0,
        "block_key": key,
        "block": block.encoded,
        "th1": th1,
        "root_key": s.root_key,
        "initiator_header_key": s.header_key_a_to_b,
        "responder_header_key": s.header_key_b_to_a,
        "session_id": s.session_id,
    }
    return outputs | _first_message(c, session, s)


def _first_message(c: Case, session: Session, s: handshake.Secrets) -> Outputs:
    encoded_prefix = session.unconfirmed.prefix if session.unconfirmed else b""
    hashed = handshake.prefix_hash(encoded_prefix)
    DHr, plaintext = session.ratchet.DHr, c.hex("plaintext")
    dh = DH(c.hex("ratchet_key"), DHr)
    RK, CK, NHK = ratchet.ROOT(s.root_key, dh, None, x25519_public(c.hex("ratchet_key")), DHr, 0)
    draws = Given(c.hex("ratchet_key"), c.hex("kem768_seed"), c.hex("nonce"))
    encoded = session.encrypt(plaintext, c.hex("ad"), draws)
    m = Message.split(encoded, 2**30)
    header_data = ratchet.header_data(s.session_id, ratchet.TO_RESPONDER, hashed)
    return {
        "prefix": encoded_prefix,
        "prefix_hash": hashed,
        "ratchet_dh": dh,
        "next_root_key": RK,
        "chain_key": CK,
        "next_header_key": NHK,
        "message_key": ratchet.CHAIN(CK)[1],
        "header": open_aead(s.header_key_a_to_b, m.nonce[:12], header_data, m.sealed_header) or b"",
        "header_ad": header_data,
        "body_ad": ratchet.body_data(s.session_id, ratchet.TO_RESPONDER, m.sealed_header, c.hex("ad")),
        "padded": padding.pad(plaintext, padding.padme()(len(plaintext) + 1)),
        "message": encoded,
        "state": state.write_session(session),
    }


def _published(c: Case, bob: IdentityPair) -> PrekeyBundle:
    address, epoch = c.hex("responder_address"), c.number("epoch")
    signed = make_signed_bundle(
        bob.signing_seed,
        address,
        bob.public,
        epoch,
        (c.number("not_before"), c.number("not_after")),
        x25519_public(c.hex("signed_prekey")),
        kem_public("ML-KEM-1024", c.hex("last_resort_seed")),
    )
    if "one_time_key" not in c:
        return join(SignedBundle.parse(signed), None)
    keys = x25519_public(c.hex("one_time_key")), kem_public("ML-KEM-1024", c.hex("one_time_seed"))
    item = make_one_time_item(bob.signing_seed, address, epoch, *keys)
    return join(SignedBundle.parse(signed), OneTimeItem.parse(item))


def accumulated(c: Case) -> Outputs:
    total = hashlib.sha256()
    for i in range(c["sessions"]):
        total.update(_accumulated_session(i))
    return {"total": total.digest()}


def _accumulated_session(i: int) -> bytes:
    take = BytesIO(hashlib.shake_128(b"ratchetlib-acc-v1" + u32(i)).digest(1024)).read
    DH2, DH3 = take(32), take(32)
    DH4 = take(32) if take(1)[0] % 2 else b""
    ss, th0, th1, DH1 = take(32), take(64), take(64), take(32)
    a = handshake.Agreements(DH1, DH2, DH3, DH4, ss)
    key, s = handshake.block_key(th0, a), handshake.session_secrets(th1, a)
    x, peer = take(32), x25519_public(take(32))
    secret = take(32) if take(1)[0] % 2 else None
    epoch = int(secret is not None)
    RK, CK, _ = ratchet.ROOT(s.root_key, DH(x, peer), secret, x25519_public(x), peer, epoch)
    N, mk = take(1)[0] % 4, b""
    for _step in range(N + 1):
        CK, mk = ratchet.CHAIN(CK)
    nonce = take(24)
    header = ratchet.Header(x25519_public(x), 0, N, epoch, pq.NO_CHUNK).encoded
    data = ratchet.header_data(s.session_id, ratchet.TO_RESPONDER, b"")
    sealed = primitives.AEAD(s.header_key_a_to_b, nonce[:12], data, header)
    plaintext = take(take(1)[0])
    padded = padding.pad(plaintext, padding.padme()(len(plaintext) + 1))
    body_data = ratchet.body_data(s.session_id, ratchet.TO_RESPONDER, sealed, b"")
    return key + RK + header + sealed + SEAL(mk, primitives.PERSON_SEAL_BODY, nonce, body_data, padded)


# --- Common -------------------------------------------------------------------------------------------


def _pair(c: Case, who: str) -> IdentityPair:
    return IdentityPair(c.hex(f"{who}signing_seed"), c.hex(f"{who}agreement_key"))


def _header_data(c: Case) -> bytes:
    data = ratchet.header_data(c.hex("session_id"), c["direction"], c.hex("prefix_hash"))
    equal(data[-32 - 1 - len(c.hex("prefix_hash")) - 1], c["message_type"])
    return data


def _chunks(c: Case) -> dict[int, bytes]:
    """Exactly k of them, at distinct points."""
    chunks = {entry["index"]: bytes.fromhex(entry["chunk"]) for entry in c["chunks"]}
    k = STREAM[c.get("code", "key" if "key" in c else "ciphertext")] // erasure.CHUNK
    distinct = len(chunks) == len(c["chunks"]) == k
    good = all(0 <= at < pq.MAX_CHUNKS and len(chunk) == erasure.CHUNK for at, chunk in chunks.items())
    require(distinct and good, "UsageError")
    return chunks


STREAM: Final = {"key": 1248, "ciphertext": 1152}
REGISTRY: Final = {
    name: value
    for name, value in vars(primitives).items()
    if name.startswith(("SIGN_", "HASH_", "KDF_", "AD_", "PERSON_"))
}
PQ_EVENTS: Final = {"opens chain": _opens_chain, "sends": _sends, "receives": _receives, "next chain": _next_chain}
FUNCTIONS: Final[dict[str, Callable[[Case], Outputs]]] = {
    "ChainStep": chain_step,
    "RootStep": root_step,
    "Label": label,
    "Agree": agree,
    "Kem": kem,
    "KemKey": kem_key,
    "Sign": sign,
    "IdentityOf": identity_of,
    "Identity": identity,
    "Fingerprint": fingerprint,
    "SignedBundleOf": signed_bundle_of,
    "OneTimeItemOf": one_time_item_of,
    "SignedBundle": signed_bundle,
    "OneTimeItem": one_time_item,
    "PrekeyBundle": prekey_bundle,
    "Policy": policy,
    "Message": message,
    "Prefix": prefix,
    "IdentityBlockOf": identity_block_of,
    "IdentityBlock": identity_block,
    "SealHeader": seal_header,
    "TryHeaders": try_headers,
    "Seal": seal,
    "Unseal": unseal,
    "Pad": pad,
    "PaddedLengths": padded_lengths,
    "Unpad": unpad,
    "ErasureEncode": erasure_encode,
    "ErasureDecode": erasure_decode,
    "PqOffer": pq_offer,
    "PqAnswer": pq_answer,
    "PqReadKey": pq_read_key,
    "PqReadAnswer": pq_read_answer,
    "PqMove": pq_move,
    "Handshake": whole_handshake,
    "Accumulated": accumulated,
}
