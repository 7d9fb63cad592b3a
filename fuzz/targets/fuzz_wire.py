"""A message or a handshake prefix that parses is put together to the same bytes; whatever else is refused."""

from __future__ import annotations

from typing import Final

from harness.oracles import parsed, require, require_same

from ratchetlib.handshake.prefix import Prefix
from ratchetlib.session.message import join, prefix_of, split

_MAX_PADDED: Final = 2**20


def one_input(data: bytes) -> None:
    """The bytes as a message, and behind its first two bytes as a prefix."""
    parts = parsed(lambda message: split(message, _MAX_PADDED), data)
    if parts is not None:
        prefix, (nonce, header, body) = parts
        require_same(data, join(prefix, nonce + header + body))
        require(prefix_of(data) == prefix, "another prefix than the message begins with")
    else:
        parsed(prefix_of, data)
    handshake = parsed(Prefix.from_bytes, data[2:])
    if handshake is not None:
        require_same(data[2:], handshake.to_bytes())
