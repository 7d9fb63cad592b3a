"""What stands beside the targets says the truth: README, dictionaries, seeded bugs, files for other people's CI."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from harness.work import _COUNTED
from runner import bugs, readme, targets
from runner.targets import FUZZ
from seeds.dictionaries import DICTIONARIES, text
from seeds.every import SEEDS

import ratchetlib
from ratchetlib import limits

if TYPE_CHECKING:
    from pathlib import Path

_DERIVATIONS = ("blake2b", "HKDF", "crypto_scalarmult", "crypto_scalarmult_base")
WORKFLOWS = sorted((FUZZ / "ci" / "github").glob("*.yml"))


def test_the_readme_lists_the_targets_by_their_first_lines() -> None:
    written = readme.README.read_text("utf-8")
    assert written == readme.with_table(written), "python fuzz/run.py --readme"


@pytest.mark.parametrize("name", targets.names())
def test_a_target_states_its_invariant_in_a_sentence(name: str) -> None:
    assert re.fullmatch(r".{40,118}\.", targets.invariant(name))


def test_every_target_has_seeds() -> None:
    assert sorted(SEEDS) == targets.names()


@pytest.mark.parametrize("name", sorted(DICTIONARIES))
def test_a_dictionary_is_what_the_limits_say(name: str) -> None:
    assert targets.dictionary(name).read_text("utf-8") == text(name), "python fuzz/seed.py"


def test_no_file_belongs_to_a_target_that_is_gone() -> None:
    for folder in ("corpus", "regressions"):
        assert {path.name for path in (FUZZ / folder).iterdir() if path.is_dir()} <= set(targets.names())
    assert {path.stem for path in (FUZZ / "dict").iterdir()} <= set(targets.names())


def test_there_are_bugs_each_for_a_target() -> None:
    assert len(bugs.known()) >= 5
    assert {bug.target for bug in bugs.known()} <= set(targets.names())


@pytest.mark.parametrize("bug", bugs.known(), ids=lambda bug: bug.path.stem)
def test_a_bug_goes_into_a_copy_of_the_library_as_it_is(bug: bugs.Bug, tmp_path: Path) -> None:
    copy = bugs.broken_copy(bug, tmp_path / "package")
    ours = FUZZ.parent / "ratchetlib"
    changed = [
        path.relative_to(ours)
        for path in ours.rglob("*.py")
        if path.read_bytes() != (copy / "ratchetlib" / path.relative_to(ours)).read_bytes()
    ]
    assert len(changed) == 1
    assert ratchetlib.__file__ == str(ours / "__init__.py")


def test_a_program_packed_into_one_file_keeps_its_standard_library(tmp_path: Path) -> None:
    """There the first entry of the path is no folder of ours."""
    (tmp_path / "atheris.py").write_text(
        "from contextlib import nullcontext\n"
        "instrument_imports = lambda include: nullcontext()\n"
        "Setup = lambda arguments, one_input: None\n"
        "Fuzz = lambda: None\n"
    )
    program = (
        f"import sys; sys.path[1:1] = [{str(tmp_path)!r}, {str(FUZZ)!r}, {str(FUZZ.parent)!r}]; sys.frozen = True\n"
        "first = sys.path[0]\n"
        "from harness.drive import main\n"
        "main('session', [])\n"
        "sys.exit(sys.path[0] != first)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, capture_output=True)  # noqa: S603


def test_the_models_bounds_are_those_of_the_library() -> None:
    from harness import model  # noqa: PLC0415

    assert (model.MAX_SKIP, model.MAX_STORED, model.MAX_CLOSED) == (
        limits.MAX_SKIP,
        limits.MAX_STORED_SKIPPED,
        limits.MAX_CLOSED_CHAINS,
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    uses = re.findall(r"uses: (\S+)(.*)", path.read_text("utf-8"))
    assert uses
    for action, comment in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r"  # v[\d.]+", comment)


@pytest.mark.attack("A104")
def test_no_check_is_turned_off_for_fuzzing() -> None:
    """The harness replaces the source of randomness, counts, remembers owners, and plays a peer of false chunks."""
    replaced = set()
    for folder in ("harness", "targets"):
        for path in (FUZZ / folder).glob("*.py"):
            replaced |= _replaced(ast.parse(path.read_text("utf-8")))
    assert replaced == {
        "codec.IdentityKeyPair",  # remembers what the genuine one made of the same bytes
        "random._source",
        "Kem.encapsulate",
        "setattr owner",
        "patch.object _ENCRYPT seal_header",
    }
    assert [name for _, name in _COUNTED] == [*_DERIVATIONS, "decapsulate", "open"]
    library = "".join(path.read_text("utf-8") for path in (FUZZ.parent / "ratchetlib").rglob("*.py"))
    assert not re.search(r"atheris|fuzz", library, re.IGNORECASE)


def _replaced(tree: ast.Module) -> set[str]:
    """What of the library a module assigns to."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ratchetlib")
        for alias in node.names
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            found |= {f"{node.value.id}.{node.attr}"} if node.value.id in imported else set()
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "patch.object"):
            names = [
                argument.value if isinstance(argument, ast.Constant) else ast.unparse(argument)
                for argument in node.args
            ]
            found.add(" ".join([ast.unparse(node.func), *map(str, names[: 1 if names[0] == "owner" else 2])]))
    return found
