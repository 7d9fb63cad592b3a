"""limits.json and prekey_ring.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.forge import number_set

from generator.casting import confirmed, hear, initiated, say, tell
from generator.document import Document
from generator.people import ALICE, BOB, DAY, NOW, pick
from ratchetlib import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.document import Scene, Scenes


def documents() -> Iterator[Document]:
    """The files."""
    yield _limits()
    yield _ring()


def _limits() -> Document:
    document = Document(
        "limits", "Limits one below, at, and one above; what goes first when a store is full; counters at their edges."
    )
    _skipping(document.scenes("A's chain is open, B has its first message.", _open_chain))
    _storing(document.scenes("A's chain is open, B has its first message.", _open_chain))
    _chains(document.scenes("A's chain is open, B has its first message.", _open_chain))
    _health(document.scenes("A's chain is open, B has its first message.", _open_chain))
    _sizes(document.scenes("A's chain is open, B has its first message.", _open_chain))
    _times(document.scenes("Alice has initiated; a0 is on its way.", initiated))
    _rings(document.scenes("A device without a ring.", lambda scene: scene.do("identity", who="bob", address=BOB)))
    return document


def _open_chain(scene: Scene) -> None:
    confirmed(scene)
    tell(scene, "A", "B", "a1")


def _two_devices(scene: Scene) -> None:
    scene.do("identity", who="alice", address=ALICE)
    scene.do("identity", who="bob", address=BOB)


def _skipping(group: Scenes) -> None:
    for count in (999, 1000):

        def within(scene: Scene, count: int = count) -> None:
            scene.do("lose", who="A", count=count)
            tell(scene, "A", "B", "next")
            scene.do("expect", who="B")

        group.scene(f"{count} missing in a chain", "Limit", "LostMessage", events=within)

    def beyond(scene: Scene) -> None:
        scene.do("lose", who="A", count=1000)
        say(scene, "A", "near")
        say(scene, "A", "far")
        scene.refuse("deliver", "TooManySkipped", "chain", who="B", of="far")
        hear(scene, "B", "near")
        hear(scene, "B", "far")

    group.refused("1,001 missing in a chain", "Limit", "LostMessage", events=beyond)

    for old, new in ((1000, 0), (0, 1000), (500, 500), (499, 500)):

        def two_gaps(scene: Scene, old: int = old, new: int = new) -> None:
            _two_gaps(scene, old, new)

        comment = f"{old} missing in the old chain, {new} in the new one"
        group.scene(comment, "Limit", "CrossChainSkip", events=two_gaps)

    def both(scene: Scene) -> None:
        _lose_at_the_end(scene, 500)
        say(scene, "A", "first")
        scene.do("lose", who="A", count=500)
        say(scene, "A", "far")
        scene.refuse("deliver", "TooManySkipped", "chain", who="B", of="far")
        hear(scene, "B", "first")
        hear(scene, "B", "far")

    group.refused("500 missing in the old chain, 501 in the new one", "Limit", "CrossChainSkip", events=both)


def _two_gaps(scene: Scene, old: int, new: int) -> None:
    _lose_at_the_end(scene, old)
    say(scene, "A", "first")
    if new > 1:
        scene.do("lose", who="A", count=new - 1)
        say(scene, "A", "next")
        hear(scene, "B", "next")
    hear(scene, "B", "first")
    scene.do("expect", who="B")


def _lose_at_the_end(scene: Scene, count: int) -> None:
    """So many messages missing at the end of A's open chain, which B's answer closes."""
    if count:
        scene.do("lose", who="A", count=count)
    tell(scene, "B", "A", f"b{len(scene.events)}")


def _storing(group: Scenes) -> None:
    """Two chains of 1,000 missing messages each; of the first chain, the two lowest are at hand."""

    def filled(scene: Scene) -> None:
        say(scene, "A", "lowest")
        say(scene, "A", "second")
        scene.do("lose", who="A", count=997)
        say(scene, "A", "thousandth")
        tell(scene, "A", "B", "end of the first")
        tell(scene, "B", "A", "between")
        say(scene, "A", "lowest of the second")
        scene.do("lose", who="A", count=999)
        tell(scene, "A", "B", "end of the second")
        scene.do("expect", who="B")

    def full(scene: Scene) -> None:
        filled(scene)
        hear(scene, "B", "lowest")
        scene.do("expect", who="B")

    group.scene("2,000 stored keys: none evicted", "Limit", "Eviction", events=full)

    def one_more(scene: Scene) -> None:
        filled(scene)
        scene.do("lose", who="A", count=1)
        tell(scene, "A", "B", "one more")
        scene.do("expect", who="B")
        scene.refuse("deliver", "MessageKeyEvicted", "chain", who="B", of="lowest")
        hear(scene, "B", "second")

    group.refused("2,001 stored keys: the lowest of the oldest chain goes", "Limit", "Eviction", events=one_more)

    def thousand_more(scene: Scene) -> None:
        filled(scene)
        scene.do("lose", who="A", count=1000)
        tell(scene, "A", "B", "many more")
        scene.do("expect", who="B")
        scene.refuse("deliver", "MessageKeyEvicted", "chain", who="B", of="thousandth")
        hear(scene, "B", "lowest of the second")

    group.refused("3,000 stored keys: the oldest chain's go", "Limit", "Eviction", events=thousand_more)

    def across(scene: Scene) -> None:
        filled(scene)
        scene.do("lose", who="A", count=1000)
        tell(scene, "A", "B", "many more")
        scene.do("lose", who="A", count=1)
        tell(scene, "A", "B", "still more")
        scene.do("expect", who="B")
        scene.refuse("deliver", "MessageKeyEvicted", "chain", who="B", of="lowest of the second")
        hear(scene, "A", _said_by_b(scene))

    group.refused("3,001 stored keys: then the next chain's lowest", "Limit", "Eviction", events=across)


def _said_by_b(scene: Scene) -> str:
    say(scene, "B", "an answer")
    return "an answer"


def _chains(group: Scenes) -> None:
    def kept(scene: Scene) -> None:
        say(scene, "A", "old")
        for number in range(5):
            tell(scene, "B", "A", f"b{10 + number}")
            tell(scene, "A", "B", f"a{10 + number}")
        hear(scene, "B", "old")

    group.scene("a message of the fifth closed chain", "Limit", "CrossChainSkip", events=kept)

    def last(scene: Scene) -> None:
        _at_number(scene, 2**24 - 1)
        tell(scene, "A", "B", "last")
        scene.refuse("send", "ChainExhausted", "chain", who="A", id="none", plaintext=b"")
        tell(scene, "B", "A", "an answer")
        tell(scene, "A", "B", "a new chain")

    group.refused("2^24 messages in a chain", "Limit", "CounterEdge", events=last)

    def before_last(scene: Scene) -> None:
        _at_number(scene, 2**24 - 2)
        say(scene, "A", "before the last")
        tell(scene, "A", "B", "last")
        hear(scene, "B", "before the last")

    group.scene("one less, one missing", "Limit", "CounterEdge", events=before_last)
    for number in (2**16, 2**23):

        def far(scene: Scene, number: int = number) -> None:
            _at_number(scene, number - 1)
            for name in ("one", "two", "three"):
                tell(scene, "A", "B", name)

        group.scene(f"across message {number}", "CounterEdge", events=far)

    def chunks(scene: Scene) -> None:
        scene.do("lose", who="A", count=61)
        for name in ("index 62", "index 63", "index 0", "index 1"):
            tell(scene, "A", "B", name)

    group.scene("chunks start over after 64", "Limit", "PqEpoch", events=chunks)


def _at_number(scene: Scene, number: int) -> None:
    """Both sides as if so many messages of A's chain had been sent and read."""
    sender = number_set(scene.world.sessions["A"], number)
    receiver = scene.world.sessions["B"]._state
    chain = receiver.ratchet.receiving
    if chain is None:
        raise RuntimeError("B has received nothing")
    moved = receiver._replace(ratchet=receiver.ratchet._replace(receiving=chain._replace(number=number)))
    # Chain keys stay as they are, the same on both sides: only the numbers jump.
    same = sender._state.ratchet.sending
    if same is None or chain.chain_key is None or same.chain_key.raw != chain.chain_key.raw:
        raise RuntimeError("the chain keys differ")
    scene.do("load", who="A", content=sender._to_state())
    scene.do("load", who="B", content=Session(moved)._to_state())


