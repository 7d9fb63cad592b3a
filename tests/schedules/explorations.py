"""The explorations that are run, by every build or on request, and what each amounts to."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from schedules.checker import Checker
from schedules.devices import Party
from schedules.explore import Bounds, Graph, World, beginning, conveyed, growing
from schedules.settings import CHUNKED_EPOCHS, LIBRARY, SHORT_EPOCHS, TIGHT, TIGHT_EPOCHS

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedules.checker import Violation
    from schedules.settings import Setting

DEEP: Final = bool(os.environ.get("RATCHETLIB_DEEP"))
"""Whether the long explorations run, too."""

FIGURES: Final = Path(__file__).with_name("figures.json")
COMMAND: Final = "python tests/schedules/run.py --write all"


def before_the_key_is_complete() -> World:
    """Bob has all chunks of Alice's key but one."""
    return conveyed(beginning(), Party.ALICE, LIBRARY.key_chunks - 1)


def before_the_answer_is_complete() -> World:
    """Alice has all chunks of Bob's ciphertext but one."""
    return conveyed(_with_key(), Party.BOB, LIBRARY.answer_chunks - 1)


def before_the_secret_is_mixed() -> World:
    """Alice's next send begins an epoch."""
    return conveyed(_with_key(), Party.BOB, LIBRARY.answer_chunks)


def _with_key() -> World:
    return conveyed(beginning(), Party.ALICE, LIBRARY.key_chunks)


SETTINGS: Final[dict[str, Setting]] = {
    "library": LIBRARY,
    "short epochs": SHORT_EPOCHS,
    "chunked epochs": CHUNKED_EPOCHS,
    "tight limits": TIGHT,
    "tight limits and epochs": TIGHT_EPOCHS,
}
BEGINNINGS: Final[dict[str, Callable[[], World]]] = {
    "the handshake": beginning,
    "one key chunk missing": before_the_key_is_complete,
    "one ciphertext chunk missing": before_the_answer_is_complete,
    "a secret to mix": before_the_secret_is_mixed,
}


class Exploration(NamedTuple):
    """One exploration.

    Attributes:
        setting: the limits, a name in `SETTINGS`.
        start: where it begins, a name in `BEGINNINGS`.
        bounds: messages that each side may send.
        deep: whether it runs on request only.
    """

    setting: str
    start: str
    bounds: Bounds
    deep: bool = False

    @property
    def name(self) -> str:
        return f"{self.setting}, from {self.start}, {self.bounds.alice} x {self.bounds.bob}"

    @property
    def constants(self) -> dict[str, int | str]:
        """Of the model."""
        sends = {"AliceSends": self.bounds.alice, "BobSends": self.bounds.bob}
        return {**SETTINGS[self.setting].constants, **sends}

    @property
    def in_the_model(self) -> bool:
        """The model knows no other beginning."""
        return self.start == "the handshake"

    @property
    def broken_by_limits(self) -> frozenset[str]:
        """The model's invariants that hold only where no limit is reached."""
        setting = SETTINGS[self.setting]
        roomy = setting[:3] == LIBRARY[:3]
        return frozenset() if roomy else frozenset({"NothingLost", "SkippedExact"})

    def run(self) -> Result:
        """Explore, and check every world."""
        started = time.process_time()
        setting = SETTINGS[self.setting]
        with setting.applied():
            graph = growing(BEGINNINGS[self.start](), self.bounds)
            checker = Checker(setting)
            violations = list(checker.violations(graph))
        return Result(self, graph, checker, violations, round(time.process_time() - started, 1))


class Result(NamedTuple):
    """What an exploration has found, and how many seconds of processor time it took."""

    exploration: Exploration
    graph: Graph
    checker: Checker
    violations: list[Violation]
    seconds: float

    @property
    def figures(self) -> dict[str, Any]:
        """What every run must find again."""
        worlds = self.graph.worlds
        return {
            "states": len(worlds),
            "transitions": self.graph.transitions,
            "device states": len({world.device(party) for world in worlds for party in Party}),
            "highest epoch": max(world.alice.state.pq.epoch for world in worlds),
            "checks": self.checker.checks.total(),
            "checks worked out": self.checker.fresh.total(),
            "violations": len(self.violations),
        }


def _from_handshake(setting: str, *bounds: tuple[int, int], deep: bool = False) -> list[Exploration]:
    return [Exploration(setting, "the handshake", Bounds(*bound), deep) for bound in bounds]


EXPLORATIONS: Final = (
    *_from_handshake("library", (1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (4, 3), (3, 4), (4, 4)),
    *_from_handshake("short epochs", (3, 3), (4, 4)),
    *_from_handshake("chunked epochs", (3, 3), (4, 4)),
    *_from_handshake("tight limits", (3, 3), (4, 4)),
    *_from_handshake("tight limits and epochs", (3, 3), (4, 4)),
    *(Exploration("library", start, Bounds(3, 3)) for start in list(BEGINNINGS)[1:]),
    *_from_handshake("library", (5, 4), (5, 5), deep=True),
    *_from_handshake("short epochs", (5, 4), deep=True),
    *_from_handshake("chunked epochs", (5, 4), deep=True),
    *_from_handshake("tight limits", (5, 4), deep=True),
    *_from_handshake("tight limits and epochs", (5, 4), deep=True),
)
TODAY: Final = tuple(exploration for exploration in EXPLORATIONS if DEEP or not exploration.deep)
"""What runs here and now."""


def recorded() -> dict[str, dict[str, Any]]:
    """The figures on record, by the exploration's name."""
    figures: dict[str, dict[str, Any]] = json.loads(FIGURES.read_text())["explorations"]
    return figures
