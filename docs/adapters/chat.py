"""A conversation between two terminals, end-to-end encrypted, over a relay of one's own.

    python docs/adapters/chat.py alice --to bob
    python docs/adapters/chat.py bob --to alice

Whoever comes first runs the relay; Ctrl-C or Ctrl-D ends one side, and the same command goes on where it was. A line is
sent; /accept takes the other side's changed keys, once fingerprints were compared.

It is a demonstration on one machine: everything is in one folder, readable by this user only. A real device keeps its
storage key in the platform's key store, and its anchor where no backup restores it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from addresses import address
from anchors import FileAnchor
from client import Client
from home_relay import LOOK, HomeRelay
from link import Link
from rotation import Rotation, new_ring
from sqlite_store import sqlite_store

from ratchetlib import Fingerprint, IdentityKeyPair, RatchetError, StateVault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from store import Store

    from ratchetlib import IdentityKey

TICK: Final = 600.0
"""Seconds between two looks at whether prekeys are due."""

NOTICES: Final = {
    "IdentityChanged": "{peer}'s keys have CHANGED: a new device, or somebody in between. What comes from it is held"
    " back. Compare this fingerprint with {peer} in person, then type /accept:\n  {digits}",
    "DuplicateMessage": "",  # the relay delivers again what was not acknowledged in time
    "TooManySkipped": "Too many of {peer}'s messages are missing; a new session is begun.",
    "SessionForked": "{peer} seems to have been restored from a backup; a new session is begun.",
    "login refused": "The relay knows {me} with another credential: this folder is not the one that registered it.",
    "replaced": "Another process with {me}'s credential has connected; this one tries again in a minute.",
    "held message dropped": "Too many messages of {peer}'s changed keys are held back: one was deleted, unread.",
    "relay not authenticated": "Whoever listens there is NOT the relay; nothing was sent.",
}
OTHER_NOTICE: Final = "A message that claims to be {peer}'s was refused ({event}) and not shown."


class Chat:
    """One side."""

    def __init__(self, me: str, peer: str, folder: Path) -> None:
        """Open this side's state, or make it.

        Args:
            me: our name.
            peer: the other's.
            folder: of all sides and the relay.
        """
        self._names = me, peer
        self._me, self._peer = address(me, "chat"), address(peer, "chat")
        own = folder / me
        for made in (folder, own):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._relay = HomeRelay(folder / "relay")
        vault = StateVault({b"1": kept_secret(own / "storage-key")}, current=b"1")
        self._store = sqlite_store(own / "chat.db", vault=vault, owner=self._me, anchor=FileAnchor(own / "anchor"))
        self._identity = identity(self._store, self._me)
        self._link = Link("wss://localhost", self._me, kept_secret(own / "credential"), self._relay.context())
        self._client = Client(self._store, self._link, on_event=self._notice, on_letter=self._show)
        self._shown = ""
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Until the input ends."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._relay.run()), tasks.create_task(self._stay_connected())]
            running.append(tasks.create_task(self._keep_prekeys()))
            say(f"You are {self._names[0]}. Every line goes to {self._names[1]}, encrypted.")
            self._show()
            async for line in lines(self._ended):
                await self._enter(line)
            for task in running:
                task.cancel()

    def close(self) -> None:
        """Close the state."""
        self._store.close()

    async def _stay_connected(self) -> None:
        self._link.uri = await self._relay.uri()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run())
            while True:
                await asyncio.sleep(LOOK)
                self._link.uri = await self._relay.uri()

    async def _keep_prekeys(self) -> None:
        loop = asyncio.get_running_loop()

        def publish(bundle: bytes, items: tuple[bytes, ...]) -> int:
            return asyncio.run_coroutine_threadsafe(self._client.publish(bundle, items), loop).result()

        rotation = Rotation(self._store, publish)
        while True:
            await asyncio.to_thread(rotation.tick, int(time.time()))
            await asyncio.sleep(TICK)

    async def _enter(self, line: str) -> None:
        if line == "/accept":
            await self._accept()
        elif line:
            await self._send(line)

    async def _send(self, line: str) -> None:
        told = False
        while True:
            try:
                await self._client.send(self._peer, line.encode())
            except LookupError:
                if self._ended.is_set():
                    say(f"Not sent: {self._names[1]} has not been here yet.")
                    return
                if not told:
                    say(f"{self._names[1]} has not been here yet: waiting, and this line is not saved until then.")
                told = True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), 1)
            except (RatchetError, ValueError) as error:
                say(f"Not sent: {error}.")
                return
            else:
                self._show_fingerprint()
                return

    async def _accept(self) -> None:
        presented = self._client.changed.pop(self._peer, None)
        if presented is None:
            say("There is nothing to accept.")
            return
        with self._store.peer(self._peer) as peer:
            peer.repin(presented)
        say(f"Accepted. From now on {self._names[1]} is who has these keys.")
        await self._client.reconnect()

    def _show(self) -> None:
        """What has come in, once; then it is deleted. An empty message only begins a session."""
        for letter in self._store.inbox():
            if letter.content:
                say(f"{self._names[1]}: {printable(letter.content)}")
            self._store.done(letter)
        self._show_fingerprint()

    def _show_fingerprint(self) -> None:
        with self._store.peer(self._peer) as peer:
            theirs = peer.identity
        if theirs is not None and (digits := self._digits(theirs)) != self._shown:
            self._shown = digits
            say(f"Read this to {self._names[1]} in person; it must be the same there:\n  {digits}")

    def _digits(self, theirs: IdentityKey) -> str:
        return Fingerprint.between(self._identity, self._me, theirs, self._peer).digits

    def _notice(self, event: str, sender: bytes) -> None:
        me, peer = self._names
        presented = self._client.changed.get(self._peer)
        digits = self._digits(presented) if event == "IdentityChanged" and presented is not None else ""
        notice = NOTICES.get(event, OTHER_NOTICE)
        if notice and sender in (b"", self._peer):
            say(f"! {notice.format(me=me, peer=peer, event=event, digits=digits)}")


def identity(store: Store, ours: bytes) -> IdentityKey:
    """This side's public identity, made with its prekeys if it is new."""
    with store.device() as device:
        own = device.identity
        if own is None:
            own = device.identity = IdentityKeyPair.generate()
            device.ring = new_ring(own, ours, int(time.time()))
        return own.public


def kept_secret(path: Path) -> bytes:
    """32 random bytes in a file for this user only, made if it is not there."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
    return path.read_bytes()


async def lines(ended: asyncio.Event) -> AsyncIterator[str]:
    """The lines of the standard input, and that it has ended. The thread that waits for them holds nothing up."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended first
            for line in sys.stdin:
                loop.call_soon_threadsafe(queue.put_nowait, line)
            loop.call_soon_threadsafe(queue.put_nowait, "")
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    while line := await queue.get():
        yield line.strip()


def printable(content: bytes) -> str:
    """A text that cannot move the cursor, change colours, or pretend to be another line."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in content.decode(errors="replace"))


def say(text: str) -> None:
    """A line on the terminal."""
    print(text, flush=True)  # noqa: T201  # it is what the program is for


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--to", required=True, metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".ratchetlib-chat")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    try:
        chat = Chat(options.name, options.to, options.folder)
    except ValueError as error:
        parser.error(str(error))
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(chat.run())
    finally:
        chat.close()


if __name__ == "__main__":
    main()