def _health(group: Scenes) -> None:
    for due, step, name in ((50, "dh", "a Diffie-Hellman step"), (500, "pq", "a post-quantum step")):

        def waiting(scene: Scene, due: int = due, step: str = step) -> None:
            since = scene.do("expect", who="A")["health"][f"messages_since_{step}_step"]
            scene.do("lose", who="A", count=due - 1 - since)
            scene.do("expect", who="A")
            scene.do("lose", who="A", count=1)
            scene.do("expect", who="A")

        group.scene(f"{due} messages since {name}", "Limit", events=waiting)


def _sizes(group: Scenes) -> None:
    def longest(scene: Scene) -> None:
        scene.do("send", who="A", id="longest", zeros=2**20)
        scene.do("deliver", who="B", of="longest", long=True)

    group.scene("1 MiB of plaintext", "Limit", events=longest)

    for comment, layer, length in (
        ("a byte more than 1 MiB, in the same padded length", "padding", 2**20 + 1),
        ("more than what 1 MiB is padded to", "framing", 2**20 + 2**15),
    ):

        def longer(scene: Scene, layer: str = layer, length: int = length) -> None:
            scene.do("send", who="A", id="longer", zeros=length, max_plaintext=2**21)
            scene.refuse("deliver", "MalformedMessage", layer, who="B", of="longer")
            scene.do("deliver", who="B", of="longer", long=True, max_plaintext=2**21)

        group.refused(comment, "Limit", events=longer)
    for comment, error, layer, sent, taken in (
        ("64 bytes, 63 taken", "MalformedMessage", "padding", 64, 63),
        ("63 bytes, 62 taken", "MalformedMessage", "padding", 63, 62),
        ("one byte, none taken", "MalformedMessage", "padding", 1, 0),
    ):

        def too_long(
            scene: Scene, error: str = error, layer: str = layer, sent: int = sent, taken: int = taken
        ) -> None:
            scene.do("send", who="A", id="a2", plaintext=pick("text", sent))
            scene.refuse("deliver", error, layer, who="B", of="a2", max_plaintext=taken)
            scene.do("deliver", who="B", of="a2", max_plaintext=sent)

        group.refused(comment, "Limit", events=too_long)
    for comment, inputs in (
        ("1 MiB and a byte of plaintext", {"zeros": 2**20 + 1}),
        ("a limit above 2^30", {"plaintext": b"", "max_plaintext": 2**30 + 1}),
        ("a limit below 0", {"plaintext": b"", "max_plaintext": -1}),
        ("65,537 bytes of associated data", {"plaintext": b"", "ad_zeros": 2**16 + 1}),
        ("a padding policy that is too small", {"plaintext": bytes(16), "padding": "buckets", "buckets": [16]}),
    ):

        def unusable(scene: Scene, inputs: dict[str, Any] = inputs) -> None:
            scene.refuse("send", "UsageError", "caller", who="A", id="none", **inputs)
            tell(scene, "A", "B", "a2")

        group.refused(comment, "Limit", events=unusable)

    def data(scene: Scene) -> None:
        scene.do("send", who="A", id="a2", plaintext=b"a2", ad_zeros=2**16)
        scene.do("deliver", who="B", of="a2", ad_zeros=2**16)
        scene.do("send", who="A", id="a3", plaintext=b"", max_plaintext=2**30)
        scene.do("deliver", who="B", of="a3", max_plaintext=0)

    group.scene("65,536 bytes of associated data; an empty plaintext", "Limit", events=data)


