"""The two implementations meet: what one makes, the other accepts, in both directions."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ratchetlib import IdentityKeyPair, PrekeyRing, Session
from ratchetlib.cli.verify.suite import check_one

VECTORS = Path(__file__).parents[2] / "vectors"
NODE = shutil.which("node")
NOW = 1_800_000_000
BOB = b"bob/phone"

pytestmark = pytest.mark.skipif(
    NODE is None or not (VECTORS / "node_modules").is_dir(),
    reason="needs Node 20 and `npm ci` in vectors/; CI runs this file after installing both",
)


def produce(out: Path, *arguments: str) -> dict[str, Any]:
    command = [str(NODE), str(VECTORS / "verify.mjs"), "--produce", str(out), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603  # our own program
    return json.loads(out.read_text())


def test_conversations_made_by_node_hold_here(tmp_path: Path) -> None:
    document = produce(tmp_path / "conversations.json")
    failures = [check_one(group, case) for group in document["testGroups"] for case in group["tests"]]
    assert len(failures) >= 5
    assert failures == [None] * len(failures)


@pytest.mark.parametrize("one_time", [0, 1])
def test_first_messages_made_by_node_are_accepted_in_any_order(tmp_path: Path, one_time: int) -> None:
    bob = IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=one_time)
    (tmp_path / "bundle.hex").write_text(ring.next_bundle().to_bytes().hex())
    flight = produce(tmp_path / "flight.json", "--bundle", str(tmp_path / "bundle.hex"), "--now", str(NOW))
    *others, last = flight["messages"]
    session, plaintext = Session.accept(
        bob,
        ring,
        bytes.fromhex(last["message"]),
        our_address=BOB,
        now=NOW,
        associated_data=bytes.fromhex(last["ad"]),
    )
    assert plaintext == bytes.fromhex(last["plaintext"])
    assert session.session_id == bytes.fromhex(flight["session_id"])
    assert session.peer_identity.to_bytes() == bytes.fromhex(flight["initiator"]["identity"])
    for sent in reversed(others):
        message, associated_data = bytes.fromhex(sent["message"]), bytes.fromhex(sent["ad"])
        assert session.decrypt(message, associated_data=associated_data) == bytes.fromhex(sent["plaintext"])
