"""The specification's examples: the generator still makes them, and they are what the chapters say they are.

Keys are derived here once more with the standard library and OpenSSL, from the text of the specification.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ratchetlib import (
    DuplicateMessage,
    Fingerprint,
    IdentityKey,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
    Session,
    StateContextMismatch,
    StateVault,
)
from ratchetlib.errors import StateTampered
from ratchetlib.handshake.block import IdentityBlock
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.keys import KemSeed
from ratchetlib.padding import unpad
from ratchetlib.prekeys import OneTimeItem, SignedBundle
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, KEY_CODE
from ratchetlib.state.blob import Blob
from ratchetlib.wire import Reader

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "docs" / "tools" / "spec_examples.py"
SPEC = ROOT / "docs" / "spec"
DOCUMENT: dict[str, Any] = json.loads((SPEC / "examples.json").read_text(encoding="utf-8"))
MESSAGES = [bytes.fromhex(message["bytes"]) for message in DOCUMENT["messages"]]
PLAINTEXTS = [bytes.fromhex(message["plaintext"]) for message in DOCUMENT["messages"]]
DATA = [bytes.fromhex(message["associated data"]) for message in DOCUMENT["messages"]]
ADDRESSES = {name: bytes.fromhex(address) for name, address in DOCUMENT["addresses"].items()}
IDENTITIES = {name: bytes.fromhex(encoded) for name, encoded in DOCUMENT["identities"].items()}
KINDS = {1: IdentityKeyPair, 2: PrekeyRing, 3: Session}


def example(name: str) -> dict[str, bytes]:
    return {field["name"]: bytes.fromhex(field["bytes"]) for field in DOCUMENT["examples"][name]["fields"]}


def joined(name: str) -> bytes:
    return b"".join(example(name).values())


def drawn(step: str, role: str) -> bytes:
    (found,) = (draw["bytes"] for draw in DOCUMENT["draws"] if (draw["step"], draw["role"]) == (step, role))
    return bytes.fromhex(found)


def vault() -> StateVault:
    key = DOCUMENT["storage key"]
    key_id = bytes.fromhex(key["id"])
    return StateVault({key_id: bytes.fromhex(key["key"])}, current=key_id)


def opened(name: str) -> Any:
    sealed = DOCUMENT["sealed"][name]
    blob = bytes.fromhex(sealed["blob"])
    return vault().open(
        blob,
        kind=KINDS[Blob.from_bytes(blob).head.kind],
        owner=bytes.fromhex(sealed["owner"]),
        peer=bytes.fromhex(sealed["peer"]),
        minimum_generation=1,
    )


# --- from the specification, without the library --------------------------------------------------


def lp(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def sha512(label: bytes, data: bytes) -> bytes:
    return hashlib.sha512(lp(label) + data).digest()


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    pseudorandom = hmac.digest(salt, secret, "sha512")
    block, out = b"", b""
    for number in range(1, -(-length // 64) + 1):
        block = hmac.digest(pseudorandom, block + info + bytes([number]), "sha512")
        out += block
    return out[:length]


def agree(private: bytes, public: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


# --- the generator ------------------------------------------------------------------------------


def check(spec: Path) -> int:
    command = [sys.executable, str(TOOL), "--check", "--spec", str(spec)]
    return subprocess.run(command, check=False, capture_output=True, timeout=120).returncode  # noqa: S603  # our own tool


def test_the_generator_makes_what_is_there() -> None:
    assert check(SPEC) == 0


@pytest.mark.parametrize("name", ["examples.json", "handshake.md"])
def test_the_check_sees_a_changed_digit(name: str, tmp_path: Path) -> None:
    copy = shutil.copytree(SPEC, tmp_path / "spec")
    text = (copy / name).read_text(encoding="utf-8")
    session_id = example("handshake")["session id"].hex()
    assert session_id in text
    (copy / name).write_text(text.replace(session_id, session_id[::-1]), encoding="utf-8")
    assert check(copy) == 1


# --- encodings ----------------------------------------------------------------------------------


def test_the_identity_parses() -> None:
    assert IdentityKey.from_bytes(joined("identity")).to_bytes() == IDENTITIES["bob"]
    assert IdentityKey.from_bytes(IDENTITIES["alice"]).to_bytes() == IDENTITIES["alice"]


def test_the_fingerprint_is_both_sides() -> None:
    shown = example("fingerprint")
    alice, bob = IdentityKey.from_bytes(IDENTITIES["alice"]), IdentityKey.from_bytes(IDENTITIES["bob"])
    at_alice = Fingerprint.between(alice, ADDRESSES["alice"], bob, ADDRESSES["bob"])
    at_bob = Fingerprint.between(bob, ADDRESSES["bob"], alice, ADDRESSES["alice"])
    assert at_alice.digits == at_bob.digits == shown["digits"].decode()
    assert at_alice.to_bytes() == shown["Alice shows"]
    at_bob.verify(shown["Alice shows"])


def test_the_fingerprint_follows_from_the_text() -> None:
    shown, keys = example("fingerprint"), IDENTITIES["alice"][:64]
    digest = sha512(b"ratchetlib/1 fingerprint", b"\1" + lp(ADDRESSES["alice"]) + keys)
    assert digest == shown["Alice: first hash"]
    for _ in range(5199):
        digest = sha512(b"ratchetlib/1 fingerprint", digest + keys)
    assert digest[:32] == shown["Alice: half"]


def test_the_bundle_parses_and_its_parts_are_named_by_their_hashes() -> None:
    bundle = PrekeyBundle.from_bytes(joined("prekey-bundle"))
    assert bundle.to_bytes() == bytes.fromhex(DOCUMENT["bundle"])
    assert bundle == PrekeyBundle.from_parts(joined("signed-bundle"), joined("one-time-item"))
    ids = example("prekey-ids")
    assert ids["bundle id"] == sha512(b"ratchetlib/1 bundle id", joined("signed-bundle"))[:16]
    assert ids["item id"] == sha512(b"ratchetlib/1 one-time id", joined("one-time-item"))[:16]
    assert SignedBundle.from_bytes(joined("signed-bundle")).bundle_id == ids["bundle id"]
    assert OneTimeItem.from_bytes(joined("one-time-item")).item_id == ids["item id"]


def test_the_prefix_and_the_identity_block_parse() -> None:
    prefix = Prefix.from_bytes(joined("prefix"))
    assert prefix.to_bytes() == joined("prefix") == MESSAGES[0][2:1977]
    block = IdentityBlock.from_bytes(joined("identity-block"))
    assert block.to_bytes() == joined("identity-block")
    assert (block.identity.to_bytes(), block.address) == (IDENTITIES["alice"], ADDRESSES["alice"])
    assert block.created_at == DOCUMENT["now"]


def test_the_messages_are_the_layouts_joined() -> None:
    assert joined("initial-message") == MESSAGES[0]
    assert joined("ordinary-message") == MESSAGES[2]
    initial = {number for number, message in enumerate(MESSAGES) if message[1] == 1}
    assert initial == {0, 1, 28}
    assert len({message[:1977] for message in MESSAGES[:2]}) == 1


def test_the_paddings_come_off() -> None:
    shown = {name: unpad(padded) for name, padded in example("padding").items()}
    assert list(shown.values()) == [b"hello Bob", b"are you there?", b"yes", b""]


# --- keys ---------------------------------------------------------------------------------------


def test_the_functions_are_what_they_say() -> None:
    shown = list(example("functions").values())
    assert shown[0] == sha512(b"label", b"data")
    assert shown[1] == hkdf(bytes(64), bytes(range(32)), lp(b"label") + b"context", 32)
    assert shown[2] == hashlib.blake2b(key=bytes(range(32)), person=b"ratchetlib1chain").digest()


def test_the_seal_is_what_it_says() -> None:
    shown = example("seal")
    okm = hashlib.blake2b(shown["nonce"] + shown["AD"], key=shown["key"], person=b"ratchetlib1 body").digest()
    assert okm == shown["AEAD key"] + shown["commitment"]
    opened_ = ChaCha20Poly1305(okm[:32]).decrypt(bytes(12), shown["ciphertext"] + shown["tag"], None)
    assert opened_ == shown["plaintext"] == b"plaintext"


@pytest.mark.parametrize(
    ("name", "message", "step", "item"),
    [
        ("handshake", 0, "Alice initiates", True),
        ("handshake-without-item", 28, "Alice initiates again", False),
    ],
)
def test_the_key_schedule_follows_from_the_text(name: str, message: int, step: str, *, item: bool) -> None:
    """From Alice's side, where the specification has the private key of EK_A and the library is not asked."""
    shown, prefix = example(name), MESSAGES[message][2:1977]
    bundle = PrekeyBundle.from_bytes(joined("prekey-bundle"))
    signed, own = bundle.signed, drawn("Alice's identity", "agreement key")
    ephemeral = drawn(step, "EK_A")
    dh1 = agree(own, signed.signed_prekey)
    agreements = agree(ephemeral, IDENTITIES["bob"][32:64]) + agree(ephemeral, signed.signed_prekey)
    seed = drawn("Bob's ring", "item 1: KEM seed" if item else "last-resort seed")
    offered = b"\1" + lp(joined("one-time-item")) if item else b"\0" + lp(b"")
    if item:
        agreements += agree(ephemeral, example("one-time-item")["prekey"])
    secret = agreements + ML_KEM_1024.decapsulate(KemSeed(seed), prefix[65:1633]).raw
    th0 = sha512(b"ratchetlib/1 transcript 0", lp(joined("signed-bundle")) + offered + prefix[33:65] + prefix[65:1633])
    block_key = hkdf(th0, secret, lp(b"ratchetlib/1 identity block"), 32)
    sealed = prefix[1633:]
    people = IDENTITIES["alice"] + IDENTITIES["bob"] + lp(ADDRESSES["alice"]) + lp(ADDRESSES["bob"])
    th1 = sha512(b"ratchetlib/1 transcript 1", th0 + lp(sealed) + people)
    okm = hkdf(bytes(64), dh1 + secret, lp(b"ratchetlib/1 session") + th1, 128)
    assert (th0, block_key, th1) == (shown["th0"], shown["block key"], shown["th1"])
    names = ("root key", "header key A to B", "header key B to A", "session id")
    assert okm == b"".join(shown[name] for name in names)
    assert sha512(b"ratchetlib/1 handshake prefix", prefix) == shown["prefix hash"]
    block = hashlib.blake2b(sealed[:24], key=block_key, person=b"ratchetlib1ident").digest()
    assert block[32:] == sealed[24:56]
    clear = ChaCha20Poly1305(block[:32]).decrypt(bytes(12), sealed[56:], None)
    assert IdentityBlock.from_bytes(clear).identity.to_bytes() == IDENTITIES["alice"]