def _times(group: Scenes) -> None:
    end = NOW + 14 * DAY

    def early(scene: Scene) -> None:
        scene.do("accept", who="B", device="bob", of="a0", now=NOW - DAY)

    group.scene("created a day in the future", "Limit", "Validity", events=early)

    def late(scene: Scene) -> None:
        scene.do("accept", who="B", device="bob", of="a0", now=end + 14 * DAY)

    group.scene("two weeks after the bundle's end", "Limit", "Validity", events=late)

    def expiring(scene: Scene) -> None:
        scene.do("send", who="A", id="at the end", plaintext=b"", now=end)
        scene.refuse("send", "SessionExpired", "policy", who="A", id="none", plaintext=b"", now=end + 1)
        scene.do("accept", who="B", device="bob", of="at the end", now=end)
        tell(scene, "B", "A", "b0")
        scene.do("send", who="A", id="confirmed", plaintext=b"", now=end + 1)

    group.refused("an unconfirmed session past its bundle's end", "Limit", "Validity", events=expiring)

    def far(scene: Scene) -> None:
        scene.refuse("accept", "UsageError", "caller", who="B", device="bob", of="a0", now=2**38)
        scene.do("accept", who="B", device="bob", of="a0", now=NOW)

    group.refused("a time of 2^38", "Limit", events=far)


