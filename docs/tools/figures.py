# A tool beside the documents, not a package.
"""The figures that the commands of the tests have measured and written down, in one form."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from claims import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Figure(NamedTuple):
    """One line of the table.

    Attributes:
        part: of the tests.
        what: was counted.
        figure: the count.
        command: that counts it anew.
    """

    part: str
    what: str
    figure: object
    command: str


def read() -> Iterator[Figure]:
    """All of them.

    Raises:
        OSError: a file of figures is missing.
    """
    for part, path, form in _SOURCES:
        yield from form(part, json.loads((ROOT / path).read_text(encoding="utf-8")))


def _listed(part: str, figures: Any) -> Iterator[Figure]:  # noqa: ANN401  # JSON
    yield from (Figure(part, entry["what"], entry["figure"], entry["command"]) for entry in figures)


def _schedules(part: str, figures: Any) -> Iterator[Figure]:  # noqa: ANN401  # JSON
    kinds = {
        "states": "states",
        "transitions": "transitions",
        "checks": "invariants held, counted in every state",
        "checks worked out": "of these, worked out (the others were, in an earlier state with the same part)",
    }
    yield from _summed(part, figures["explorations"], figures["command"], kinds)
    largest = max(figures["explorations"].items(), key=lambda entry: int(entry[1]["states"]))
    yield Figure(part, f"states of the largest, {largest[0]}", largest[1]["states"], figures["command"])


def _closure(part: str, figures: Any) -> Iterator[Figure]:  # noqa: ANN401  # JSON
    kinds = {kind: kind for kind in ("states", "thefts", "derivations", "checks")}
    yield from _summed(part, figures["studies"], figures["command"], kinds)


def _summed(part: str, studies: dict[str, dict[str, Any]], command: str, kinds: dict[str, str]) -> Iterator[Figure]:
    always = {name: study for name, study in studies.items() if study["in every build"]}
    for kind, what in kinds.items():
        for when, those in (("in every build", always), ("with the larger bounds", studies)):
            yield Figure(part, f"{what}, {when}", sum(study[kind] for study in largest_of(those)), command)


def largest_of(studies: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those that are part of another one: the same but for smaller bounds."""
    extents = {name: _extent(name) for name in studies}
    return [studies[name] for name, extent in extents.items() if not any(map(extent.is_part_of, extents.values()))]


class _Extent(NamedTuple):
    """What all schedules are of, and up to how many messages of each side; a conversation has no such bounds."""

    what: str
    bounds: tuple[int, ...]

    def is_part_of(self, other: _Extent) -> bool:
        pairs = zip(self.bounds, other.bounds, strict=False)
        return self != other and self.what == other.what and all(ours <= theirs for ours, theirs in pairs)


def _extent(name: str) -> _Extent:
    found = _BOUNDS.search(name)
    return _Extent(_BOUNDS.sub("", name), () if found is None else tuple(map(int, found.groups())))


_BOUNDS: Final = re.compile(r"(\d+) x (\d+)")
_SOURCES: Final[tuple[tuple[str, str, Callable[[str, Any], Iterator[Figure]]], ...]] = (
    ("attacks", "tests/mutants/figures.json", _listed),
    ("state machines", "tests/properties/figures.json", _listed),
    ("schedules", "tests/schedules/figures.json", _schedules),
    ("symbolic attacker", "tests/closure/figures.json", _closure),
    ("mutation", "tests/mutation/figures.json", _listed),
    ("fuzzing", "fuzz/figures.json", _listed),
    ("adapters", "tests/adapters/figures.json", _listed),
)
