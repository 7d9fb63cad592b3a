"""What somebody on the line can make of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.primitives import aead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.ratchet import Frame


def changed_frames(frame: Frame) -> Iterator[tuple[str, Frame, bool]]:
    """What was changed, the frame with it, and whether its header still opens."""
    nonce, header, body = frame
    yield "another header nonce", frame._replace(nonce=_flipped(nonce, 0)), False
    yield "another body nonce", frame._replace(nonce=_flipped(nonce, aead.NONCE_LENGTH)), True
    yield "another header", frame._replace(header=_flipped(header, 0)), False
    yield "another header tag", frame._replace(header=_flipped(header, -1)), False
    yield "another commitment", frame._replace(body=_flipped(body, 0)), True
    yield "another body tag", frame._replace(body=_flipped(body, -1)), True
    yield "a shorter body", frame._replace(body=body[:-1]), True
    yield "a longer body", frame._replace(body=body + bytes(1)), True


def _flipped(data: bytes, index: int) -> bytes:
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)
