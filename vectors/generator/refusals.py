"""ratchet_bad.json and handshake_bad.json: one bad event a case, then the next good one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from generator.casting import confirmed, devices, forge, hear, initiated, say, tell, with_padded
from generator.document import Document
from generator.people import DAY, NOW, dh_public, pick
from ratchetlib.ratchet.pq import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.document import Scene, Scenes

_AUTHENTICATION: Final = "AuthenticationError"
_HEAD: Final = 2
_HEADER: Final = _HEAD + 24
_BODY: Final = _HEADER + 158
_PREFIX: Final = 1975


def documents() -> Iterator[Document]:
    """The files."""
    yield _ratchet()
    yield _handshake()


def _ratchet() -> Document:
    document = Document("ratchet_bad", "One bad event a case: the error, the layer, and that nothing has changed.")
    _tampered(
        document.scenes("a4 is on its way to B on an open chain, a2 is missing, b1 is on its way to A.", _underway)
    )
    _hostile(document.scenes("The same, and A is hostile: its headers are authentic and wrong.", _underway))
    _cloned(document)
    _processes(document.scenes("A session that may not be used here and now.", _underway))
    return document


def _underway(scene: Scene) -> None:
    confirmed(scene)
    tell(scene, "A", "B", "a1")
    say(scene, "A", "a2")
    tell(scene, "A", "B", "a3")
    say(scene, "B", "b1")
    say(scene, "A", "a4")


def _xor(at: int, mask: int = 1) -> dict[str, Any]:
    return {"edit": "xor", "at": at, "hex": bytes([mask])}


def _bad(
    group: Scenes,
    comment: str,
    *flags: str,
    error: str = _AUTHENTICATION,
    layer: str,
    who: str = "B",
    good: str = "a4",
    **event: Any,
) -> None:
    """A bad delivery, and behind it a good one."""

    def events(scene: Scene) -> None:
        scene.refuse("deliver", error, layer, who=who, **event)
        hear(scene, who, good)

    group.refused(comment, *flags, events=events)


def _tampered(group: Scenes) -> None:
    last = 2 + 230 + 64 - 1
    for comment, at, mask, error, layer in (
        ("the version", 0, 1, "UnsupportedVersion", "framing"),
        ("the type, to none", 1, 1, "MalformedMessage", "framing"),
        ("the type, to an initial message", 1, 3, "MalformedMessage", "framing"),
        ("the header's nonce", _HEAD, 1, _AUTHENTICATION, "header"),
        ("the last byte of the header's nonce", _HEAD + 11, 128, _AUTHENTICATION, "header"),
        ("the rest of the nonce", _HEAD + 12, 1, _AUTHENTICATION, "body"),
        ("the nonce's last byte", _HEADER - 1, 128, _AUTHENTICATION, "body"),
        ("the sealed ratchet key", _HEADER, 1, _AUTHENTICATION, "header"),
        ("the sealed PN", _HEADER + 35, 1, _AUTHENTICATION, "header"),
        ("the sealed N", _HEADER + 39, 1, _AUTHENTICATION, "header"),
        ("the sealed pq epoch", _HEADER + 43, 1, _AUTHENTICATION, "header"),
        ("the sealed chunk", _HEADER + 141, 1, _AUTHENTICATION, "header"),
        ("the header's tag", _BODY - 1, 1, _AUTHENTICATION, "header"),
        ("the commitment", _BODY, 1, _AUTHENTICATION, "body"),
        ("the commitment's last byte", _BODY + 31, 128, _AUTHENTICATION, "body"),
        ("the ciphertext", _BODY + 32, 1, _AUTHENTICATION, "body"),
        ("the body's tag", last, 1, _AUTHENTICATION, "body"),
    ):
        _bad(
            group, f"a changed bit of {comment}", "Tampered", error=error, layer=layer, of="a4", edits=[_xor(at, mask)]
        )
    _cut(group, last + 1)
    _moved(group)
    _again(group)


def _cut(group: Scenes, length: int) -> None:
    for comment, start, error, layer in (
        ("one byte less", length - 1, _AUTHENTICATION, "body"),
        ("nothing behind the header", _BODY, "MalformedMessage", "framing"),
        ("a head", _HEAD, "MalformedMessage", "framing"),
        ("nothing", 0, "MalformedMessage", "framing"),
    ):
        edits = [{"edit": "remove", "at": start, "end": length}]
        _bad(group, comment, "Truncated", error=error, layer=layer, of="a4", edits=edits)
    more = [{"edit": "insert", "at": length, "hex": b"\0"}]
    _bad(group, "one byte more", "TrailingBytes", layer="body", of="a4", edits=more)
    inside = [{"edit": "remove", "at": _HEADER, "end": _HEADER + 1}]
    _bad(group, "a byte less in the header", "Truncated", layer="header", of="a4", edits=inside)
    _bad(group, "bytes from nowhere", "Tampered", layer="header", bytes=b"\1\2" + pick("nowhere", 300))


def _moved(group: Scenes) -> None:
    whole_header = {"edit": "copy", "at": _HEAD, "end": _BODY, "from": "a2"}
    _bad(group, "a2's nonce and header before a4's body", "Spliced", layer="body", of="a4", edits=[whole_header])
    used = {**whole_header, "from": "a3"}
    _bad(group, "a used nonce and header before a4's body", "Spliced", "Duplicate",
         error="DuplicateMessage", layer="chain", of="a4", edits=[used])  # fmt: skip
    _bad(group, "a2's header under a4's nonce", "Spliced", layer="header", of="a4",
         edits=[{**whole_header, "at": _HEADER}])  # fmt: skip
    other_way = {**whole_header, "from": "b1"}
    _bad(group, "the other direction's header", "Spliced", "Reflected", layer="header", of="a4", edits=[other_way])
    _bad(group, "A's own message", "Reflected", layer="header", who="A", of="a4", good="b1")
    _bad(group, "B's own message", "Reflected", layer="header", of="b1")
    _bad(group, "an initial message without its prefix", "Spliced", layer="header", of="a0",
         edits=[{"edit": "remove", "at": _HEAD, "end": _HEAD + _PREFIX}, _xor(1, 3)])  # fmt: skip
    _bad(group, "an ordinary message behind the handshake's prefix", "Spliced", layer="header", of="a0",
         edits=[{"edit": "remove", "at": _HEAD + _PREFIX, "end": _HEAD + _PREFIX + 294},
                {"edit": "insert", "at": _HEAD + _PREFIX, "hex": pick("behind the prefix", 294)}])  # fmt: skip
    _bad(group, "an initial message to the initiator", "Reflected", layer="prefix", who="A", of="a0", good="b1")
    _bad(group, "an initial message with another prefix", "Spliced", layer="prefix", of="a0", edits=[_xor(_HEAD + 40)])
    _bad(group, "other associated data", "AssociatedData", layer="body", of="a4", ad=b"room 7")

    def with_data(scene: Scene) -> None:
        scene.do("send", who="A", id="a5", plaintext=b"a5", ad=b"room 7")
        scene.refuse("deliver", _AUTHENTICATION, "body", who="B", of="a5")
        scene.do("deliver", who="B", of="a5", ad=b"room 7")

    group.refused("associated data left out", "AssociatedData", events=with_data)


def _again(group: Scenes) -> None:
    _bad(group, "the newest message again", "Duplicate", error="DuplicateMessage", layer="chain", of="a3")
    _bad(group, "an older message again", "Duplicate", error="DuplicateMessage", layer="chain", of="a1")
    _bad(group, "the first message again", "Duplicate", error="DuplicateMessage", layer="chain", of="a0")
    _bad(group, "the answer again", "Duplicate", error="DuplicateMessage", layer="chain", who="A", of="b0", good="b1")

    def late(scene: Scene) -> None:
        hear(scene, "B", "a2")
        scene.refuse("deliver", "DuplicateMessage", "chain", who="B", of="a2")
        hear(scene, "B", "a4")

    group.refused("a late message twice", "Duplicate", "LostMessage", events=late)

    def given_up(scene: Scene) -> None:
        scene.do("forget", who="B")
        scene.refuse("deliver", "MessageKeyEvicted", "chain", who="B", of="a2")
        hear(scene, "B", "a4")

    group.refused("a late message whose key was given up", "Eviction", events=given_up)


# --- hostile headers ----------------------------------------------------------------------------


def _forged(
    group: Scenes, comment: str, *flags: str, error: str, layer: str, opens: bool = False, **changes: Any
) -> None:
    """A's next message with a changed header, on its open chain or on a new one."""

    def events(scene: Scene) -> None:
        if opens:
            hear(scene, "A", "b1")
            hear(scene, "B", "a4")
        made = {name: change(scene) if callable(change) else change for name, change in changes.items()}
        scene.refuse("deliver", error, layer, who="B", bytes=forge(scene, "A", **made))
        if opens:
            tell(scene, "A", "B", "good")
        else:
            hear(scene, "B", "a4")

    group.refused(comment, *flags, events=events)


