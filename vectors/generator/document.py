"""Files, groups and cases. A case states its inputs; its outputs are computed by what verifies them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from generator.flags import FLAGS
from generator.stream import Stream
from ratchetlib.cli.verify.cases import EVENTS, FUNCTIONS, compute, digest_of
from ratchetlib.cli.verify.draws import Draws
from ratchetlib.cli.verify.events.play import play
from ratchetlib.cli.verify.fields import Fields, portable
from ratchetlib.cli.verify.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

Json: TypeAlias = dict[str, Any]

SUITE: Final = "1.0.0"
PROTOCOL: Final = 1


class Scene:
    """Events as they happen, recorded with what came of them."""

    def __init__(self, label: str) -> None:
        self.world = World(Draws(Stream(label)))
        self.events: list[Json] = []

    def do(self, op: str, **inputs: Any) -> Json:
        """An event that succeeds; its outputs."""
        outputs = self.attempt(op, **inputs)
        if "error" in outputs:
            raise RuntimeError(f"{op} {inputs}: {outputs}")
        return outputs

    def refuse(self, op: str, error: str, layer: str, reason: str = "", **inputs: Any) -> None:
        """An event that must be refused."""
        outputs = self.attempt(op, **inputs)
        expected = {"error": error, "layer": layer, **({"reason": reason} if reason else {})}
        if outputs != expected:
            raise RuntimeError(f"{op} {inputs}: {outputs}, not {expected}")

    def attempt(self, op: str, **inputs: Any) -> Json:
        """An event; what came of it."""
        event = {"op": op, **as_json(inputs)}
        outputs = play(self.world, Fields(event))
        self.events.append({**event, **_portable(outputs)})
        return outputs


@dataclass
class Document:
    """One file.

    Attributes:
        name: of the file, without its ending.
        about: one sentence.
    """

    name: str
    about: str
    groups: list[Group] = field(default_factory=list)

    def group(self, kind: str, comment: str) -> Group:
        """A group of cases that are functions."""
        group = Group(self, kind, comment)
        self.groups.append(group)
        return group

    def scenes(self, comment: str, setup: Callable[[Scene], object] | None = None) -> Scenes:
        """A group of cases that are events, with events that come before each."""
        group = Scenes(self, EVENTS, comment, setup=setup, label=f"{self.name}/{len(self.groups)}")
        self.groups.append(group)
        return group

    def to_json(self) -> Json:
        """The file's content, its cases numbered."""
        for number, case in enumerate((case for group in self.groups for case in group.tests), 1):
            case["tcId"] = number
            if "sha256" in case:
                case["sha256"] = digest_of(case)
        used = {flag for group in self.groups for test in group.tests for flag in test["flags"]}
        return {
            "schema": "vectors.schema.json",
            "suite": SUITE,
            "protocol": PROTOCOL,
            "about": self.about,
            "numberOfTests": sum(len(group.tests) for group in self.groups),
            "notes": {flag: FLAGS[flag] for flag in sorted(used)},
            "testGroups": [group.to_json() for group in self.groups],
        }


@dataclass
class Group:
    """Cases of one type."""

    document: Document
    kind: str
    comment: str
    tests: list[Json] = field(default_factory=list)

    def valid(self, comment: str, *flags: str, ignoring: bool = False, **inputs: Any) -> Json:
        """A case that succeeds; its outputs. `ignoring` says that part of its inputs must not matter."""
        members, outputs = self._computed(inputs)
        if "error" in outputs:
            raise RuntimeError(f"{comment}: {outputs}")
        self._add(comment, flags, "valid", {**members, **outputs}, whole=ignoring)
        return outputs

    def invalid(self, comment: str, *flags: str, error: str, layer: str, reason: str = "", **inputs: Any) -> None:
        """A case that must be refused."""
        members, outputs = self._computed(inputs)
        expected = {"error": error, "layer": layer, **({"reason": reason} if reason else {})}
        if outputs != expected:
            raise RuntimeError(f"{comment}: {outputs}, not {expected}")
        self._add(comment, flags, "invalid", {**members, **outputs}, whole=True)

    def to_json(self) -> Json:
        """The group."""
        return {"type": self.kind, "comment": self.comment, "tests": self.tests}

    def _computed(self, inputs: Json) -> tuple[Json, Json]:
        members = as_json(inputs)
        return members, _portable(compute(FUNCTIONS[self.kind], Fields(members)))

    def _add(self, comment: str, flags: tuple[str, ...], result: str, members: Json, *, whole: bool) -> None:
        if not flags:
            raise RuntimeError(f"{comment}: without a flag")
        # Number and hash are filled in when the file is complete.
        test = {"tcId": 0, "comment": comment, "flags": list(flags), "result": result, **members}
        self.tests.append({**test, "sha256": ""} if whole else test)


@dataclass
class Scenes(Group):
    """Cases of events."""

    setup: Callable[[Scene], object] | None = None
    label: str = ""

    def scene(self, comment: str, *flags: str, events: Callable[[Scene], object], result: str = "valid") -> None:
        """A case: what happens after the setup."""
        scene, before = self._set_up()
        events(scene)
        refused = [event for event in scene.events[before:] if "error" in event]
        if result == "invalid" and len(refused) != 1:
            raise RuntimeError(f"{comment}: {len(refused)} refusals, not one")
        self._add(comment, flags, result, {"events": scene.events[before:]}, whole=result == "invalid")

    def refused(self, comment: str, *flags: str, events: Callable[[Scene], object]) -> None:
        """A case with one refusal in it."""
        self.scene(comment, *flags, events=events, result="invalid")

    def to_json(self) -> Json:
        """The group."""
        scene, _ = self._set_up()
        return {"type": self.kind, "comment": self.comment, "setup": scene.events, "tests": self.tests}

    def _set_up(self) -> tuple[Scene, int]:
        scene = Scene(self.label)
        if self.setup is not None:
            self.setup(scene)
        return scene, len(scene.events)


def as_json(value: Any) -> Any:
    """Byte strings as hexadecimal digits, whatever they stand in; members that are None are left out."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: as_json(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [as_json(member) for member in value]
    return portable(value)


def _portable(outputs: Json) -> Json:
    return {name: portable(value) for name, value in outputs.items()}


def written(document: Json) -> str:
    """A file's text: a line a case, in cases of events a line an event, so that a difference is readable."""
    head = {name: value for name, value in document.items() if name != "testGroups"}
    groups = ",\n".join(_group_text(group) for group in document["testGroups"])
    return json.dumps(head, indent=1)[:-2] + ',\n "testGroups": [\n' + groups + "\n ]\n}\n"


def _group_text(group: Json) -> str:
    head = json.dumps({name: value for name, value in group.items() if name not in ("setup", "tests")})[:-1]
    setup = f', "setup": {_lines(group["setup"])}' if "setup" in group else ""
    tests = ",\n".join(_test_text(test) for test in group["tests"])
    return f'{head}{setup}, "tests": [\n{tests}\n]}}'


def _test_text(test: Json) -> str:
    if "events" not in test:
        return compact(test)
    before, after = compact({**test, "events": "\0"}).split('"\\u0000"')
    return before + _lines(test["events"]) + after


def _lines(events: list[Json]) -> str:
    return "[\n" + ",\n".join(compact(event) for event in events) + "\n]" if events else "[]"


def compact(value: Any) -> str:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":"))
