"""What the committed inputs reach, module by module: replayed in this process, with branches, without atheris.

Counted is what stands inside functions and what the inputs themselves execute. Imports, and the conversations that the
harness prepares before it takes an input, are traced apart and count for nothing.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import coverage
from runner.replay import replay
from runner.targets import inputs, one_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AREAS: Final = {
    "parsing": (
        *("wire", "padding", "identity/public", "session/message", "ratchet/header", "handshake/block"),
        *("handshake/prefix", "prekeys/bundle", "prekeys/one_time", "prekeys/parsing", "prekeys/signed"),
    ),
    "handshake": ("handshake/accept", "handshake/initiate", "handshake/schedule", "session/establish"),
    "ratchet": ("ratchet/",),
    "state": ("state/", "session/state", "ratchet/codec", "ratchet/pq/codec", "prekeys/codec", "prekeys/records"),
}
"""What hostile bytes can reach, by the beginnings of the modules' paths."""

_APPLICATION: Final = ["*/ratchetlib/cli/*", "*/ratchetlib/__main__.py", "*/ratchetlib/state/sealable.py"]
"""The command, where no input of the library's gets, and a module of types only."""

_INPUTS: Final = "inputs"

REQUIRED: Final = 95.0
"""Percent of the lines and branches of each area. The rest is what no input decides: arguments of the application."""


class Reached(NamedTuple):
    """A module's figures: lines and branches together."""

    module: str
    covered: int
    total: int
    missing: tuple[int, ...]

    @property
    def percent(self) -> float:
        return 100.0 * self.covered / self.total if self.total else 100.0


def report(names: Sequence[str]) -> int:
    """Print the table; 1 if an area is below what is required of it, or an input breaks something."""
    measured = coverage.Coverage(
        branch=True, source_pkgs=["ratchetlib"], omit=_APPLICATION, config_file=False, data_file=None
    )
    measured.exclude("if TYPE_CHECKING:")
    measured.exclude("pragma: no cover")
    for application in ("raise UsageError", r"def require_bytes\(", r"def _problem\("):
        measured.exclude(application)  # what the application passes is no input of any target
    measured.start()
    _prepare(names)
    measured.switch_context(_INPUTS)
    broken = sum(replay(name, inputs(name)) for name in names)
    measured.stop()
    measured.get_data().set_query_context(_INPUTS)
    modules = list(_modules(measured))
    for module in modules:
        lines = ", ".join(map(str, module.missing[:12])) + (" …" if len(module.missing) > 12 else "")
        print(f"{module.module:28} {module.percent:6.1f} %  {lines}")
    return int(not _areas_hold(modules) or broken > 0)


def _prepare(names: Sequence[str]) -> None:
    """Everything that a process makes once and keeps."""
    from harness import handshake, people, positions, script  # noqa: PLC0415  # they import what is measured

    people.pair()
    people.others()
    positions.standings()
    for side in (0, 1):
        handshake.attempt(one_time=bool(side))
        script.of_another_session(side)
    for name in names:
        one_input(name)


def _modules(measured: coverage.Coverage) -> Iterable[Reached]:
    data = measured.get_data()
    for file in sorted(data.measured_files()):
        path = Path(file)
        module = str(path.relative_to(next(p for p in path.parents if p.name == "ratchetlib")).with_suffix(""))
        analysis, body = measured._analyze(file), _bodies(path)
        branches = [taken for line, taken in analysis.branch_stats().items() if line in body]
        statements, missing = analysis.statements & body, analysis.missing & body
        total = len(statements) + sum(exits for exits, _ in branches)
        covered = len(statements - missing) + sum(taken for _, taken in branches)
        yield Reached(module, covered, total, tuple(sorted(missing)))


def _bodies(path: Path) -> set[int]:
    """The lines inside functions."""
    functions = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef))
    return {
        line
        for function in functions
        for statement in function.body
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }


def _areas_hold(modules: list[Reached]) -> bool:
    holds = True
    print()
    for area, beginnings in AREAS.items():
        members = [module for module in modules if module.module.startswith(beginnings)]
        percent = 100.0 * sum(module.covered for module in members) / sum(module.total for module in members)
        holds = holds and percent >= REQUIRED
        print(f"{area:28} {percent:6.1f} %  {REQUIRED:.0f} % required{'' if percent >= REQUIRED else ': TOO LOW'}")
    return holds
