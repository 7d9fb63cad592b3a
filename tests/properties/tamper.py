"""What a network does to a message, and what the receiver should make of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from properties.model import Envelope, Letter

from ratchetlib import MalformedMessage, UnsupportedVersion
from ratchetlib.handshake import PREFIX_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD: Final = 2
NONCE: Final = 24
HEADER_NONCE: Final = 12
SEALED_HEADER: Final = 158
SHORTEST_FRAME: Final = NONCE + SEALED_HEADER + 32 + 1 + 16
_FLAG, _ITEM, _EPHEMERAL, _CIPHERTEXT = 16, 17, 33, 65


def unharmed(letter: Letter) -> Envelope:
    return Envelope(letter.message, letter, letter.initial)


def frame_start(letter: Letter) -> int:
    return HEAD + (PREFIX_LENGTH if letter.initial else 0)


def _frame(letter: Letter) -> bytes:
    return letter.message[frame_start(letter) :]


def _prefix(letter: Letter) -> bytes:
    return letter.message[HEAD : frame_start(letter)]


def flipped(letter: Letter, _other: Letter, draw: int) -> Envelope:
    """One bit turned; every field of the message is hit as often as every other."""
    start = frame_start(letter)
    edges = [0, 1, HEAD, start, start + HEADER_NONCE, start + NONCE, start + NONCE + SEALED_HEADER]
    if letter.initial:
        edges += [HEAD + offset for offset in (_FLAG, _ITEM, _EPHEMERAL, _EPHEMERAL + 31, _CIPHERTEXT, 1633)]
    edges = [*sorted(set(edges)), len(letter.message)]
    draw, field = divmod(draw, len(edges) - 1)
    draw, bit = divmod(draw, 8)
    position = edges[field] + draw % (edges[field + 1] - edges[field])
    data = bytearray(letter.message)
    data[position] ^= 1 << bit
    envelope = unharmed(letter)._replace(message=bytes(data), what=f"bit {bit} of byte {position} turned")
    if position < HEAD:
        return envelope._replace(framing=UnsupportedVersion if position == 0 else MalformedMessage)
    if position < start:
        prefix = _prefix_flipped(letter, position - HEAD, bit)
        return envelope._replace(prefix=prefix, header_ok=False, body_ok=False)
    position -= start
    header_ok = HEADER_NONCE <= position < NONCE or position >= NONCE + SEALED_HEADER
    return envelope._replace(header_ok=header_ok, body_ok=False)


def _prefix_flipped(letter: Letter, offset: int, bit: int) -> str:
    """How the parser and the ring take a prefix with this bit turned."""
    has_item = letter.handshake.item is not None
    if offset == _FLAG and bit == 0:
        return "malformed" if has_item else "unknown"
    if offset == _FLAG:
        return "malformed"
    if offset < _FLAG:
        return "unknown"
    if offset < _EPHEMERAL:
        return "unknown" if has_item else "malformed"
    if offset == _EPHEMERAL + 31 and bit == 7:
        return "invalid key"
    return "false"


def truncated(letter: Letter, _other: Letter, draw: int) -> Envelope:
    """Any length below the right one, near the edges of its parts as likely as not."""
    length = len(letter.message)
    start = frame_start(letter)
    kept = (draw // 4) % length
    if draw % 4:
        kept = [0, 1, HEAD, start, start + SHORTEST_FRAME - 1, start + SHORTEST_FRAME, length - 1][(draw // 4) % 7]
    kept = min(kept, length - 1)
    framing = MalformedMessage if kept < start + SHORTEST_FRAME else None
    return unharmed(letter)._replace(message=letter.message[:kept], framing=framing, body_ok=False, what=f"{kept=}")


def extended(letter: Letter, _other: Letter, draw: int) -> Envelope:
    extra = bytes([draw % 256]) * (1 + draw // 256 % 64)
    return unharmed(letter)._replace(message=letter.message + extra, body_ok=False, what=f"{len(extra)} bytes more")


def other_body(letter: Letter, other: Letter, _draw: int) -> Envelope:
    """The header of one, the body of another."""
    cut, other_cut = (frame_start(each) + NONCE + SEALED_HEADER for each in (letter, other))
    message = letter.message[:cut] + other.message[other_cut:]
    return unharmed(letter)._replace(message=message, body_ok=other == letter, what=f"body of {other.name}")


def other_header(letter: Letter, other: Letter, _draw: int) -> Envelope:
    """The header of another under the nonce of this one."""
    start, other_start = frame_start(letter) + NONCE, frame_start(other) + NONCE
    header = other.message[other_start : other_start + SEALED_HEADER]
    message = letter.message[:start] + header + letter.message[start + SEALED_HEADER :]
    same = other == letter
    return unharmed(letter)._replace(message=message, header_ok=same, body_ok=same, what=f"header of {other.name}")


def without_prefix(letter: Letter, _other: Letter, _draw: int) -> Envelope:
    """An initial message made ordinary."""
    if not letter.initial:
        return flipped(letter, letter, _draw)
    return unharmed(letter)._replace(
        message=b"\x01\x02" + _frame(letter), initial=False, header_ok=False, body_ok=False, what="prefix removed"
    )


def other_prefix(letter: Letter, other: Letter, draw: int) -> Envelope:
    """A frame behind the prefix of another handshake, or of its own if it had none."""
    if not other.initial or (letter.initial and letter.handshake == other.handshake):
        return extended(letter, other, draw)
    message = b"\x01\x01" + _prefix(other) + _frame(letter)
    return Envelope(message, other, initial=True, header_ok=False, body_ok=False, what=f"prefix of {other.name}")


ALTERATIONS: Final[tuple[Callable[[Letter, Letter, int], Envelope], ...]] = (
    flipped,
    flipped,
    truncated,
    extended,
    other_body,
    other_body,
    other_header,
    without_prefix,
    other_prefix,
)
