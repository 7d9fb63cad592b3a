from __future__ import annotations

import json
from typing import Any

import pytest
from support.suite import VECTORS

from ratchetlib import StateVault
from ratchetlib.cli.verify.kinds.state import KINDS, summary
from ratchetlib.ratchet.pq import states
from ratchetlib.state.context import Context

FOLDER = VECTORS / "state/v1"
BLOBS: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text("utf-8"))["blobs"]


@pytest.mark.attack("A66", "A74")
@pytest.mark.parametrize("listed", BLOBS, ids=lambda listed: listed["file"])
def test_a_blob_opens_says_what_it_said_and_is_encoded_alike(listed: dict[str, Any]) -> None:
    blob = (FOLDER / listed["file"]).read_bytes()
    key_id, storage_key, owner, peer = (
        bytes.fromhex(listed[name]) for name in ("key_id", "storage_key", "owner", "peer")
    )
    vault = StateVault({key_id: storage_key}, current=key_id)
    kind, context = KINDS[listed["kind"]], {"owner": owner, "peer": peer}
    value = vault.open(blob, kind=kind, minimum_generation=listed["generation"], **context)
    assert summary(value) == listed["summary"]
    again = vault.seal(value, generation=1, **context)
    assert vault.open(again, kind=kind, minimum_generation=1, **context)._to_state() == value._to_state()
    assert len(again) == len(blob)


@pytest.mark.attack("A66", "A74")
@pytest.mark.parametrize("listed", BLOBS, ids=lambda listed: listed["file"])
def test_the_content_is_byte_for_byte_what_is_encoded_today(listed: dict[str, Any]) -> None:
    """A reader and a writer that change together would go unnoticed where content is only written and read again."""
    key_id, storage_key, owner, peer = (
        bytes.fromhex(listed[name]) for name in ("key_id", "storage_key", "owner", "peer")
    )
    vault, kind = StateVault({key_id: storage_key}, current=key_id), KINDS[listed["kind"]]
    blob = (FOLDER / listed["file"]).read_bytes()
    content = vault._open(Context(kind.STATE_KIND, owner, peer), blob, listed["generation"], None).rest()
    value = vault.open(blob, kind=kind, owner=owner, peer=peer, minimum_generation=listed["generation"])
    assert value._to_state() == content


def test_every_blob_is_listed() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.bin")) == sorted(listed["file"] for listed in BLOBS)


def test_every_kind_and_every_post_quantum_phase_is_there() -> None:
    assert {listed["kind"] for listed in BLOBS} == set(KINDS)
    phases = {listed["summary"].get("pq_phase") for listed in BLOBS} - {None}
    assert phases == {phase.__name__ for phase in states.Phase.__args__}