@pytest.mark.parametrize("name", ["root-step", "root-step-mixed"])
def test_the_root_step_follows_from_the_text(name: str) -> None:
    shown = example(name)
    assert shown["DH"] == agree(shown["sender, private"], shown["receiver"])
    mixed = shown.get("post-quantum secret", b"")
    epoch = (1 if mixed else 0).to_bytes(4, "big") + bytes([bool(mixed)])
    assert shown["info"] == lp(b"ratchetlib/1 root step") + shown["sender"] + shown["receiver"] + epoch
    okm = hkdf(shown["old root key"], shown["DH"] + mixed, shown["info"], 96)
    assert okm == shown["root key"] + shown["chain key"] + shown["next header key"]


def test_the_first_message_opens_by_hand() -> None:
    """Header and body of message 0, from the handshake's root key on."""
    keys, step, sealed = example("handshake"), example("root-step"), example("header-sealed")
    assert step["old root key"] == keys["root key"]
    assert sealed["header key"] == keys["header key A to B"]
    nonce, sealed_header = MESSAGES[0][1977:2001], MESSAGES[0][2001:2159]
    header_data = lp(b"ratchetlib/1 header") + b"\1\1" + keys["session id"] + b"\1" + keys["prefix hash"]
    assert header_data == joined("header-data")
    header = ChaCha20Poly1305(keys["header key A to B"]).decrypt(nonce[:12], sealed_header, header_data)
    assert header == joined("header")
    assert header[:32] == step["sender"]
    okm = hashlib.blake2b(key=step["chain key"], person=b"ratchetlib1chain").digest()
    assert okm == example("chain-step")["next chain key"] + example("chain-step")["message key"]
    body_data = lp(b"ratchetlib/1 body") + keys["session id"] + b"\1" + sealed_header + lp(b"")
    assert body_data == joined("body-data")
    body = hashlib.blake2b(nonce + body_data, key=okm[32:], person=b"ratchetlib1 body").digest()
    assert body[32:] == MESSAGES[0][2159:2191] == example("body")["commitment"]
    padded = ChaCha20Poly1305(body[:32]).decrypt(bytes(12), MESSAGES[0][2191:], None)
    assert padded == example("body")["padded plaintext"] == (PLAINTEXTS[0] + b"\x80").ljust(64, b"\0")


