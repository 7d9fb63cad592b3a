"""Seeds out of the published test vectors."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from harness.sealed import content_of
from runner.targets import FUZZ

from ratchetlib import PrekeyRing, Session, StateVault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.state.sealable import Sealable

_VECTORS: Final = FUZZ.parent / "vectors" / "v1"
_CODES: Final = {"key": 0, "ciphertext": 1}
_MAX: Final = 4_096


@cache
def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_VECTORS / f"{name}.json").read_text("utf-8"))
    return document


def cases(name: str, kind: str) -> Iterator[dict[str, Any]]:
    """The cases of one kind in one file."""
    for group in _document(name)["testGroups"]:
        if group["type"] == kind:
            yield from group["tests"]


def fields(name: str, kind: str, field: str) -> Iterator[bytes]:
    """One field of every case of a kind that has it."""
    for case in cases(name, kind):
        if field in case:
            yield bytes.fromhex(case[field])


def conversations(name: str) -> Iterator[list[dict[str, Any]]]:
    """The events of every case of events, those of the setup first."""
    for group in _document(name)["testGroups"]:
        for case in group["tests"]:
            yield [*group.get("setup", []), *case.get("events", [])]


def messages() -> Iterator[bytes]:
    """What travels in the recorded conversations."""
    for events in conversations("ratchet_01"):
        yield from (bytes.fromhex(event["message"]) for event in events[:12] if event["op"] == "send")


def contents(kind: type[Sealable]) -> Iterator[bytes]:
    """What stands in the blobs that open."""
    word = {Session: "session", PrekeyRing: "ring"}[kind]
    for case in cases("state_blob", "Blob"):
        if case["kind"] != word or case["result"] != "valid" or "minimum_generation" not in case:
            continue
        key_id, key = bytes.fromhex(case["key_id"]), bytes.fromhex(case["storage_key"])
        owner, peer = bytes.fromhex(case["owner"]), bytes.fromhex(case["peer"])
        blob = bytes.fromhex(case["blob"]) + bytes(case.get("zeros", 0))
        vault = StateVault({key_id: key}, current=key_id)
        yield content_of(vault.open(blob, kind=kind, owner=owner, peer=peer, minimum_generation=1))


def loaded() -> Iterator[bytes]:
    """Contents of sessions at their limits."""
    for name in ("limits", "ratchet_bad"):
        for events in conversations(name):
            yield from (bytes.fromhex(event["content"]) for event in events if event["op"] == "load")


def erasure() -> Iterator[bytes]:
    """Points and streams: the target's code, no false chunk, the points, the stream."""
    for case in cases("erasure", "ErasureEncode"):
        stream = bytes.fromhex(case["stream"])
        for start in (0, 7, 40):
            points = bytes(index % 64 for index in case["indices"])[start : start + 15]
            yield bytes([_CODES[case["code"]], 0, len(points)]) + points + stream[:64]


def fingerprints() -> Iterator[bytes]:
    """Our two halves, and what the other device shows."""
    for case in cases("fingerprint", "Fingerprint"):
        if "ours" in case:
            ours, theirs = bytes.fromhex(case["ours"]), bytes.fromhex(case["theirs"])
            yield from (ours + theirs + b"\1" + theirs + ours, ours + theirs + bytes.fromhex(case["scannable"]))


def paddings() -> Iterator[bytes]:
    """Plaintexts and padded ones, under every policy."""
    found = [*fields("padding", "Pad", "plaintext"), *fields("padding", "Unpad", "padded")]
    for policy in range(4):
        yield from (bytes([policy]) + content[:_MAX] for content in found)


def blobs() -> Iterator[bytes]:
    """Sealed blobs, good and bad, under keys that the target's vault does not hold."""
    yield from (b"\0" + blob for blob in fields("state_blob", "Blob", "blob") if len(blob) <= _MAX)
