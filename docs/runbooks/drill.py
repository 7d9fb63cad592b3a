"""What the runbooks are practised on: Alice, Bob and a server, in the folder `drill`, from one program to the next.

In a program of a runbook, what comes from here stands for your application's own: how it opens its store, how it asks
its server, how it carries letters.
"""
# ruff: noqa: INP001  # on the path of the programs that use it

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anchors import FileAnchor
from peer_sessions import NoSession
from rotation import new_ring, publish_due
from sqlite_store import sqlite_store

from ratchetlib import IdentityKeyPair, PeerError, PrekeyBundle, StateVault

if TYPE_CHECKING:
    from collections.abc import Callable

    from store import Store

FOLDER: Final = Path("drill")
KEYS: Final = FOLDER / "storage-keys.json"
"""A platform's key store, for practice only: a file is none."""

ALICE, BOB = b"alice/laptop", b"bob/phone"


ACCESSES: Final = FOLDER / "accesses.log"
"""Of backups. For practice: yours is on another machine, takes lines, and gives none up."""


def accessed(*what: str) -> str:
    """Log an access to a backup: time, who, and what; the line."""
    line = " ".join((f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", getuser(), *what))
    with ACCESSES.open("a", encoding="utf-8") as log:
        log.write(f"{line}\n")
    return line


def accesses() -> list[list[str]]:
    """The words of each line of that log."""
    return [line.split() for line in ACCESSES.read_text(encoding="utf-8").splitlines()]


def now() -> int:
    """Seconds since the Unix epoch."""
    return int(time.time())


def storage_keys() -> dict[str, str]:
    """All storage keys by name, the current one last; made if there is none."""
    if not KEYS.exists():
        FOLDER.mkdir(exist_ok=True)
        KEYS.write_text(json.dumps({"k1": secrets.token_hex(32)}), encoding="utf-8")
    found: dict[str, str] = json.loads(KEYS.read_text(encoding="utf-8"))
    return found


def save_storage_keys(keys: dict[str, str]) -> None:
    """In the key store."""
    KEYS.write_text(json.dumps(keys), encoding="utf-8")


def vault() -> StateVault:
    """Opens under all storage keys, seals under the last one."""
    keys = {name.encode(): bytes.fromhex(key) for name, key in storage_keys().items()}
    return StateVault(keys, current=list(keys)[-1])


def database(address: bytes) -> Path:
    """A device's database."""
    return FOLDER / f"{address.decode().replace('/', '-')}.db"


def anchors(address: bytes) -> Path:
    """The folder beside the backup."""
    return FOLDER / "not-in-the-backup" / address.decode().replace("/", "-")


def open_store(address: bytes) -> Store:
    """A device's store; a device with published prekeys is made if there is none."""
    keys = vault()
    store = sqlite_store(database(address), vault=keys, owner=address, anchor=FileAnchor(anchors(address)))
    with store.device() as device:
        new = device.identity is None
        if device.identity is None:
            device.identity = IdentityKeyPair.generate()
            device.ring = new_ring(device.identity, address, now())
    if new:
        publish_due(store, publisher(address))
    return store


def publisher(address: bytes) -> Callable[[bytes, tuple[bytes, ...]], None]:
    """`client.publish` of a device."""

    def publish(bundle: bytes, items: tuple[bytes, ...]) -> None:
        kept = {"bundle": bundle.hex(), "items": [item.hex() for item in items]}
        _server(address).write_text(json.dumps(kept), encoding="utf-8")

    return publish


def fetch(address: bytes) -> PrekeyBundle:
    """What the server hands out; `LookupError` if there is nothing."""
    if not _server(address).exists():
        raise LookupError("no bundle")
    kept = json.loads(_server(address).read_text(encoding="utf-8"))
    item = bytes.fromhex(kept["items"].pop(0)) if kept["items"] else None
    _server(address).write_text(json.dumps(kept), encoding="utf-8")
    return PrekeyBundle.from_parts(bytes.fromhex(kept["bundle"]), item)


def send(sender: Store, address: bytes, plaintext: bytes) -> None:
    """Into the outbox; on a new session if there is none."""
    try:
        with sender.peer(address) as peer:
            peer.send(plaintext, now=now())
    except NoSession:
        with sender.peer(address) as peer:
            peer.begin(fetch(address), now=now(), first=plaintext)


def carry(sender: Store, address: bytes, receiver: Store) -> list[str]:
    """Deliver what is in an outbox; the names of the refusals. What was refused for its identity is kept."""
    refusals = []
    for letter in sender.outbox():
        try:
            with receiver.peer(address) as peer:
                peer.receive(letter.content, now=now())
        except PeerError as error:
            refusals.append(type(error).__name__)
            if refusals[-1] == "IdentityChanged":
                continue
        sender.done(letter)
    return refusals


def read(store: Store) -> list[bytes]:
    """What has come in, each once."""
    letters = store.inbox()
    store.done(*letters)
    return [letter.content for letter in letters]


def talk() -> tuple[Store, Store]:
    """Alice and Bob, who have spoken with each other just now."""
    alice, bob = open_store(ALICE), open_store(BOB)
    send(alice, BOB, b"hello")
    carry(alice, ALICE, bob)
    send(bob, ALICE, b"hello yourself")
    carry(bob, BOB, alice)
    read(alice)
    read(bob)
    return alice, bob


def _server(address: bytes) -> Path:
    folder = FOLDER / "server"
    folder.mkdir(exist_ok=True)
    return folder / address.hex()
