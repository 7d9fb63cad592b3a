"""Whatever parses as a one-time item is re-serialized to the same bytes, and fits its bundle only if it is signed."""

from __future__ import annotations

from harness import layouts
from harness.oracles import parsed, refusal, require, require_same
from harness.people import people

from ratchetlib.labels import SIGN_ONE_TIME
from ratchetlib.prekeys.one_time import OneTimeItem
from ratchetlib.primitives import signature


def one_input(data: bytes) -> None:
    """The bytes as they come from a server."""
    item = parsed(OneTimeItem.from_bytes, data)
    if item is None:
        return
    require_same(data, item.to_bytes())
    require_same(data, layouts.one_time_item(item, data[-64:]))
    repr(item)
    owner = people().bob.public
    taken = refusal(lambda: item.require_signed_by(owner)) is None
    genuine = signature.verifies(owner.signing, SIGN_ONE_TIME, data[:-64], data[-64:])
    require(taken == genuine, "an item is taken without its signature, or refused with it")
