"""A scanned fingerprint verifies exactly if it is the other device's; its digits are 60 whatever its halves."""

from __future__ import annotations

from typing import Final

from harness.oracles import refusal, require

from ratchetlib import Fingerprint, FingerprintMismatch, MalformedMessage, UnsupportedVersion

_LENGTH: Final = 65


def one_input(data: bytes) -> None:
    """The first 64 bytes are our two halves; the rest was scanned."""
    halves = data[:64].ljust(64, b"\0")
    fingerprint, theirs = Fingerprint(halves[:32], halves[32:]), Fingerprint(halves[32:], halves[:32])
    scanned = data[64:]
    error = refusal(lambda: fingerprint.verify(scanned))
    if scanned == theirs.to_bytes():
        expected: type[Exception] = type(None)  # type: ignore[assignment]
    elif len(scanned) != _LENGTH:
        expected = MalformedMessage
    else:
        expected = UnsupportedVersion if scanned[0] != 1 else FingerprintMismatch
    require(type(error) is expected, "a fingerprint is judged wrongly")
    require(fingerprint.digits == theirs.digits, "the two sides see other digits")
    groups = fingerprint.digits.split(" ")
    require(len(groups) == 12 and all(len(g) == 5 and g.isdecimal() for g in groups), "digits of another form")