def _hostile(group: Scenes) -> None:
    violation, forked = "ProtocolViolation", "SessionForked"
    for number in (2**24, 2**31 - 1, 2**31, 2**32 - 1):
        _forged(group, f"N of {number}", "CounterEdge", error=violation, layer="header content", number=number)
    _forged(group, "N 1,001 ahead", "Limit", error="TooManySkipped", layer="chain", number=4 + 1001)
    _forged(group, "N of 2^24 - 1", "CounterEdge", error="TooManySkipped", layer="chain", number=2**24 - 1)
    for number in (0, 2, 2**32 - 1):
        _forged(
            group, f"another PN in the chain: {number}", "Cloned", error=forked, layer="chain", previous_length=number
        )
    _forged(
        group,
        "another ratchet key in the chain",
        "Cloned",
        error=forked,
        layer="chain",
        ratchet_key=dh_public("hostile"),
    )
    _forged(group, "another pq epoch in the chain", "Cloned", error=forked, layer="chain", pq_epoch=1)
    _hostile_chunks(group)
    _hostile_chains(group)

    def padded(scene: Scene) -> None:
        scene.refuse("deliver", _AUTHENTICATION, "padding", who="B", bytes=with_padded(scene, "A", bytes(64)))
        hear(scene, "B", "a4")

    group.refused("an authentic body without a padding marker", "PaddingOracle", events=padded)

    def wrong_tail(scene: Scene) -> None:
        scene.refuse(
            "deliver", _AUTHENTICATION, "padding", who="B", bytes=with_padded(scene, "A", b"text\x80" + b"\1" * 59)
        )
        hear(scene, "B", "a4")

    group.refused("an authentic body with another tail", "PaddingOracle", events=wrong_tail)


