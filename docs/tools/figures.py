# A tool beside the documents, not a package.
"""The figures that the commands of the tests have measured and written down, in one form."""

from __future__ import annotations

import json
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
    yield from _summed(part, figures["explorations"], figures["command"], ("states", "transitions", "checks"))
    largest = max(figures["explorations"].items(), key=lambda entry: int(entry[1]["states"]))
    yield Figure(part, f"states of the largest, {largest[0]}", largest[1]["states"], figures["command"])


def _closure(part: str, figures: Any) -> Iterator[Figure]:  # noqa: ANN401  # JSON
    yield from _summed(part, figures["studies"], figures["command"], ("states", "thefts", "derivations", "checks"))


def _summed(part: str, studies: dict[str, dict[str, Any]], command: str, kinds: tuple[str, ...]) -> Iterator[Figure]:
    for kind in kinds:
        always = sum(study[kind] for study in studies.values() if study["in every build"])
        yield Figure(part, f"{kind}, in every build", always, command)
        yield Figure(part, f"{kind}, with the larger bounds", sum(study[kind] for study in studies.values()), command)


_SOURCES: Final[tuple[tuple[str, str, Callable[[str, Any], Iterator[Figure]]], ...]] = (
    ("attacks", "tests/mutants/figures.json", _listed),
    ("state machines", "tests/properties/figures.json", _listed),
    ("schedules", "tests/schedules/figures.json", _schedules),
    ("symbolic attacker", "tests/closure/figures.json", _closure),
    ("mutation", "tests/mutation/figures.json", _listed),
    ("fuzzing", "fuzz/figures.json", _listed),
    ("adapters", "tests/adapters/figures.json", _listed),
)
