"""What is studied: explorations and conversations, those of every build and the longer ones, with figures on record."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from closure.conversations import Conversation, Thefts
from closure.worlds import Worlds
from schedules.explore import Bounds
from schedules.settings import LIBRARY, SHORT_EPOCHS, Setting
from support.talk import DEEP, HABITS

if TYPE_CHECKING:
    from closure.claims import Finding
    from closure.worlds import Figures

FIGURES: Final = Path(__file__).with_name("figures.json")
COMMAND: Final = "python tests/closure/run.py --write --deep"


class Exploration(NamedTuple):
    """All schedules within bounds.

    Attributes:
        bounds: of each side's messages.
        setting: how many chunks an exchange takes.
        long: whether it is too long for every build.
    """

    bounds: Bounds
    setting: Setting
    long: bool

    @property
    def name(self) -> str:
        kind = "short epochs" if self.setting is SHORT_EPOCHS else "library"
        return f"all schedules of {self.bounds.alice} x {self.bounds.bob}, {kind}"

    def subject(self) -> Worlds:
        return Worlds(self.bounds, self.setting)


class Talking(NamedTuple):
    """One long conversation.

    Attributes:
        habit: who speaks when, and what the link does.
        messages: how many.
        every: a theft after every so many messages.
        long: whether it is too long for every build.
    """

    habit: str
    messages: int
    every: int
    long: bool

    @property
    def name(self) -> str:
        often = "message" if self.every == 1 else f"{self.every} messages"
        return f"{self.messages} messages, {self.habit}, a theft every {often}"

    def subject(self) -> Thefts:
        return Thefts(talked(self.habit, self.messages), every=self.every)


Study = Exploration | Talking

STUDIES: Final[tuple[Study, ...]] = (
    Exploration(Bounds(4, 3), LIBRARY, long=False),
    Exploration(Bounds(4, 3), SHORT_EPOCHS, long=False),
    Talking("ping-pong", 120, every=1, long=False),
    Talking("loss", 170, every=1, long=False),
    Talking("10 to 1", 330, every=6, long=False),
    Exploration(Bounds(4, 4), LIBRARY, long=True),
    Exploration(Bounds(4, 4), SHORT_EPOCHS, long=True),
    Talking("ping-pong", 300, every=1, long=True),
    Talking("10 to 1", 500, every=1, long=True),
    Talking("bursts", 300, every=1, long=True),
    Talking("loss", 400, every=1, long=True),
    Talking("everything", 400, every=1, long=True),
)

TODAY: Final = tuple(study for study in STUDIES if DEEP or not study.long)
"""Those that run in this build."""


@cache
def talked(habit: str, messages: int) -> Conversation:
    """The conversation, held once."""
    return Conversation(HABITS[habit], messages)


def outcome(study: Study) -> tuple[list[Finding], Figures]:
    """What the thieves found, and how much was done."""
    subject = study.subject()
    findings = [*subject.findings()]
    return findings, subject.figures


def recorded() -> dict[str, Any]:
    """The figures on record, by the studies' names."""
    studies: dict[str, Any] = json.loads(FIGURES.read_text())["studies"]
    return studies
