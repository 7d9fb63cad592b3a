"""Breaks the vectors, one byte at a time, and demands that the verification notices.

    python vectors/mutate.py                  one byte of every field of hexadecimal digits
    python vectors/mutate.py --sample 300     so many fields, chosen by --seed

A field whose change passes is decoration: nobody computes it, and it could say anything. The byte is complemented, so
that no bit that is masked away (the clamped ones of X25519) is the only one to change.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ratchetlib.cli.verify.suite import check_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parent
_HEX: Final = re.compile(r"([0-9a-f]{2})+")
_WORDS: Final = frozenset({"comment", "flags", "result", "error", "layer", "who", "id", "name", "of", "from", "slot"})
"""Members that are no bytes even if they look like them."""


class Field(NamedTuple):
    """A field of hexadecimal digits.

    Attributes:
        file: its name.
        group: its number in the file.
        test: its number in the group, None for a field of the group's setup.
        path: the way to it.
    """

    file: str
    group: int
    test: int | None
    path: tuple[str | int, ...]

    def __str__(self) -> str:
        test = "setup" if self.test is None else f"test {self.test}"
        return f"{self.file} group {self.group} {test} {'.'.join(map(str, self.path))}"


def main(arguments: Sequence[str]) -> int:
    """Break and verify; the exit code."""
    parser = argparse.ArgumentParser(description="Break the vectors and demand that the verification notices.")
    parser.add_argument("--sample", type=int, help="so many fields, not all")
    parser.add_argument("--seed", default="0", help="which sample")
    options = parser.parse_args(arguments)
    documents = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(ROOT.glob("v1/*.json"))}
    fields = [field for name, document in documents.items() for field in fields_of(name, document)]
    chosen = sorted(fields, key=lambda field: _chance(options.seed, field))[: options.sample]
    passed = 0
    for number, field in enumerate(chosen, 1):
        if not is_noticed(documents[field.file], field, options.seed):
            passed += 1
            sys.stdout.write(f"NOT NOTICED {field}\n")
        if number % 1000 == 0:
            sys.stdout.write(f"{number} of {len(chosen)}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen)} of {len(fields)} fields broken, {passed} not noticed\n")
    return int(passed > 0)


def fields_of(name: str, document: dict[str, Any]) -> Iterator[Field]:
    """Every field of a file."""
    for position, group in enumerate(document["testGroups"]):
        for path in _paths(group.get("setup", []), ()):
            yield Field(name, position, None, path)
        for number, test in enumerate(group["tests"]):
            for path in _paths(test, ()):
                yield Field(name, position, number, path)


def is_noticed(document: dict[str, Any], field: Field, seed: str) -> bool:
    """Whether the case fails with a byte of the field complemented."""
    group = document["testGroups"][field.group]
    place = "setup" if field.test is None else "tests"
    test = group["tests"][field.test or 0]
    broken = copy.deepcopy(group["setup"] if field.test is None else test)
    *way, last = field.path
    holder: Any = broken
    for step in way:
        holder = holder[step]
    holder[last] = _complemented(holder[last], _chance(seed, field))
    if place == "setup":
        return check_one({**group, "setup": broken}, test) is not None
    return check_one(group, broken) is not None


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:  # any JSON
    if isinstance(value, dict):
        for name, member in value.items():
            if name not in _WORDS:
                yield from _paths(member, (*path, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _paths(member, (*path, number))
    elif isinstance(value, str) and _HEX.fullmatch(value):
        yield path


def _complemented(text: str, chance: int) -> str:
    raw = bytearray.fromhex(text)
    raw[chance % len(raw)] ^= 0xFF
    return raw.hex()


def _chance(seed: str, field: Field) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {field}".encode()).digest()[:8], "big")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
