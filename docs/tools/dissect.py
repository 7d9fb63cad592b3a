# INP001: a tool beside the documents, not a package. D103: each function is one layout, and its name says which.
"""The layouts of the specification, one function each: they cut real encodings as the chapters describe them."""

from __future__ import annotations

from layout import Block, Cutter

_PREFIX_LENGTH = 1975
_HEAD_FIELDS = (("version", 1), ("type", 1))
_PHASES = ("Idle", "Carrying", "Ready", "Collecting", "HasKey", "Answering")


def identity(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.several(("signing key", 32), ("agreement key", 32), ("signature", 64))
    return cutter.done()


def signed_bundle(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.several(("version", 1), ("highest version", 1))
    cutter.lp("address")
    cutter.several(("identity", 128), ("epoch", 8), ("not_before", 8), ("not_after", 8))
    cutter.several(("signed prekey", 32), ("last-resort key", 1568), ("signature", 64))
    return cutter.done()


def one_time_item(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.cut("version", 1)
    cutter.lp("address")
    cutter.several(("epoch", 8), ("prekey", 32), ("KEM key", 1568), ("signature", 64))
    return cutter.done()


def prekey_bundle(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.lp("signed bundle")
    cutter.cut("flag", 1)
    cutter.lp("one-time item")
    return cutter.done()


def identity_block(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.cut("identity", 128)
    address = cutter.lp("address")
    cutter.several(("zeros", 128 - len(address)), ("created_at", 8), ("highest version", 1), ("flags", 1))
    return cutter.done()


def prefix(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    _cut_prefix(cutter)
    return cutter.done()


def header(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.several(("ratchet key", 32), ("PN", 4), ("N", 4), ("pq epoch", 4))
    cutter.several(("chunk kind", 1), ("chunk index", 1), ("chunk", 96))
    return cutter.done()


def initial_message(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.several(*_HEAD_FIELDS)
    cutter.cut("prefix", _PREFIX_LENGTH)
    return _frame(cutter)


def ordinary_message(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.several(*_HEAD_FIELDS)
    return _frame(cutter)


def header_data(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.lp("label")
    cutter.several(*_HEAD_FIELDS, ("session id", 32), ("direction", 1))
    cutter.rest("hash of the prefix")
    return cutter.done()


def body_data(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.lp("label")
    cutter.several(("session id", 32), ("direction", 1), ("sealed header", 158))
    cutter.lp("associated data")
    return cutter.done()


def stream(encoded: bytes, name: str, check: str) -> Block:
    cutter = Cutter(encoded)
    cutter.cut(name, len(encoded) - 64)
    cutter.several((check, 32), ("zeros", 32))
    return cutter.done()


def blob(encoded: bytes) -> Block:
    cutter = Cutter(encoded)
    cutter.several(("magic", 4), ("version", 1), ("kind", 1))
    cutter.lp("key id")
    cutter.several(("context tag", 16), ("generation", 8), ("nonce", 24), ("commitment", 32))
    cutter.rest("ciphertext", but=16)
    cutter.cut("tag", 16)
    return cutter.done()


def identity_content(content: bytes) -> Block:
    cutter = Cutter(content)
    cutter.several(("signing seed", 32), ("agreement key", 32))
    return cutter.done()


def ring_content(content: bytes) -> Block:
    cutter = Cutter(content)
    cutter.several(("owner's signing seed", 32), ("owner's agreement key", 32))
    cutter.lp("address")
    cutter.cut("epoch", 8)
    for bundle in range(cutter.number("bundles", 4)):
        name = f"bundle {bundle}"
        cutter.lp(name)
        cutter.several((f"{name}: signed prekey", 32), (f"{name}: last-resort seed", 64))
        for remembered in range(cutter.number(f"{name}: remembered", 4)):
            cutter.cut(f"{name}: session id {remembered}", 32)
    for item in range(cutter.number("items", 4)):
        name = f"item {item}"
        cutter.lp(name)
        cutter.several((f"{name}: prekey", 32), (f"{name}: KEM seed", 64), (f"{name}: handed out", 1))
    return cutter.done()


def session_content(content: bytes) -> Block:
    cutter = Cutter(content)
    direction = cutter.number("direction", 1)
    cutter.cut("session id", 32)
    cutter.lp("our address")
    cutter.cut("peer identity", 128)
    cutter.lp("peer address")
    cutter.cut("created_at", 8)
    if direction == 2:  # from the responder
        cutter.cut("hash of the prefix", 64)
    elif cutter.number("unconfirmed", 1):
        cutter.several(("bundle's end", 8), ("prefix", _PREFIX_LENGTH))
    _cut_ratchet(cutter)
    return cutter.done()


def _cut_prefix(cutter: Cutter) -> None:
    cutter.several(("bundle id", 16), ("flag", 1), ("item id", 16), ("EK_A", 32), ("ciphertext", 1568))
    cutter.several(("block: nonce", 24), ("block: commitment", 32), ("block: ciphertext", 270), ("block: tag", 16))


def _frame(cutter: Cutter) -> Block:
    cutter.several(("nonce", 24), ("sealed header", 158), ("commitment", 32))
    cutter.rest("ciphertext", but=16)
    cutter.cut("tag", 16)
    return cutter.done()


def _cut_ratchet(cutter: Cutter) -> None:
    cutter.cut("RK", 32)
    if cutter.number("sending chain", 1):
        cutter.several(("DHs private", 32), ("DHs public", 32), ("HKs", 32), ("CKs", 32), ("Ns", 4))
        cutter.cut("sending pq epoch", 4)
    cutter.several(("PN", 4), ("NHKs", 32), ("DHr", 32), ("NHKr", 32), ("epochs completed", 4), ("next index", 1))
    _cut_phase(cutter)
    for number in range(cutter.number("receiving chains", 1)):
        _cut_receiving(cutter, f"chain {number}")
    cutter.several(("since Diffie-Hellman step", 8), ("since post-quantum step", 8), ("evicted", 8))
    cutter.cut("last eviction", 4)


def _cut_phase(cutter: Cutter) -> None:
    match _PHASES[cutter.number("phase", 1)]:
        case "Carrying":
            cutter.several(("seed", 64), ("key stream", 1248))
            _cut_collected(cutter)
        case "Ready":
            cutter.cut("secret", 32)
        case "Collecting":
            _cut_collected(cutter)
        case "HasKey":
            cutter.cut("key", 1184)
        case "Answering":
            cutter.several(("secret", 32), ("ciphertext stream", 1152))
        case _:
            pass  # Idle holds nothing


def _cut_collected(cutter: Cutter) -> None:
    for number in range(cutter.number("collected", 1)):
        cutter.several((f"chunk {number}: index", 1), (f"chunk {number}", 96))


def _cut_receiving(cutter: Cutter, name: str) -> None:
    cutter.cut(f"{name}: HKr", 32)
    if cutter.number(f"{name}: open", 1):
        cutter.cut(f"{name}: CKr", 32)
    cutter.several((f"{name}: DHr", 32), (f"{name}: PN", 4), (f"{name}: pq epoch", 4), (f"{name}: Nr", 4))
    cutter.cut(f"{name}: evicted below", 4)
    for number in range(cutter.number(f"{name}: skipped", 4)):
        cutter.several((f"{name}: skipped {number}: N", 4), (f"{name}: skipped {number}: key", 32))