def test_the_post_quantum_exchange_follows_from_the_text() -> None:
    shown, key, ciphertext = example("pq-secret"), example("key-stream"), example("ciphertext-stream")
    assert ML_KEM_768.public_key(KemSeed(drawn("message 0", "ML-KEM-768 seed"))) == key["key"]
    assert key["hash of the key"] == sha512(b"ratchetlib/1 pq key", key["key"])[:32]
    assert ML_KEM_768.decapsulate(KemSeed(shown["seed"]), ciphertext["ciphertext"]).raw == shown["ss"]
    exchange = sha512(b"ratchetlib/1 pq exchange", key["key"] + ciphertext["ciphertext"])
    info = lp(b"ratchetlib/1 pq secret") + example("handshake")["session id"] + b"\0\0\0\1" + exchange
    assert (exchange, info) == (shown["exchange hash"], shown["info"])
    okm = hkdf(bytes(64), shown["ss"], info, 64)
    assert okm == shown["secret"] + shown["confirmation"]
    assert shown["confirmation"] == ciphertext["confirmation"]
    assert shown["secret"] == example("root-step-mixed")["post-quantum secret"]


@pytest.mark.parametrize(("name", "code"), [("key", KEY_CODE), ("ciphertext", CIPHERTEXT_CODE)])
def test_the_chunks_are_of_their_streams(name: str, code: Any) -> None:
    for shown, chunk in example(f"{name}-chunks").items():
        assert code.chunk(joined(f"{name}-stream"), int(shown.removeprefix("chunk "))) == chunk