def _hostile_chunks(group: Scenes) -> None:
    data, violation = pick("hostile chunk", 96), "ProtocolViolation"
    for comment, chunk in {
        "a ciphertext chunk from the owner": Chunk(2, 0, data),
        "a chunk of kind 3": Chunk(3, 0, data),
        "a chunk of kind 255": Chunk(255, 0, data),
        "a chunk of index 64": Chunk(1, 64, data),
        "a chunk of index 255": Chunk(1, 255, data),
        "an idle field with data": Chunk(0, 0, data),
        "an idle field with an index": Chunk(0, 1, bytes(96)),
    }.items():
        _forged(group, comment, "PqRole", "HostileHeader", error=violation, layer="pq", chunk=chunk)

    def no_key_sent(scene: Scene) -> None:
        """B answers with a ciphertext before it has a key: A has sent one, so B must be in the other role's place."""
        scene.refuse("deliver", violation, "pq", who="A", bytes=forge(scene, "B", chunk=Chunk(1, 0, data)))
        hear(scene, "A", "b1")

    group.refused("a key chunk from the other side", "PqRole", "HostileHeader", events=no_key_sent)


def _hostile_chains(group: Scenes) -> None:
    violation = "ProtocolViolation"
    for comment, flag, key in (
        ("a ratchet key of zeros", "SmallOrder", bytes(32)),
        (
            "a ratchet key of order 8",
            "SmallOrder",
            bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        ),
        ("a non-canonical ratchet key", "NonCanonical", b"\xff" * 31 + b"\x7f"),
        (
            "a ratchet key with the top bit",
            "NonCanonical",
            dh_public("hostile")[:31] + bytes([dh_public("hostile")[31] | 128]),
        ),
    ):
        _forged(
            group, comment, flag, "HostileHeader", error=violation, layer="header content", opens=True, ratchet_key=key
        )

    def own(scene: Scene) -> bytes:
        sending = scene.world.sessions["B"]._state.ratchet.sending
        if sending is None:
            raise RuntimeError("B has no ratchet key")
        return sending.key_pair.public

    def current(scene: Scene) -> bytes:
        return scene.world.sessions["B"]._state.ratchet.turn.peer_ratchet_key

    def older(scene: Scene) -> bytes:
        return scene.world.sessions["B"]._state.ratchet.closed[-1].ratchet_key

    for comment, find in (("B's own", own), ("the open chain's", current), ("a closed chain's", older)):
        _forged(group, f"{comment} ratchet key as a new one", "Reflected", "HostileHeader", error=violation,
                layer="header content", opens=True, ratchet_key=find)  # fmt: skip
    _forged(
        group,
        "a PN above 2^24",
        "CounterEdge",
        error=violation,
        layer="header content",
        opens=True,
        previous_length=2**24 + 1,
    )
    _forged(
        group,
        "a PN of 2^32 - 1",
        "CounterEdge",
        error=violation,
        layer="header content",
        opens=True,
        previous_length=2**32 - 1,
    )
    _forged(
        group, "a PN 1,001 ahead", "Limit", error="TooManySkipped", layer="chain", opens=True, previous_length=4 + 1001
    )
    _forged(group, "gaps of 500 and 501", "Limit", "CrossChainSkip", error="TooManySkipped", layer="chain", opens=True,
            previous_length=4 + 500, number=501)  # fmt: skip
    for epoch in (1, 2, 2**32 - 1):
        _forged(group, f"pq epoch {epoch} without a secret", "PqRole", "HostileHeader", error=violation, layer="pq",
                opens=True, pq_epoch=epoch)  # fmt: skip


