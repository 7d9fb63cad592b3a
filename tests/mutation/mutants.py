"""What mutmut changed, what became of it, and whether anybody could notice."""

from __future__ import annotations

import ast
import json
import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLED: Final = frozenset({1, 3})
"""Exit codes of pytest: a test failed; an internal error, which a test that runs pytest's own code can cause."""

TIMED_OUT: Final = frozenset({36, -24, 24, 152, 255})
"""Exit codes of mutmut for a mutant that never ended: noticed, too."""

_NAMED: Final = ("require_", "_require_")
"""Checks of arguments: the second argument is the argument's name, for the message."""


class Mutant(NamedTuple):
    """One change, and what became of it.

    Attributes:
        key: mutmut's name for it.
        module: the source file, from the root of the repository.
        function: dotted, without mutmut's number.
        change: the lines taken away and put in, as a diff shows them.
        wording: whether it changes nothing but the text of an exception.
        killed: whether a test failed or did not end; None if it did not run.
    """

    key: str
    module: str
    function: str
    change: str
    wording: bool
    killed: bool | None

    @property
    def survived(self) -> bool:
        """Whether nothing noticed it, although it changes more than words."""
        return self.killed is False and not self.wording


def meta_of(folder: Path, module: str) -> Path:
    """Mutmut's file about the mutants of a module."""
    return folder / "mutants" / f"{module}.meta"


def read(folder: Path) -> Iterator[Mutant]:
    """All mutants of a finished run, whose working directory this is."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant, read_functions_from_index  # noqa: PLC0415  # an extra

    for file in sorted((folder / "mutants").rglob("*.py.meta")):
        module = file.relative_to(folder / "mutants").as_posix().removesuffix(".meta")
        for name, code in json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            functions = read_functions_from_index(name, module)
            if functions is None:
                raise LookupError(name)
            before, after = (function.deep_clone() for function in functions)
            diff = get_diff_for_mutant(name, path=module).splitlines()[2:]
            yield Mutant(
                name,
                module,
                name.partition("__mutmut_")[0].replace("xǁ", "").replace("ǁ", ".").replace(".x_", "."),
                "\n".join(line for line in diff if line[:1] in "+-"),
                only_wording(_code(before), _code(after)),
                None if code is None else code in KILLED | TIMED_OUT,
            )


def _code(function: object) -> str:
    import libcst  # noqa: PLC0415  # comes with mutmut

    return libcst.Module([function]).code  # type: ignore[list-item]


def only_wording(before: str, after: str) -> bool:
    """Whether two functions differ in the words of exceptions only."""
    first, second = (_Silenced().visit(ast.parse(textwrap.dedent(code))) for code in (before, after))
    first.body[0].name = second.body[0].name = ""
    return ast.dump(first) == ast.dump(second)


class _Silenced(ast.NodeTransformer):
    """Takes out what only a reader of a message sees."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args = [argument for argument in node.exc.args if not _is_text(argument)]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name.startswith(_NAMED) and len(node.args) > 1 and _is_text(node.args[1]):
            node.args[1] = ast.Constant("")
        self.generic_visit(node)
        return node


def _is_text(node: ast.AST) -> bool:
    """Whether it is a message, or the None that mutmut puts in its place."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str))
    )
