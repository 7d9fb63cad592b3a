"""One device in a process of its own: it restores its session from disk, reads, writes, saves.

The storage key comes over standard input, because other programs can read arguments and environments.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.cli.storage import Record, Storage
from ratchetlib.cli.talk import opened_a_chain

if TYPE_CHECKING:
    from typing import TextIO

    from ratchetlib import Session


class Job(NamedTuple):
    """What a device has to do, in JSON's types.

    Attributes:
        owner: its address.
        peer: the other's address.
        blob: the file of its sealed session.
        anchors: the directory of its anchor.
        generation: of the save at the end.
        incoming: messages to read, in hexadecimal digits.
        texts: what to write after that.
    """

    owner: str
    peer: str
    blob: str
    anchors: str
    generation: int
    incoming: list[str]
    texts: list[str]


class Outcome(NamedTuple):
    """What a device did, in JSON's types.

    Attributes:
        process: its process id.
        read: the texts of the incoming messages.
        written: the messages of its own texts, in hexadecimal digits.
        opened: whether the first of them opened a chain.
    """

    process: int
    read: list[str]
    written: list[str]
    opened: bool


def in_new_process(storage_key: bytes, job: Job) -> Outcome:
    """Do the job in a fresh interpreter.

    Raises:
        ChildProcessError: it failed; the text is the last line that it wrote.
    """
    # -P and our own path: modules come from where ours came from, not from the directory that we happen to stand in.
    command = [sys.executable, "-P", "-m", "ratchetlib", "demo", "--device"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    order = f"{storage_key.hex()}\n{json.dumps(job._asdict())}\n"
    finished = subprocess.run(  # noqa: S603  # no shell, and nothing from outside among the arguments
        command, input=order, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if finished.returncode != 0:
        raise ChildProcessError((finished.stderr.splitlines() or ["no reason given"])[-1])
    return Outcome(**json.loads(finished.stdout))


def serve(stdin: TextIO, stdout: TextIO) -> int:
    """The other end of `in_new_process`; the exit code."""
    storage_key = bytes.fromhex(stdin.readline())
    job = Job(**json.loads(stdin.readline()))
    record = Record(job.owner.encode(), job.peer.encode(), Path(job.blob), Path(job.anchors))
    storage = Storage(storage_key, record)
    session = storage.load()
    read = [session.decrypt(bytes.fromhex(message)).decode() for message in job.incoming]
    written, opened = _written(session, job.texts)
    storage.save(session, job.generation)
    json.dump(Outcome(os.getpid(), read, written, opened)._asdict(), stdout)
    return 0


def _written(session: Session, texts: list[str]) -> tuple[list[str], bool]:
    written, opened = [], False
    for text in texts:
        written.append(session.encrypt(text.encode()).hex())
        opened = opened or opened_a_chain(session)
    return written, opened