# --- clones -------------------------------------------------------------------------------------


def _cloned(document: Document) -> None:
    group = document.scenes("A and B have taken two turns each; both are saved on the way.", _with_backups)

    def beyond(scene: Scene) -> None:
        scene.do("restore", who="A2", slot="A on its second chain")
        say(scene, "A2", "beyond")
        scene.refuse("deliver", _AUTHENTICATION, "chain", who="B", of="beyond")
        tell(scene, "A", "B", "good")

    group.refused("a message behind the end of its closed chain", "Cloned", events=beyond)

    def second(scene: Scene) -> None:
        scene.do("restore", who="A2", slot="A before its third chain")
        say(scene, "A2", "twin")
        scene.refuse("deliver", "SessionForked", "chain", who="B", of="twin")
        tell(scene, "A", "B", "good")

    group.refused("a second chain under one header key", "Cloned", events=second)

    def unanswered(scene: Scene) -> None:
        scene.do("restore", who="B2", slot="B before its answer")
        scene.refuse("deliver", "SessionForked", "header content", who="B2", of="a3")
        tell(scene, "A", "B", "good")

    group.refused("a chain that answers a ratchet key lost with a save", "Cloned", "Restored", events=unanswered)

    def number_again(scene: Scene) -> None:
        scene.do("restore", who="A2", slot="A after its third chain's first")
        say(scene, "A2", "same number")
        tell(scene, "A", "B", "a4")
        scene.refuse("deliver", "DuplicateMessage", "chain", who="B", of="same number")
        tell(scene, "A", "B", "good")

    group.refused("another message of a used number", "Cloned", "Duplicate", events=number_again)

    def seven_chains(scene: Scene) -> None:
        scene.do("save", who="A", slot="now")
        say(scene, "A", "old")
        for number in range(6):
            tell(scene, "B", "A", f"b{10 + number}")
            tell(scene, "A", "B", f"a{10 + number}")
        scene.refuse("deliver", _AUTHENTICATION, "header", who="B", of="old")
        tell(scene, "A", "B", "good")

    group.refused("a message of the sixth closed chain", "Limit", events=seven_chains)


def _with_backups(scene: Scene) -> None:
    confirmed(scene)
    tell(scene, "A", "B", "a1")
    scene.do("save", who="A", slot="A on its second chain")
    scene.do("save", who="B", slot="B before its answer")
    tell(scene, "B", "A", "b1")
    scene.do("save", who="A", slot="A before its third chain")
    tell(scene, "A", "B", "a3")
    scene.do("save", who="A", slot="A after its third chain's first")


def _processes(group: Scenes) -> None:
    def forked(scene: Scene) -> None:
        scene.refuse("fork", "ForkedProcess", "process", who="B", of="a4")
        hear(scene, "B", "a4")

    group.refused("in a forked child", "Process", events=forked)

    def twice(scene: Scene) -> None:
        scene.refuse("concur", "ConcurrentUse", "process", who="B", of="a4")
        hear(scene, "B", "a4")

    group.refused("by a second thread", "Process", events=twice)


# --- handshakes ---------------------------------------------------------------------------------


def _handshake() -> Document:
    document = Document("handshake_bad", "One bad event a case: first messages and bundles that are refused.")
    _first_messages(document.scenes("Alice has initiated with a one-time item; a0 is on its way.", _with_carol))
    _without_item(document.scenes("Alice has initiated without a one-time item; a0 is on its way.", _no_item))
    _initiating(document.scenes("Bob has handed out a bundle.", _with_bundles))
    return document


