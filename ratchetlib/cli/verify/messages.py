"""Messages as events name them: one that was sent, the same one damaged, or bytes from nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.cli.verify.fields import BadVectorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchetlib.cli.verify.fields import Fields


def message_of(fields: Fields, sent: Mapping[str, bytes]) -> bytes:
    """The message that an event delivers: `bytes`, or the one sent as `of` after its `edits`, in order."""
    if fields.has("bytes"):
        return fields.hex("bytes")
    message = _sent(sent, fields.text("of"))
    for edit in fields.parts("edits"):
        message = _edited(message, edit, sent)
    return message


def _edited(message: bytes, edit: Fields, sent: Mapping[str, bytes]) -> bytes:
    match edit.text("edit"):
        case "xor":
            at, mask = edit.number("at"), edit.hex("hex")
            end = at + len(mask)
            changed = bytes(byte ^ flip for byte, flip in zip(message[at:end], mask, strict=True))
            return message[:at] + changed + message[end:]
        case "replace":
            at, put = edit.number("at"), edit.hex("hex")
            return message[:at] + put + message[at + len(put) :]
        case "copy":
            start, end = edit.number("at"), edit.number("end")
            return message[:start] + _sent(sent, edit.text("from"))[start:end] + message[end:]
        case "insert":
            at = edit.number("at")
            return message[:at] + edit.hex("hex") + message[at:]
        case "remove":
            return message[: edit.number("at")] + message[edit.number("end") :]
        case other:
            raise BadVectorError(f"no edit {other}")


def _sent(sent: Mapping[str, bytes], name: str) -> bytes:
    if name not in sent:
        raise BadVectorError(f"no message {name}")
    return sent[name]