def test_the_blob_opens_by_hand() -> None:
    keys, blob = example("blob-keys"), joined("blob")
    names = lp(ADDRESSES["alice"]) + lp(b"")
    okm = hashlib.blake2b(b"\1" + names, key=keys["storage key"], person=b"ratchetlib1vault").digest()
    assert okm[:48] == keys["record key"] + keys["context tag"]
    head, nonce = blob[:36], blob[36:60]
    assert keys["associated data"] == head + names
    seal = hashlib.blake2b(nonce + head + names, key=okm[:32], person=b"ratchetlib1state").digest()
    assert seal[32:] == blob[60:92] == keys["commitment"]
    padded = ChaCha20Poly1305(seal[:32]).decrypt(bytes(12), blob[92:], None)
    assert len(padded) == 1024
    assert unpad(padded) == joined("identity-content")
    assert keys["record name"] == sha512(b"ratchetlib/1 anchor record", b"\1" + names)[:32]


# --- the conversation -----------------------------------------------------------------------------


def test_every_blob_opens_to_its_content_and_under_no_other_name() -> None:
    for name, sealed in DOCUMENT["sealed"].items():
        assert opened(name)._to_state() == bytes.fromhex(sealed["content"])
        blob = bytes.fromhex(sealed["blob"])
        with pytest.raises(StateContextMismatch):
            vault().open(blob, kind=Session, owner=b"mallory", peer=b"bob", minimum_generation=1)


@pytest.mark.parametrize(
    ("name", "sealed"),
    [
        ("identity-content", "alice's identity"),
        ("ring-content", "bob's ring"),
        ("initiator-content", "alice's session, unconfirmed"),
        ("responder-content", "bob's session, has key"),
    ],
)
def test_the_contents_shown_are_those_sealed(name: str, sealed: str) -> None:
    assert joined(name) == bytes.fromhex(DOCUMENT["sealed"][sealed]["content"])


def test_bob_accepts_from_the_ring_as_it_was_at_first() -> None:
    signing, agreement = drawn("Bob's identity", "signing seed"), drawn("Bob's identity", "agreement key")
    bob = IdentityKeyPair._from_state(Reader(signing + agreement, StateTampered))
    ring = PrekeyRing._from_state(Reader(bytes.fromhex(DOCUMENT["ring at first"]), StateTampered))
    now = DOCUMENT["now"]
    session, plaintext = Session.accept(bob, ring, MESSAGES[0], our_address=ADDRESSES["bob"], now=now)
    assert (plaintext, session.session_id) == (PLAINTEXTS[0], example("handshake")["session id"])
    assert session.recognises(MESSAGES[1])
    assert session.decrypt(MESSAGES[1], associated_data=DATA[1]) == PLAINTEXTS[1]
    second, plaintext = Session.accept(bob, ring, MESSAGES[28], our_address=ADDRESSES["bob"], now=now + 60)
    assert (plaintext, second.session_id) == (b"", example("handshake-without-item")["session id"])


def test_alice_is_confirmed_by_the_reply() -> None:
    session = opened("alice's session, unconfirmed")
    assert not session.confirmed
    assert session.decrypt(MESSAGES[2]) == PLAINTEXTS[2]
    assert session.confirmed


def test_the_lost_message_arrives_late_and_the_others_are_duplicates() -> None:
    lost = [number for number, message in enumerate(DOCUMENT["messages"]) if not message["arrives"]]
    assert lost == [6]
    session = opened("bob's session, has key")
    assert session.decrypt(MESSAGES[6]) == PLAINTEXTS[6]
    for number in (1, 3, 6, 14):
        with pytest.raises(DuplicateMessage):
            session.decrypt(MESSAGES[number], associated_data=DATA[number])