def _with_carol(scene: Scene) -> None:
    initiated(scene)
    scene.do("identity", who="carol")


def _no_item(scene: Scene) -> None:
    initiated(scene, items=0)


def _accept(**changes: Any) -> dict[str, Any]:
    return {"who": "B", "device": "bob", "of": "a0", "now": NOW, **changes}


def _refused_first(group: Scenes, comment: str, *flags: str, error: str, layer: str, **changes: Any) -> None:
    """A first message that is refused, and then as it was sent."""

    def events(scene: Scene) -> None:
        scene.refuse("accept", error, layer, **_accept(**changes))
        scene.do("accept", **_accept())

    group.refused(comment, *flags, events=events)


def _first_messages(group: Scenes) -> None:
    frame = _HEAD + _PREFIX
    small = {"edit": "replace", "at": _HEAD + 33, "hex": bytes(32)}
    for comment, flag, error, layer, edits in (
        ("another bundle id", "Tampered", "UnknownPrekey", "prekeys", [_xor(_HEAD)]),
        ("another item id", "Tampered", "UnknownPrekey", "prekeys", [_xor(_HEAD + 17)]),
        ("a flag of 3", "UnknownType", "MalformedMessage", "encoding", [_xor(_HEAD + 16, 2)]),
        ("an item id without its flag", "NonZeroPadding", "MalformedMessage", "encoding", [_xor(_HEAD + 16)]),
        ("the one-time item taken out", "Downgrade", _AUTHENTICATION, "identity block",
         [{"edit": "replace", "at": _HEAD + 16, "hex": bytes(17)}]),
        ("an ephemeral key of small order", "SmallOrder", "InvalidKey", "key", [small]),
        ("an ephemeral key with the top bit", "NonCanonical", "InvalidKey", "key", [_xor(_HEAD + 33 + 31, 128)]),
        ("another ephemeral key", "Tampered", _AUTHENTICATION, "identity block", [_xor(_HEAD + 33)]),
        ("another KEM ciphertext", "ImplicitRejection", _AUTHENTICATION, "identity block", [_xor(_HEAD + 65)]),
        ("another nonce of the block", "Tampered", _AUTHENTICATION, "identity block", [_xor(_HEAD + 1633)]),
        ("another commitment of the block", "KeyCommitment", _AUTHENTICATION, "identity block", [_xor(_HEAD + 1657)]),
        ("another sealed block", "Tampered", _AUTHENTICATION, "identity block", [_xor(frame - 1)]),
        ("another nonce", "Tampered", _AUTHENTICATION, "header", [_xor(frame)]),
        ("another header", "Tampered", _AUTHENTICATION, "header", [_xor(frame + 24)]),
        ("another commitment", "Tampered", _AUTHENTICATION, "body", [_xor(frame + 182)]),
        ("another ciphertext", "Tampered", _AUTHENTICATION, "body", [_xor(frame + 230)]),
    ):  # fmt: skip
        _refused_first(group, comment, flag, error=error, layer=layer, edits=edits)
    _refused_first(group, "as an ordinary message", "Spliced", error="MalformedMessage", layer="framing",
                   edits=[{"edit": "remove", "at": _HEAD, "end": frame}, _xor(1, 3)])  # fmt: skip
    _refused_first(group, "other associated data", "AssociatedData", error=_AUTHENTICATION, layer="body", ad=b"room 7")
    _refused_first(
        group, "not the pinned identity", "IdentityChange", error="IdentityChanged", layer="policy", known="carol"
    )
    early = {"error": "HandshakeExpired", "layer": "policy"}
    _refused_first(group, "created more than a day in the future", "Validity", "Limit", **early, now=NOW - DAY - 1)
    late = NOW + 28 * DAY + 1
    _refused_first(
        group, "past the bundle's retention", "Validity", "Limit", error="UnknownPrekey", layer="prekeys", now=late
    )

    def used(scene: Scene) -> None:
        scene.do("accept", **_accept())
        scene.refuse("accept", "UnknownPrekey", "prekeys", **_accept(who="B2"))
        tell(scene, "B", "A", "b0")

    group.refused("an item that was used", "OneTime", "InitialReplay", events=used)

    def revoked(scene: Scene) -> None:
        scene.do("revoke", who="bob", bundle="bundle")
        scene.refuse("accept", "UnknownPrekey", "prekeys", **_accept())

    group.refused("an item that was revoked", "OneTime", events=revoked)
    _bad_first_bodies(group)


