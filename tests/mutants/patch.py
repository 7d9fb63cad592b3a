"""Unified diffs: read strictly, applied exactly or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HUNK: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


class PatchError(Exception):
    """A patch is no unified diff of existing files, or does not fit the tree."""


class Hunk(NamedTuple):
    """Lines that stand in a file, and what takes their place; `line` says where, counted from 1."""

    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


class Change(NamedTuple):
    """The hunks of one file, its path relative to the root of the tree."""

    path: str
    hunks: tuple[Hunk, ...]


class Patch(NamedTuple):
    """A diff (`-p1`) and what is written above it."""

    preamble: tuple[str, ...]
    changes: tuple[Change, ...]

    @classmethod
    def parse(cls, text: str) -> Patch:
        """Read a patch.

        Raises:
            PatchError: a line that has no place in a diff, a count that is off, or nothing changed.
        """
        lines = text.splitlines()
        start = next((at for at, line in enumerate(lines) if line.startswith("--- ")), len(lines))
        changes = tuple(_changes(lines[start:]))
        if not changes:
            raise PatchError("no change")
        return cls(tuple(line for line in lines[:start] if line), changes)

    def apply(self, root: Path) -> None:
        """Change the files below `root`: all of them, or none and `PatchError`."""
        patched = {root / change.path: _patched(root / change.path, change.hunks) for change in self.changes}
        for path, text in patched.items():
            path.unlink()  # it may be a link to another copy's file
            path.write_text(text, encoding="utf-8")

    def check(self, root: Path) -> None:
        """`PatchError` if the patch does not fit the files below `root`. Writes nothing."""
        for change in self.changes:
            _patched(root / change.path, change.hunks)


def _changes(lines: list[str]) -> Iterator[Change]:
    at = 0
    while at < len(lines):
        if lines[at].startswith(("diff ", "index ")):
            at += 1
            continue
        path = _path(lines[at : at + 2])
        at += 2
        hunks = []
        while at < len(lines) and (match := _HUNK.match(lines[at])):
            hunk, at = _hunk(match, lines, at + 1)
            hunks.append(hunk)
        if not hunks:
            raise PatchError(f"no hunk for {path}")
        yield Change(path, tuple(hunks))


def _path(lines: list[str]) -> str:
    """The path behind `--- a/` and `+++ b/`: a mutant changes files, and neither adds nor removes one."""
    old, new = (lines[0].partition("\t")[0], lines[1].partition("\t")[0]) if len(lines) == 2 else ("", "")
    path = old.removeprefix("--- a/")
    if not path or old != f"--- a/{path}" or new != f"+++ b/{path}":
        raise PatchError(f"'--- a/PATH' and '+++ b/PATH' of one file expected, not {lines}")
    return path


def _hunk(match: re.Match[str], lines: list[str], at: int) -> tuple[Hunk, int]:
    """The hunk behind its `@@` line, and where the next line of the patch is. The counts say where it ends."""
    left = [int(match[2] or 1), int(match[3] or 1)]
    sides: tuple[list[str], list[str]] = ([], [])
    while left != [0, 0]:
        line = lines[at] if at < len(lines) else "end"
        mark, body = (line[:1] or " "), line[1:]  # an editor may have cut the blank off an empty line of context
        if mark not in " -+":
            raise PatchError(f"a line of context, '-' or '+' expected, not {line!r}")
        for side in {" ": (0, 1), "-": (0,), "+": (1,)}[mark]:
            sides[side].append(body)
            left[side] -= 1
        if min(left) < 0:
            raise PatchError(f"more lines than counted in {match[0]}")
        at += 1
    return Hunk(int(match[1]), tuple(sides[0]), tuple(sides[1])), at


def _patched(path: Path, hunks: tuple[Hunk, ...]) -> str:
    if not path.is_file():
        raise PatchError(f"no file {path.name}")
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [_place(lines, hunk, path.name) for hunk in hunks]
    ends = [place + len(hunk.old) for place, hunk in zip(places, hunks, strict=True)]
    if any(end > place for end, place in zip(ends, places[1:], strict=False)):
        raise PatchError(f"hunks out of order in {path.name}")
    for place, end, hunk in reversed(list(zip(places, ends, hunks, strict=True))):
        lines[place:end] = hunk.new
    return "\n".join(lines) + "\n"


def _place(lines: list[str], hunk: Hunk, name: str) -> int:
    """Where the old lines stand: the one place where they do, or of several the one that the hunk says."""
    old = list(hunk.old)
    places = [at for at in range(len(lines) - len(old) + 1) if old and lines[at : at + len(old)] == old]
    if len(places) == 1:
        return places[0]
    if hunk.line - 1 in places:
        return hunk.line - 1
    raise PatchError(f"the lines of the hunk stand at {len(places)} places in {name}, none of them line {hunk.line}")
