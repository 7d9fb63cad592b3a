"""Any k chunks of a stream rebuild it, fewer never do, and a false chunk gives a stream of which it is a chunk."""

from __future__ import annotations

from typing import Final

from harness.oracles import refusal, require

from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH, Code

_CODES: Final = (Code(13, 64), Code(12, 64), Code(1, 4), Code(3, 256))


def one_input(data: bytes) -> None:
    """Which code, which chunk is false, how many points and which; the rest is the stream, repeated to its length."""
    head = data[:3].ljust(3, b"\0")
    code, count = _CODES[head[0] % len(_CODES)], head[2] % 16
    points, content = data[3 : 3 + count], data[3 + count :] or b"\0"
    stream = (content * (code.k * CHUNK_LENGTH // len(content) + 1))[: code.k * CHUNK_LENGTH]
    chosen = list(dict.fromkeys(point % code.points for point in points))
    chunks = {point: code.chunk(stream, point) for point in chosen}
    if len(chunks) < code.k:
        require(refusal(lambda: code.decode(chunks)) is not None, "too few chunks rebuild a stream")
        return
    require(code.decode(chunks) == stream, "the chunks of a stream rebuild another")
    _false_chunk(code, stream, chunks, chosen[head[1] % len(chosen)])


def _false_chunk(code: Code, stream: bytes, chunks: dict[int, bytes], false: int) -> None:
    used = sorted(chunks)[: code.k]
    altered = {**chunks, false: bytes(byte ^ 1 for byte in chunks[false])}
    rebuilt = code.decode(altered)
    require((rebuilt != stream) == (false in used), "a false chunk passes, or one that is not used counts")
    require(false not in used or code.chunk(rebuilt, false) == altered[false], "not a stream of these chunks")