def _bad_first_bodies(group: Scenes) -> None:
    def padded(scene: Scene) -> None:
        scene.refuse(
            "accept",
            _AUTHENTICATION,
            "padding",
            who="B",
            device="bob",
            now=NOW,
            bytes=with_padded(scene, "A", bytes(64)),
        )
        scene.do("accept", **_accept())

    group.refused("an authentic first body without a padding marker", "PaddingOracle", events=padded)

    def violating(scene: Scene) -> None:
        scene.do("accept", **_accept())
        message = forge(scene, "A", previous_length=1)
        scene.refuse("deliver", "SessionForked", "chain", who="B", bytes=message)
        tell(scene, "B", "A", "b0")

    group.refused("a second message of a chain with another PN", "Cloned", events=violating)

    def not_the_first(scene: Scene) -> None:
        message = forge(scene, "A", previous_length=1)
        scene.refuse("accept", "ProtocolViolation", "header content", who="B", device="bob", now=NOW, bytes=message)
        scene.do("accept", **_accept())

    group.refused("a first chain with one before it", "HostileHeader", events=not_the_first)


def _without_item(group: Scenes) -> None:
    def again(scene: Scene) -> None:
        scene.do("accept", **_accept())
        scene.refuse("accept", "HandshakeReplayed", "prekeys", **_accept(who="B2"))
        tell(scene, "B", "A", "b0")

    group.refused("a handshake again", "InitialReplay", events=again)

    def rotated(scene: Scene) -> None:
        scene.do("accept", **_accept())
        scene.do("rotate", who="bob", now=NOW + 7 * DAY)
        scene.refuse("accept", "HandshakeReplayed", "prekeys", **_accept(who="B2", now=NOW + 7 * DAY))
        tell(scene, "B", "A", "b0")

    group.refused("a handshake again after a rotation", "InitialReplay", events=rotated)

    def full(scene: Scene) -> None:
        scene.do("remember", who="bob", count=4096)
        scene.refuse("accept", "ReplayMemoryFull", "prekeys", **_accept())
        scene.do("remember", who="bob", count=4095)
        scene.do("accept", **_accept())

    group.refused("a replay memory that is full", "Limit", "InitialReplay", events=full)

    def gone(scene: Scene) -> None:
        scene.do("revoke", who="bob", bundle="bundle", signed=True)
        scene.refuse("accept", "UnknownPrekey", "prekeys", **_accept())

    group.refused("a bundle that was revoked", "Validity", events=gone)


def _with_bundles(scene: Scene) -> None:
    devices(scene)
    scene.do("identity", who="carol")
    scene.do("hand_out", who="bob", id="without item")
    scene.do("ring", who="alice", now=NOW, items=0)
    scene.do("hand_out", who="alice", id="alice's own")


def _initiating(group: Scenes) -> None:
    usual = {"who": "A", "device": "alice", "peer": "bob", "bundle": "bundle", "now": NOW}
    cases: list[tuple[str, str, str, str, dict[str, Any]]] = [
        ("a bundle for another address", "Misbinding", "BundleRejected", "WRONG_ADDRESS", {"peer": "alice"}),
        ("not the pinned identity", "IdentityChange", "IdentityChanged", "", {"expected": "carol"}),
        ("a bundle past its end", "Validity", "BundleRejected", "EXPIRED", {"now": NOW + 14 * DAY + 1}),
        ("a bundle of the far future", "Validity", "BundleRejected", "NOT_YET_VALID", {"now": NOW - DAY - 1}),
        ("a bundle of an older epoch", "Validity", "BundleRejected", "OLD_EPOCH", {"minimum_epoch": 2}),
        (
            "no one-time item",
            "OneTime",
            "BundleRejected",
            "NO_ONE_TIME",
            {"bundle": "without item", "require_one_time": True},
        ),
        (
            "one's own bundle",
            "OwnIdentity",
            "BundleRejected",
            "OWN_IDENTITY",
            {"bundle": "alice's own", "peer": "alice"},
        ),
    ]
    for comment, flag, error, reason, changes in cases:

        def events(scene: Scene, error: str = error, reason: str = reason, changes: dict[str, Any] = changes) -> None:
            scene.refuse("initiate", error, "policy", reason, **{**usual, **changes})
            scene.do("initiate", **usual)

        group.refused(comment, flag, events=events)