def _rings(group: Scenes) -> None:
    usual: dict[str, Any] = {"who": "bob", "now": NOW, "items": 0}
    for comment, change in (
        ("a validity of 14 days and a second", {"lifetime": 14 * DAY + 1}),
        ("no validity", {"lifetime": 0}),
        ("an epoch of 2^64", {"epoch": 2**64}),
    ):

        def refused(scene: Scene, change: dict[str, Any] = change) -> None:
            scene.refuse("ring", "UsageError", "caller", **{**usual, **change})
            scene.do("ring", **usual)

        group.refused(comment, "Limit", events=refused)
    for length in (0, 129):

        def address(scene: Scene, length: int = length) -> None:
            scene.do("identity", who="carol", address=bytes(length))
            scene.refuse("ring", "UsageError", "caller", who="carol", now=NOW, items=0)

        group.refused(f"an address of {length} bytes", "Limit", events=address)

    def edge(scene: Scene) -> None:
        scene.do("ring", **usual, lifetime=1, epoch=2**64 - 1)
        scene.refuse("rotate", "UsageError", "caller", who="bob", now=NOW)

    group.refused("an epoch behind 2^64 - 1", "CounterEdge", events=edge)

    def eight(scene: Scene) -> None:
        scene.do("ring", **usual)
        for number in range(7):
            scene.do("rotate", who="bob", now=NOW + number)
        scene.refuse("rotate", "UsageError", "caller", who="bob", now=NOW + 7)
        scene.do("rotate", who="bob", now=NOW + 28 * DAY + 1)

    group.refused("a ninth bundle", "Limit", events=eight)

    for items, count in ((0, 1001), (3, 998), (0, -1)):

        def crowded(scene: Scene, items: int = items, count: int = count) -> None:
            scene.do("ring", **{**usual, "items": items})
            scene.refuse("replenish", "UsageError", "caller", who="bob", count=count)
            scene.do("replenish", who="bob", count=1)

        group.refused(f"{count} more one-time items than {items}", "Limit", events=crowded)


def _ring() -> Document:
    document = Document("prekey_ring", "A ring's life: what is made, given away, used, retired and revoked.")
    group = document.scenes("Two devices.", _two_devices)
    group.scene("items of an epoch go with the next bundle, and then no more", "OneTime", "Validity", events=_epochs)
    group.scene("items are given away once", "OneTime", events=_given_away)
    group.scene("private halves live two weeks longer than their bundle", "Validity", events=_retired)
    group.scene(
        "what was accepted is settled in a ring that lost its save", "InitialReplay", "Restored", events=_settled
    )
    group.scene("the same without a one-time item", "InitialReplay", "Restored", events=_settled_without_item)
    group.scene("an unknown prekey is revoked once", "Validity", events=_revoked)
    return document


def _begun(scene: Scene, who: str, bundle: str, now: int) -> None:
    scene.do("initiate", who=who, device="alice", peer="bob", bundle=bundle, now=now)
    say(scene, who, f"{who} 0")


def _epochs(scene: Scene) -> None:
    scene.do("ring", who="bob", now=NOW, items=2)
    scene.do("hand_out", who="bob", id="first")
    scene.do("rotate", who="bob", now=NOW + 7 * DAY)
    scene.do("hand_out", who="bob", id="second")
    scene.do("rotate", who="bob", now=NOW + 14 * DAY)
    scene.do("hand_out", who="bob", id="third")
    for number, bundle in enumerate(("first", "second", "third")):
        _begun(scene, f"A{number}", bundle, NOW + 7 * number * DAY)
        scene.do("accept", who=f"B{number}", device="bob", of=f"A{number} 0", now=NOW + 14 * DAY)


def _given_away(scene: Scene) -> None:
    scene.do("ring", who="bob", now=NOW, items=1)
    scene.do("hand_out", who="bob", id="with")
    scene.do("hand_out", who="bob", id="without")
    scene.do("replenish", who="bob", count=1)
    scene.do("hand_out", who="bob", id="with again")


def _retired(scene: Scene) -> None:
    scene.do("ring", who="bob", now=NOW, items=1, lifetime=DAY)
    scene.do("hand_out", who="bob", id="bundle")
    _begun(scene, "A", "bundle", NOW)
    scene.do("rotate", who="bob", now=NOW + DAY)
    scene.do("retire", who="bob", now=NOW + 15 * DAY)
    scene.do("accept", who="B", device="bob", of="A 0", now=NOW + 15 * DAY)
    scene.do("retire", who="bob", now=NOW + 15 * DAY + 1)


def _settled(scene: Scene, items: int = 1) -> None:
    scene.do("ring", who="bob", now=NOW, items=items)
    scene.do("hand_out", who="bob", id="bundle")
    scene.do("save_ring", who="bob", slot="before")
    _begun(scene, "A", "bundle", NOW)
    scene.do("accept", who="B", device="bob", of="A 0", now=NOW)
    scene.do("restore_ring", who="bob", slot="before")
    scene.do("recognise", who="B", of="A 0")
    scene.do("settle", who="B", device="bob", of="A 0")
    scene.do("settle", who="B", device="bob", of="A 0")


def _settled_without_item(scene: Scene) -> None:
    _settled(scene, items=0)


def _revoked(scene: Scene) -> None:
    scene.do("ring", who="bob", now=NOW, items=1)
    scene.do("hand_out", who="bob", id="bundle")
    scene.do("revoke", who="bob", bundle="bundle")
    scene.refuse("revoke", "UsageError", "caller", who="bob", bundle="bundle")
    scene.do("revoke", who="bob", bundle="bundle", signed=True)
