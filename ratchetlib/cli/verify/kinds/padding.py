"""Padding: sizes, encodings, and the tails that no peer writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.cli.verify.fields import as_hex
from ratchetlib.cli.verify.policies import padding_of
from ratchetlib.cli.verify.refusal import Refused
from ratchetlib.padding import pad, unpad

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def pad_(fields: Fields) -> Outputs:
    """A plaintext, padded."""
    return as_hex(padded=pad(fields.hex("plaintext"), padding_of(fields)))


def sizes(fields: Fields) -> Outputs:
    """The padded lengths of plaintexts of such lengths."""
    lengths, policy = fields.numbers("lengths"), padding_of(fields)
    return {"padded_lengths": [policy.padded_length(length + 1) for length in lengths]}


def unpad_(fields: Fields) -> Outputs:
    """A padded plaintext, unpadded."""
    plaintext = unpad(fields.hex("padded"))
    if plaintext is None:
        raise Refused("AuthenticationError", "padding")
    return as_hex(plaintext=plaintext)
