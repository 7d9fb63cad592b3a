"""Both devices are switched off and go on from disk, each in a new process."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from ratchetlib import StateRolledBack, StateTampered
from ratchetlib.cli.device import Job, Outcome, in_new_process
from ratchetlib.cli.scenes.trouble import with_a_bit_flipped
from ratchetlib.cli.storage import Record, Storage, write_durably
from ratchetlib.limits import STORAGE_KEY_LENGTH
from ratchetlib.primitives.random import random_bytes

if TYPE_CHECKING:
    from ratchetlib.cli.page import Page
    from ratchetlib.cli.talk import Speaker, Talk

_PLEASE_CONTINUE: Final = "Where were we?"
_CONTINUED: Final = "At chapter six."


class _Device:
    """A speaker that was switched off: its session is on disk, and nowhere else from now on."""

    def __init__(self, speaker: Speaker, blobs: Path, anchors: Path) -> None:
        session = speaker.session
        blob = blobs / f"{speaker.actor.name.lower()}.session"
        self.record = Record(session.our_address, session.peer_address, blob, anchors)
        self.storage_key = random_bytes(STORAGE_KEY_LENGTH)
        self.storage = Storage(self.storage_key, self.record)
        self.generation = 1
        self.storage.save(session, self.generation)

    def go_on(self, *, incoming: list[str], texts: list[str]) -> Outcome:
        """Restore it in a new process, read and write there, save again."""
        self.generation += 1
        owner, peer, blob, anchors = self.record
        job = Job(owner.decode(), peer.decode(), str(blob), str(anchors), self.generation, incoming, texts)
        return in_new_process(self.storage_key, job)


def play(talk: Talk) -> None:
    """From memory to disk, to new processes, and to what a thief of the disk may try."""
    talk.page.section(
        "Restart", "Sealed files, not memory, carry the conversation on; an old copy must not bring used keys back."
    )
    with TemporaryDirectory(prefix="ratchetlib-demo-") as directory:
        blobs, anchors = Path(directory, "blobs"), Path(directory, "anchors")
        blobs.mkdir()
        anchors.mkdir()
        alice, bob = (_Device(speaker, blobs, anchors) for speaker in (talk.alice, talk.bob))
        copy = alice.record.blob.read_bytes()
        _sealed(talk.page, alice, bob)
        _continued(talk, alice, bob)
        _put_back(talk.page, alice, copy)


def _sealed(page: Page, *devices: _Device) -> None:
    blobs = [device.record.blob.read_bytes() for device in devices]
    sizes = " and ".join(f"{len(blob):,} B" for blob in blobs)
    in_clear = any(name in blob for device, blob in zip(devices, blobs, strict=True) for name in device.record[:2])
    page.check("sealed", f"two files of {sizes}, without names in clear", held=not in_clear)


def _continued(talk: Talk, alice: _Device, bob: _Device) -> None:
    asked = alice.go_on(incoming=[], texts=[_PLEASE_CONTINUE])
    answered = bob.go_on(incoming=asked.written, texts=[_CONTINUED])
    heard = alice.go_on(incoming=answered.written, texts=[])
    _show(talk, talk.alice, talk.bob, _PLEASE_CONTINUE, asked, answered)
    _show(talk, talk.bob, talk.alice, _CONTINUED, answered, heard)
    processes = (asked.process, answered.process, heard.process)
    text = f"{', '.join(map(str, processes))} did that; each got its storage key over a pipe"
    talk.page.check("processes", text, held=os.getpid() not in processes)


def _show(talk: Talk, sender: Speaker, receiver: Speaker, text: str, sent: Outcome, received: Outcome) -> None:
    size = len(sent.written[0]) // 2
    position = talk.position(sender, opened=sent.opened)
    talk.show(sender, receiver, text, size, position, held=received.read == [text])


def _put_back(page: Page, alice: _Device, copy: bytes) -> None:
    path, storage = alice.record.blob, alice.storage
    newest = path.read_bytes()
    write_durably(path, with_a_bit_flipped(newest, len(newest) // 2))
    page.refused("tampering", "one bit of Alice's file flipped", StateTampered, storage.load)
    write_durably(path, copy)
    page.refused("rollback", "Alice's file from before the restart put back", StateRolledBack, storage.load)
    write_durably(path, newest)
    page.check("", "the newest file opens as before", held=storage.load().confirmed)
