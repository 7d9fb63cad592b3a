"""fingerprint.json, state_blob.json and the golden blobs, random_health.json, registry.json and accumulated.json."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from generator.document import Document, Scene, compact
from generator.people import ALICE, BOB, CAROL, DAY, NOW, Person, pick
from ratchetlib import IdentityKeyPair, PrekeyRing, Session, StateVault, errors, limits
from ratchetlib.cli.verify.draws import Draws, Given, Roles
from ratchetlib.cli.verify.fields import Fields, portable
from ratchetlib.cli.verify.kinds.state import KINDS, open_blob
from ratchetlib.keys import RecordKey, StorageKey
from ratchetlib.labels import PERSON_SEAL_STATE
from ratchetlib.primitives import seal, selftest
from ratchetlib.state.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.document import Group

_KEY_ID: Final = b"key 1"
_KEY: Final = pick("storage key")
_OWNER: Final = b"alice/laptop"
_PEER: Final = b"bob/phone"


def documents() -> Iterator[Document]:
    """The files."""
    yield _fingerprint()
    yield _state()
    yield _health()
    yield _registry()
    yield _accumulated()


def _fingerprint() -> Document:
    document = Document("fingerprint", "Fingerprints: both halves, what people read, what cameras read.")
    group = document.group("Fingerprint", "The fingerprint of two devices, or the comparison with what was scanned.")
    alice, bob, carol = (Person.named(name).public for name in ("alice", "bob", "carol"))
    usual: dict[str, Any] = {"our_identity": alice, "our_address": ALICE, "their_identity": bob, "their_address": BOB}
    swapped: dict[str, Any] = {"our_identity": bob, "our_address": BOB, "their_identity": alice, "their_address": ALICE}
    ours = group.valid("alice's view", "Normal", "Limit", **usual)
    theirs = group.valid("bob's view: the same digits", "Normal", **swapped)
    group.valid("another address: another fingerprint", "Fingerprint", **{**usual, "their_address": CAROL})
    group.valid("another identity: another fingerprint", "Fingerprint", **{**usual, "their_identity": carol})
    long = pick("fingerprint address", 128)
    group.valid("the longest address", "Limit", **{**usual, "their_address": long})
    scanned = bytes.fromhex(theirs["scannable"])
    group.valid("bob's code, scanned by alice", "Fingerprint", **usual, scanned=scanned)
    for comment, flag, error, layer, bad in (
        ("our own code", "Reflected", "FingerprintMismatch", "fingerprint", bytes.fromhex(ours["scannable"])),
        ("a changed bit of our half", "Fingerprint", "FingerprintMismatch", "fingerprint", scanned[:-1] + b"\0"),
        ("a changed bit of their half", "Fingerprint", "FingerprintMismatch", "fingerprint", b"\1\0" + scanned[2:]),
        ("no bytes", "Truncated", "MalformedMessage", "encoding", b""),
        ("64 bytes", "Truncated", "MalformedMessage", "encoding", scanned[:-1]),
        ("66 bytes", "TrailingBytes", "MalformedMessage", "encoding", scanned + b"\0"),
        ("version 2", "UnknownVersion", "UnsupportedVersion", "encoding", b"\2" + scanned[1:]),
    ):
        group.invalid(comment, flag, error=error, layer=layer, **usual, scanned=bad)
    for comment, change in (
        ("an empty address", {"their_address": b""}),
        ("129 bytes of address", {"our_address": long + b"x"}),
    ):
        group.invalid(comment, "Limit", error="UsageError", layer="caller", **{**usual, **change})
    return document


# --- state --------------------------------------------------------------------------------------


def sealed(
    value: IdentityKeyPair | PrekeyRing | Session,
    peer: bytes,
    *,
    generation: int = 1,
    name: str = "",
    key_id: bytes = _KEY_ID,
) -> bytes:
    """A blob whose nonce follows from a name."""
    vault = StateVault({key_id: _KEY}, current=key_id)
    nonce = pick(f"state nonce {name}", 24)
    with Draws(Given({"state_nonce": nonce})).during(Fields({}), "", Roles.BLOB):
        return vault.seal(value, owner=_OWNER, peer=peer, generation=generation)


def golden() -> Iterator[tuple[str, str, IdentityKeyPair | PrekeyRing | Session]]:
    """Every object that a blob can hold, in every state that differs: name, kind, object."""
    yield "identity", "identity", Person.named("alice").pair
    yield from _rings()
    yield from _sessions()


def _rings() -> Iterator[tuple[str, str, PrekeyRing]]:
    scene = Scene("state_blob/rings")
    scene.do("identity", who="bob", address=BOB)
    scene.do("ring", who="bob", now=NOW, items=0)
    yield "ring_fresh", "ring", _copy(scene, "bob")
    scene.do("replenish", who="bob", count=2)
    scene.do("hand_out", who="bob", id="b1")
    scene.do("rotate", who="bob", now=NOW + 7 * DAY)
    scene.do("remember", who="bob", count=3)
    yield "ring_rotated", "ring", _copy(scene, "bob")
    scene.do("revoke", who="bob", bundle="b1", signed=True)
    yield "ring_revoked", "ring", _copy(scene, "bob")


def _copy(scene: Scene, who: str) -> PrekeyRing:
    """The ring as it is now: the scene goes on with its own."""
    return PrekeyRing(scene.world.rings[who]._contents)


def _sessions() -> Iterator[tuple[str, str, Session]]:
    scene = Scene("state_blob/sessions")
    for who, address in (("alice", ALICE), ("bob", BOB)):
        scene.do("identity", who=who, address=address)
    scene.do("ring", who="bob", now=NOW, items=1)
    scene.do("hand_out", who="bob", id="b1")
    scene.do("initiate", who="A", device="alice", peer="bob", bundle="b1", now=NOW)
    yield "session_initiated", "session", _snapshot(scene, "A")
    _say(scene, "A", "a0")
    yield "session_unconfirmed_carrying", "session", _snapshot(scene, "A")
    scene.do("accept", who="B", device="bob", of="a0", now=NOW)
    yield "session_accepted_collecting", "session", _snapshot(scene, "B")
    _talk(scene, "B", "A", 1)
    _talk(scene, "A", "B", 14)
    yield "session_has_key", "session", _snapshot(scene, "B")
    scene.do("lose", who="A", count=5)
    _talk(scene, "A", "B", 1)
    yield "session_skipped", "session", _snapshot(scene, "B")
    _talk(scene, "B", "A", 6)
    yield "session_answering", "session", _snapshot(scene, "B")
    yield "session_carrying_collected", "session", _snapshot(scene, "A")
    _talk(scene, "B", "A", 6)
    yield "session_ready", "session", _snapshot(scene, "A")
    _talk(scene, "A", "B", 1)
    yield "session_epoch_1_idle", "session", _snapshot(scene, "B")
    yield "session_epoch_1_collecting", "session", _snapshot(scene, "A")
    for _ in range(7):
        _talk(scene, "B", "A", 2)
        scene.do("lose", who="A" if scene.world.sessions["A"]._state.ratchet.sending else "B", count=1)
        _talk(scene, "A", "B", 2)
    yield "session_closed_chains", "session", _snapshot(scene, "B")
    scene.do("forget", who="B")
    yield "session_forgotten", "session", _snapshot(scene, "B")


def _snapshot(scene: Scene, who: str) -> Session:
    return Session(scene.world.sessions[who]._state)


def _say(scene: Scene, who: str, name: str) -> None:
    scene.do("send", who=who, id=name, plaintext=name.encode())


def _talk(scene: Scene, sender: str, receiver: str, count: int) -> None:
    for _ in range(count):
        name = f"m{len(scene.events)}"
        _say(scene, sender, name)
        scene.do("deliver", who=receiver, of=name)


def golden_files() -> dict[str, Any]:
    """The golden blobs, and the index that says what is in them."""
    files: dict[str, bytes] = {}
    listed: list[dict[str, Any]] = []
    for name, kind, value in golden():
        peer = b"" if kind != "session" else _PEER
        blob = sealed(value, peer, name=name, generation=len(listed) + 1)
        files[f"state/v1/{name}.bin"] = blob
        listed.append(_blob_inputs(kind, peer) | {"file": f"{name}.bin"} | _outputs(kind, peer, blob))
    text = json.dumps({"suite": "1.0.0", "about": "Blobs that every later version must open."}, indent=1)[:-2]
    lines = ",\n".join(compact(entry) for entry in listed)
    files["state/v1/index.json"] = f'{text},\n "blobs": [\n{lines}\n]\n}}\n'.encode()
    return files


def _outputs(kind: str, peer: bytes, blob: bytes) -> dict[str, Any]:
    outputs = open_blob(Fields({**_blob_inputs(kind, peer), "blob": blob.hex(), "minimum_generation": 0}))
    del outputs["same"]
    return {name: portable(value) for name, value in outputs.items()}


def _blob_inputs(kind: str, peer: bytes) -> dict[str, Any]:
    return {"kind": kind, "key_id": _KEY_ID.hex(), "storage_key": _KEY.hex(), "owner": _OWNER.hex(), "peer": peer.hex()}


def _state() -> Document:
    document = Document("state_blob", "Sealed state: opened, summed up, sealed again; and what must be refused.")
    contexts = document.group("Context", "The record's key, the tag in its blob, and its name to an anchor.")
    for kind in KINDS:
        for owner, peer in ((b"a", b""), (_OWNER, _PEER), (pick("owner", 255), pick("peer", 255))):
            contexts.valid(
                f"a {kind} of {len(owner)} and {len(peer)} bytes of names",
                "WrongContext",
                kind=kind,
                owner=owner,
                peer=peer,
                storage_key=_KEY,
            )
    opened = document.group("Blob", "A blob of each kind and phase; sealed again with its nonce, the same bytes.")
    blobs = {}
    for name, kind, value in golden():
        peer = b"" if kind != "session" else _PEER
        blobs[name] = sealed(value, peer, name=name)
        inputs: dict[str, Any] = _blob_inputs(kind, peer)
        opened.valid(name.replace("_", " "), "Normal", **inputs, blob=blobs[name], minimum_generation=1)
    _names(opened)
    _rolled_back(opened)
    _bad_blobs(opened, blobs["session_answering"])
    _bad_contents(opened, golden_session_content())
    return document


def golden_session_content() -> bytes:
    """The canonical content of an established session."""
    return next(value._to_state() for name, _, value in golden() if name == "session_answering")


def _names(group: Group) -> None:
    """Key ids, owners and peers at their edges."""
    identity = Person.named("alice").pair
    for length in (1, 32):
        key_id = pick("key id", length)
        blob = sealed(identity, b"", name=f"key id {length}", key_id=key_id)
        inputs: dict[str, Any] = {**_blob_inputs("identity", b""), "key_id": key_id}
        group.valid(f"a key id of {length} bytes", "Limit", **inputs, blob=blob, minimum_generation=1)
    edge = sealed(identity, b"", name="edge", generation=2**64 - 1)
    group.valid(
        "generation 2^64 - 1", "CounterEdge", **_blob_inputs("identity", b""), blob=edge, minimum_generation=2**64 - 1
    )
    usual: dict[str, Any] = {**_blob_inputs("identity", b""), "blob": edge, "minimum_generation": 1}
    for comment, flag, change in (
        ("a key id of 33 bytes", "Limit", {"key_id": bytes(33)}),
        ("an empty key id", "Limit", {"key_id": b""}),
        ("a storage key of 31 bytes", "WrongLength", {"storage_key": _KEY[:31]}),
        ("a storage key of 33 bytes", "WrongLength", {"storage_key": _KEY + b"\0"}),
        ("an empty owner", "Limit", {"owner": b""}),
        ("an owner of 256 bytes", "Limit", {"owner": bytes(256)}),
        ("a peer of 256 bytes", "Limit", {"peer": bytes(256)}),
        ("a minimum generation of 2^64", "CounterEdge", {"minimum_generation": 2**64}),
    ):
        group.invalid(comment, flag, error="UsageError", layer="caller", **{**usual, **change})


def _rolled_back(group: Group) -> None:
    blob, twin = (sealed(Person.named("alice").pair, b"", name=name, generation=5) for name in ("five", "twin"))
    usual: dict[str, Any] = {**_blob_inputs("identity", b""), "blob": blob}
    newest = {"generation": 5, "commitment": _commitment(blob)}
    group.valid("the lowest acceptable generation", "Rollback", **usual, minimum_generation=5)
    group.valid("the anchored blob", "Rollback", **usual, anchor=newest)
    behind = {"generation": 4, "commitment": pick("any commitment")}
    group.valid("one ahead of the anchor", "Rollback", "Restored", **usual, anchor=behind, ignoring=True)
    first = sealed(Person.named("alice").pair, b"", name="first")
    group.valid("a first blob without an anchor entry", "Rollback", **{**usual, "blob": first})
    for comment, inputs in (
        ("older than the lowest acceptable", {"minimum_generation": 6}),
        ("older than the anchor", {"anchor": {"generation": 6, "commitment": pick("any commitment")}}),
        ("two ahead of the anchor", {"anchor": {"generation": 3, "commitment": pick("any commitment")}}),
        ("a twin of the anchored blob", {"anchor": newest, "blob": twin}),
        ("not the first, without an anchor entry", {}),
    ):
        group.invalid(comment, "Rollback", error="StateRolledBack", layer="generation", **{**usual, **inputs})


def _commitment(blob: bytes) -> bytes:
    """Behind magic, version, kind, the key id with its length, tag, generation and nonce."""
    start = 4 + 1 + 1 + 4 + len(_KEY_ID) + 16 + 8 + 24
    return blob[start : start + 32]


def _bad_blobs(group: Group, blob: bytes) -> None:
    usual: dict[str, Any] = {**_blob_inputs("session", _PEER), "blob": blob, "minimum_generation": 1}
    head = 10 + len(_KEY_ID)
    cases: list[tuple[str, str, str, str, dict[str, Any]]] = [
        ("version 0", "UnknownVersion", "StateVersionUnsupported", "blob", {"blob": blob[:4] + b"\0" + blob[5:]}),
        ("version 2", "UnknownVersion", "StateVersionUnsupported", "blob", {"blob": blob[:4] + b"\2" + blob[5:]}),
        ("another magic", "Tampered", "StateTampered", "blob", {"blob": b"rlst" + blob[4:]}),
        ("4 MiB", "Limit", "StateTampered", "seal", {"zeros": 2**22 - len(blob)}),
        ("4 MiB and a byte", "Limit", "StateTampered", "blob", {"zeros": 2**22 + 1 - len(blob)}),
        ("an empty key id in it", "BadLength", "StateTampered", "blob", {"blob": blob[:6] + bytes(4) + blob[head:]}),
        ("a key id of 33 bytes in it", "Limit", "StateTampered", "blob", {"blob": blob[:9] + b"\x21" + blob[10:]}),
        ("a key id that the vault has not", "WrongContext", "StateKeyUnknown", "blob", {"key_id": b"key 2"}),
        ("another storage key", "WrongContext", "StateContextMismatch", "blob", {"storage_key": pick("other key")}),
        ("another owner", "WrongContext", "StateContextMismatch", "blob", {"owner": b"alice/desktop"}),
        ("another peer", "WrongContext", "StateContextMismatch", "blob", {"peer": b"bob/tablet"}),
        ("owner and peer cut elsewhere", "WrongContext", "StateContextMismatch", "blob",
         {"owner": _OWNER + _PEER[:1], "peer": _PEER[1:]}),
        ("another kind", "WrongContext", "StateContextMismatch", "blob", {"kind": "ring", "peer": b""}),
        ("another kind in it", "WrongContext", "StateContextMismatch", "blob", {"blob": blob[:5] + b"\2" + blob[6:]}),
        ("a changed bit of the tag", "Tampered", "StateContextMismatch", "blob", {"blob": _flipped(blob, head)}),
        ("a changed bit of the generation", "Tampered", "StateTampered", "seal", {"blob": _flipped(blob, head + 20)}),
        ("a changed bit of the nonce", "Tampered", "StateTampered", "seal", {"blob": _flipped(blob, head + 24)}),
        ("a changed bit of the commitment", "Tampered", "StateTampered", "seal", {"blob": _flipped(blob, head + 48)}),
        ("a changed bit of the ciphertext", "Tampered", "StateTampered", "seal", {"blob": _flipped(blob, head + 80)}),
        ("a changed last bit", "Tampered", "StateTampered", "seal", {"blob": _flipped(blob, len(blob) - 1)}),
        ("one byte more", "TrailingBytes", "StateTampered", "seal", {"blob": blob + b"\0"}),
    ]  # fmt: skip
    cases += [
        (f"{length} bytes", "Truncated", "StateTampered", layer, {"blob": blob[:length]})
        for length, layer in (
            (0, "blob"),
            (3, "blob"),
            (5, "blob"),
            (head + 23, "blob"),
            (head + 48, "seal"),
            (len(blob) - 1, "seal"),
        )
    ]
    for comment, flag, error, layer, change in cases:
        group.invalid(comment, flag, error=error, layer=layer, **{**usual, **change})


def _flipped(blob: bytes, at: int) -> bytes:
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]


def _bad_contents(group: Group, content: bytes) -> None:
    """Authentic blobs whose content nothing writes."""
    usual: dict[str, Any] = {**_blob_inputs("session", _PEER), "minimum_generation": 1}
    padded = -(-(len(content) + 1) // 1024) * 1024
    for comment, layer, plaintext in (
        ("a content that ends early", "content", _padded(content[:-1])),
        ("a byte behind the content", "content", _padded(content + b"\0")),
        ("an empty content", "content", _padded(b"")),
        ("direction 3", "content", _padded(b"\3" + content[1:])),
        ("direction of the other role", "content", _padded(bytes([3 - content[0]]) + content[1:])),
        ("no padding", "seal", bytes(padded)),
    ):
        group.invalid(comment, "BadState", error="StateTampered", layer=layer, **usual, blob=_sealed_content(plaintext))
    ring: dict[str, Any] = {**_blob_inputs("ring", b""), "minimum_generation": 1}
    fresh = next(value._to_state() for name, _, value in golden() if name == "ring_fresh")
    for comment, plaintext in (
        ("a ring of another's bundles", _other_owner(fresh)),
        ("a broken bundle", _broken_bundle(fresh)),
    ):
        group.invalid(
            comment,
            "BadState",
            error="StateTampered",
            layer="content",
            **ring,
            blob=_sealed_content(_padded(plaintext), kind=PrekeyRing.STATE_KIND),
        )


def _other_owner(content: bytes) -> bytes:
    """A ring of bundles that its owner has not signed."""
    carol = Person.named("carol")
    return carol.signing_seed + carol.agreement_key + content[64:]


def _broken_bundle(content: bytes) -> bytes:
    """A bit of the published bundle's signature changed: it ends 32 + 64 + 4 + 4 bytes before the end."""
    at = len(content) - 105
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def _padded(content: bytes) -> bytes:
    return (content + b"\x80").ljust(-(-(len(content) + 1) // 1024) * 1024, b"\0")


def _sealed_content(plaintext: bytes, kind: int = Session.STATE_KIND) -> bytes:
    context = Context(kind, _OWNER, _PEER if kind == Session.STATE_KIND else b"")
    record_key, tag = context.derive(StorageKey(_KEY))
    head = b"RLST\1" + bytes([kind]) + len(_KEY_ID).to_bytes(4, "big") + _KEY_ID + tag + (1).to_bytes(8, "big")
    nonce = pick("bad content nonce", 24)
    return (
        head + nonce + seal.seal(RecordKey(record_key.raw), PERSON_SEAL_STATE, nonce, head + context.names, plaintext)
    )


# --- random source, registries, accumulated -----------------------------------------------------


def _health() -> Document:
    document = Document("random_health", "Health tests of the random source, and the self-test.")
    samples = document.group("Sample", "The full test on the beginning of a SHAKE-128 stream, parts of it replaced.")
    for number in range(2):
        samples.valid(f"a good sample {number}", "Normal", seed=pick(f"sample {number}"))
    seed = pick("sample 0")
    samples.valid("five equal bytes", "Limit", seed=seed, patches=[{"at": 1000, "hex": b"\7" * 5}])
    samples.valid("a byte 18 times in a window", "Limit", seed=seed, patches=_proportion(seed, 18))
    for comment, patches in (
        ("six equal bytes", [{"at": 1000, "hex": b"\7" * 6}]),
        ("six equal bytes at the end", [{"at": 66042, "hex": b"\7" * 6}]),
        ("a byte 19 times in a window", _proportion(seed, 19)),
        ("all zeros", [{"at": 0, "hex": bytes(16), "times": 4128, "stride": 16}]),
        ("a period of 40", [{"at": 0, "hex": pick("period", 40), "times": 1651}]),
        ("a period of 65,536", [{"at": 65536, "hex": _start(seed)}]),
        ("two equal aligned blocks", [{"at": 16, "hex": pick("block", 16), "stride": 32000, "times": 2}]),
    ):
        samples.invalid(comment, "RandomFailure", error="RandomnessError", layer="random", seed=seed, patches=patches)
    draws = document.group("Draws", "The continuous test: draws one after the other.")
    first = pick("first draw", 16)
    draws.valid("two draws that differ", "Normal", first=first, between=0, last=pick("last draw", 16))
    draws.valid("a repeat of 15 bytes is not judged", "Limit", first=first[:15], between=0, last=first[:15])
    draws.valid("a repeat behind 8,192 others", "Limit", first=first, between=2 * 4096 - 1, last=first)
    for comment, between, last in (
        ("the same draw again", 0, first),
        ("the same block, then other bytes", 0, first + pick("other", 8)),
        ("the same draw behind 4,095 others", 4095, first),
        ("a draw of six equal bytes and more", 0, b"\5" * 6 + pick("other", 26)),
    ):
        draws.invalid(
            comment, "RandomFailure", error="RandomnessError", layer="random", first=first, between=between, last=last
        )
    self_test = document.group("SelfTest", "One check of the self-test gives a wrong answer: the import must fail.")
    self_test.valid("every check gives its right answer", "Normal")
    for name in selftest.CHECKS:
        self_test.invalid(name, "SelfTest", error="SelfTestError", layer="selftest", broken=name)
    return document


def _start(seed: bytes) -> bytes:
    return hashlib.shake_128(seed).digest(16)


def _proportion(seed: bytes, times: int) -> list[dict[str, Any]]:
    """A window's first byte put in its way until the window has it so many times."""
    window, stride = hashlib.shake_128(seed).digest(1024)[512:], 23
    for count in range(1, times + 1):
        patched = bytes(0 if at % stride == 0 and at < count * stride else byte for at, byte in enumerate(window))
        if patched.count(0) == times:
            return [{"at": 512, "hex": b"\0", "times": count, "stride": stride}]
    raise RuntimeError("the window has too many zeros of its own")


def _registry() -> Document:
    document = Document("registry", "The closed lists: limits, errors, reasons.")
    group = document.group("Limit", "A limit's value.")
    for name in (name for name in vars(limits) if name.isupper()):
        group.valid(name, "Registry", "Limit", name=name)
    tree = document.group("Error", "An exception's parent.")
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.RatchetError):
            tree.valid(name, "Registry", name=name)
    reasons = document.group("Reason", "Why a bundle is refused.")
    for reason in errors.BundleReason:
        reasons.valid(reason.name, "Registry", name=reason.name)
    return document


def _accumulated() -> Document:
    document = Document("accumulated", "SHA-256 over the outputs of many sessions.")
    group = document.group("Accumulated", "Each session's inputs are SHAKE-128 of a label and its number.")
    for count in (1, 100, 10_000):
        group.valid(f"{count} sessions", "Accumulated", sessions=count)
    return document
