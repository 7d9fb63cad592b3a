"""One case: played or computed, and compared member by member."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, TypeAlias

from ratchetlib.cli.verify.draws import Draws, Recorded
from ratchetlib.cli.verify.events.play import play
from ratchetlib.cli.verify.fields import BadVectorError, Fields, portable
from ratchetlib.cli.verify.kinds import (
    accumulated,
    bundles,
    fingerprint,
    handshake,
    health,
    kdf,
    keys,
    padding,
    pq,
    registry,
    seals,
    state,
    wire,
)
from ratchetlib.cli.verify.refusal import outcome
from ratchetlib.cli.verify.world import World, named
from ratchetlib.errors import RatchetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ratchetlib.cli.verify.fields import Outputs

EVENTS: Final = "Events"
"""The type of the groups whose cases are events; all others are functions."""

FUNCTIONS: Final[dict[str, Callable[[Fields], Outputs]]] = {
    "ChainStep": kdf.chain,
    "RootStep": kdf.root,
    "Label": kdf.label,
    "Agree": keys.agree,
    "Sign": keys.sign,
    "IdentityOf": keys.identity_of,
    "Identity": keys.identity,
    "KemKey": keys.kem_key,
    "Kem": keys.kem,
    "SignedBundleOf": bundles.signed_bundle_of,
    "OneTimeItemOf": bundles.one_time_item_of,
    "SignedBundle": bundles.signed_bundle,
    "OneTimeItem": bundles.one_time_item,
    "PrekeyBundle": bundles.prekey_bundle,
    "Policy": bundles.policy,
    "Handshake": handshake.handshake,
    "Message": wire.message,
    "Prefix": wire.prefix,
    "IdentityBlockOf": wire.block_of,
    "IdentityBlock": wire.block,
    "SealHeader": seals.seal_a_header,
    "TryHeaders": seals.try_headers,
    "Seal": seals.seal_,
    "Unseal": seals.unseal,
    "Pad": padding.pad_,
    "PaddedLengths": padding.sizes,
    "Unpad": padding.unpad_,
    "ErasureEncode": pq.encode,
    "ErasureDecode": pq.decode,
    "PqOffer": pq.offer,
    "PqAnswer": pq.answer,
    "PqReadKey": pq.read_key,
    "PqReadAnswer": pq.read_answer,
    "PqMove": pq.move,
    "Fingerprint": fingerprint.fingerprint,
    "Context": state.context,
    "Blob": state.open_blob,
    "Limit": registry.limit,
    "Error": registry.error,
    "Reason": registry.reason,
    "Sample": health.sample,
    "Draws": health.draws,
    "SelfTest": health.self_test,
    "Accumulated": accumulated.accumulated,
}

ABOUT: Final = frozenset({"tcId", "comment", "flags", "result", "sha256"})
"""What a case says about itself; the rest are inputs and outputs."""


Members: TypeAlias = "Mapping[str, object]"


def check(group: Members, test: Members) -> None:
    """Verify one case of a group; `BadVectorError` says what does not hold."""
    _require_whole(test)
    refusals = _events(group, test) if group["type"] == EVENTS else _function(str(group["type"]), test)
    if (test["result"] == "invalid") != (refusals == 1):
        raise BadVectorError(f"{test['result']}, but {refusals} refusals")


def compute(function: Callable[[Fields], Outputs], fields: Fields) -> Outputs:
    """A function's outputs, a refusal among them."""
    try:
        return function(fields)
    except RatchetError as error:
        return outcome(error)


def digest_of(test: Members) -> str:
    """SHA-256 of a case as JSON without blanks, its own `sha256` left out.

    What must be refused is refused just as well with one more fault in it, and what must be ignored is ignored whatever
    it is: only this shows that such a case is whole.
    """
    rest = {name: value for name, value in test.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, separators=(",", ":")).encode()).hexdigest()


def _require_whole(test: Members) -> None:
    if ("sha256" in test or test["result"] == "invalid") and test.get("sha256") != digest_of(test):
        raise BadVectorError("the case is not what it was")


def _function(kind: str, test: Members) -> int:
    fields = Fields(test)
    outputs = compute(named(FUNCTIONS, kind), fields)
    _compare(test, fields, outputs, ABOUT)
    return int("error" in outputs)


def _events(group: Members, test: Members) -> int:
    """Play the group's setup and the case; the number of refusals in the case."""
    world, refusals = World(Draws(Recorded())), 0
    for event in _list(group.get("setup", [])):
        _happens(world, event)
    for event in _list(test["events"]):
        refusals += _happens(world, event)
    # A transcript of many events may hold what is refused, as life does; a negative case is one refusal.
    return refusals if test["result"] == "invalid" else 0


def _happens(world: World, event: Members) -> bool:
    fields = Fields(event)
    outputs = play(world, fields)
    _compare(event, fields, outputs, frozenset())
    return "error" in outputs


def _compare(members: Members, fields: Fields, outputs: Outputs, about: frozenset[str]) -> None:
    for name, computed in outputs.items():
        value = portable(computed)
        if members.get(name) != value:
            raise BadVectorError(f"{name} is {members.get(name)!r:.80}, not {value!r:.80}")
    fields.require_read(about | outputs.keys())


def _list(value: object) -> list[Members]:
    if not isinstance(value, list):
        raise BadVectorError("events are a list")
    return value
