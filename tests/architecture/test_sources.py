"""Rules that every source file keeps, read from its syntax tree.

Each rule comes with a program that breaks it, so that a rule that finds nothing is known to look; and each exemption
with its reason, so that it goes when the reason does.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

import ratchetlib
from ratchetlib import labels, limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE: Final = Path(ratchetlib.__file__).parent
UNIT_TESTS: Final = Path(__file__).parents[1] / "unit"
TREES: Final = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))
}
LONGEST_BODY: Final = 25


class Found(NamedTuple):
    """A place that breaks a rule."""

    line: int
    what: str


class Rule(NamedTuple):
    """What is looked for, a program that has it, and the files and folders that may have it, with the reason.

    `within` is the folder that the rule is about.
    """

    find: Callable[[ast.AST], Iterator[Found]]
    planted: str
    exempt: dict[str, str] = {}  # noqa: RUF012  # never written
    within: str = ""

    def applies(self, module: str) -> bool:
        """Whether a module has to keep the rule."""
        folders = tuple(place for place in self.exempt if place.endswith("/"))
        return module.startswith(self.within) and module not in self.exempt and not module.startswith(folders)


def identifiers(tree: ast.AST) -> Iterator[Found]:
    """Every name that a program writes, wherever it stands."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str) and hasattr(node, "lineno"):
                yield Found(node.lineno, name)


def named(pattern: str) -> Callable[[ast.AST], Iterator[Found]]:
    """A rule about names: none of these."""
    matches = re.compile(pattern).search
    return lambda tree: (found for found in identifiers(tree) if matches(found.what))


def statement(kind: type[ast.stmt]) -> Callable[[ast.AST], Iterator[Found]]:
    """A rule about statements: none of this kind."""
    return lambda tree: (Found(node.lineno, kind.__name__) for node in ast.walk(tree) if isinstance(node, kind))


def imported(tree: ast.AST) -> Iterator[Found]:
    """The modules that a program imports, our own left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Found(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Found(node.lineno, node.module or ".")


def importing_beside(*allowed: str) -> Callable[[ast.AST], Iterator[Found]]:
    """A rule about imports: none but these."""
    known = {"__future__", "ratchetlib", *allowed}
    return lambda tree: (
        found for found in imported(tree) if found.what not in known and found.what.partition(".")[0] not in known
    )


def importing(*banned: str) -> Callable[[ast.AST], Iterator[Found]]:
    """A rule about imports: none of these."""
    return lambda tree: (found for found in imported(tree) if found.what.partition(".")[0] in banned)


def calling(*banned: str) -> Callable[[ast.AST], Iterator[Found]]:
    """A rule about functions that are called by their bare names: none of these."""
    return lambda tree: (
        Found(node.lineno, node.func.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in banned
    )


SECRET: Final = re.compile(
    r"(^|_)(tag|mac|commitment|confirmation|fingerprint|scanned|digest|hexdigest|secret|seed|private)s?(_|$)"
    r"|(root|chain|header|message|body|block|record|storage|seal)_key"
)
"""In a name: it authenticates, or is secret. Public keys and lengths, in capitals, may be compared in any way."""


def comparing_secrets(tree: ast.AST) -> Iterator[Found]:
    """`==` or `!=` where a name or a method on either side speaks of what authenticates or is secret."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            written = [name for side in (node.left, *node.comparators) for name in compared(side)]
            yield from (Found(node.lineno, name) for name in written if SECRET.search(name))


def compared(side: ast.expr) -> Iterator[str]:
    """What a side of a comparison is named, through calls, slices and sums."""
    if isinstance(side, ast.BinOp):
        yield from (*compared(side.left), *compared(side.right))
    elif isinstance(side, ast.Subscript) and isinstance(side.slice, ast.Slice):
        yield from compared(side.value)
    else:
        written = side.func if isinstance(side, ast.Call) else side
        yield getattr(written, "attr", getattr(written, "id", ""))


def raising_in_a_handler(tree: ast.AST) -> Iterator[Found]:
    """`raise` inside `except`: the first error, and the frames that it holds, would hang on the second."""
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        yield from (Found(node.lineno, "raise") for node in ast.walk(handler) if isinstance(node, ast.Raise))


def numbers(*banned: int) -> Callable[[ast.AST], Iterator[Found]]:
    return lambda tree: (
        Found(node.lineno, str(node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in banned
    )


def long_bodies(tree: ast.AST) -> Iterator[Found]:
    """Functions of more lines than fit one glance; the docstring is not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            if lines > LONGEST_BODY:
                yield Found(node.lineno, f"{node.name}: {lines} lines")


COMMAND: Final = {"cli/": "the command reads, prints and times what it shows"}
RULES: Final = {
    "no assert: python -O removes it": Rule(statement(ast.Assert), "assert x"),
    "the core imports little": Rule(
        importing_beside(
            "collections.abc", "contextlib", "dataclasses", "enum", "itertools", "re", "struct", "threading", "typing",
        ),
        "from hashlib import sha512",
        {"primitives/": "the one place for cryptographic libraries and the operating system", **COMMAND},
    ),
    "the primitives import the libraries and little else": Rule(
        importing_beside(
            "collections.abc", "dataclasses", "re", "threading", "typing",
            "cryptography", "hashlib", "hmac", "nacl", "os",
        ),
        "import zlib",
        within="primitives/",
    ),
    "no serializer that runs code, no other randomness, nowhere": Rule(
        importing("pickle", "marshal", "shelve", "copyreg", "yaml", "random", "secrets", "uuid", "ctypes", "cffi"),
        "import pickle",
    ),
    "no input, output or evaluation": Rule(
        calling("eval", "exec", "compile", "__import__", "print", "open", "input", "breakpoint"),
        "print(x)",
        COMMAND,
    ),
    "what authenticates is compared in constant time": Rule(
        comparing_secrets,
        "if rest == confirmation + tail: x",
        {
            "primitives/selftest.py": "it compares answers that anybody can compute",
            "cli/": "it compares published vectors, and a state of its own with itself",
        },
    ),
    "nothing is cached": Rule(named(r"^(lru_cache|cache|cached_property|memoi[sz]e)$"), "@functools.cache\ndef f(): x"),
    "no global is written": Rule(
        statement(ast.Global),
        "def f():\n global x",
        {
            "primitives/process.py": "a fork hook reaches nothing else",
            "primitives/random.py": "a fork hook reaches nothing else",
        },
    ),
    "randomness is drawn in one file": Rule(
        named(r"^(randombytes\w*|urandom|getrandom|getrandbits|randbytes|token_\w+|SystemRandom)$"),
        "os.urandom(32)",
        {"primitives/random.py": "this is the file"},
    ),
    "no library makes a key of its own": Rule(
        named(r"^generate(_key|_private_key|_parameters)?$"),
        "X25519PrivateKey.generate()",
        {
            "primitives/dh.py": "defines our own",
            "primitives/kem.py": "defines our own",
            "primitives/signature.py": "defines our own",
        },
        within="primitives/",
    ),
    "no key conversion": Rule(named(r"to_curve25519"), "crypto_sign_ed25519_pk_to_curve25519(x)"),
    "no XEdDSA": Rule(named(r"(?i)xeddsa"), "def xeddsa_sign(x): x"),
    "no lattice code: no transform": Rule(named(r"(?i)(^|_)(inv)?ntt(_|$)|montgomery|barrett"), "def ntt(x): x"),
    "no lattice code: no modulus": Rule(numbers(3329, 1665), "x % 3329"),
    "no secret becomes text": Rule(
        named(r"^(hex|fromhex|hexdigest|(un)?hexlify|base64|binascii|[ab]\d\d(hex)?(en|de)code|b64(en|de)code)$"),
        "key.hex()",
        {
            "primitives/answers.py": "known answers, written down",
            "primitives/dh.py": "a public constant, written down",
            "identity/public.py": "four bytes of a public key name it",
            "session/session.py": "four bytes of the public session id name it",
            **COMMAND,
        },
    ),
    "nothing promises to wipe": Rule(named(r"(?i)wipe|zeroi[sz]e|scrub|erase"), "def wipe(key): x"),
    "signatures are verified one by one": Rule(named(r"(?i)batch"), "verify_batch(x)"),
    "no switch in the environment": Rule(named(r"^(environb?|getenvb?|putenv)$"), "os.environ['X']", COMMAND),
    "no error drags another along": Rule(
        raising_in_a_handler, "try: x\nexcept KeyError: raise ValueError from None", COMMAND
    ),
    "a function fits one glance": Rule(long_bodies, "def f():\n" + " x\n" * 26),
}  # fmt: skip


@pytest.mark.attack(
    "A4", "A9", "A20", "A49", "A67", "A75", "A94", "A95", "A101", "A102", "A104", "A107", "A110", "A118", "A136"
)
@pytest.mark.parametrize("name", RULES)
def test_every_source_file_keeps_the_rule(name: str) -> None:
    rule = RULES[name]
    found = [
        f"{module}:{line}: {what}"
        for module, tree in TREES.items()
        if rule.applies(module)
        for line, what in rule.find(tree)
    ]
    assert found == []


@pytest.mark.attack("A133")
@pytest.mark.parametrize("name", RULES)
def test_the_rule_finds_what_is_planted(name: str) -> None:
    assert list(RULES[name].find(ast.parse(RULES[name].planted)))


@pytest.mark.parametrize(
    ("name", "module"), [(name, place) for name, rule in RULES.items() for place in rule.exempt if place.endswith("py")]
)
def test_no_exemption_outlives_its_reason(name: str, module: str) -> None:
    assert list(RULES[name].find(TREES[module]))


def test_a_body_of_25_lines_is_short_enough_whatever_its_docstring() -> None:
    source = 'def f():\n """x\n\n y\n """\n' + " x\n" * LONGEST_BODY
    assert list(long_bodies(ast.parse(source))) == []


# --- registries ---------------------------------------------------------------------------------


def uses(module: str) -> set[str]:
    return {found.what for found in identifiers(TREES[module])} | {
        alias.name for node in ast.walk(TREES[module]) if isinstance(node, ast.ImportFrom) for alias in node.names
    }


@pytest.mark.attack("A5", "A62")
def test_each_label_serves_one_package() -> None:
    """Two packages with one label would serve two purposes. The self-test and the command use some on known inputs."""
    places: dict[str, set[str]] = {name: set() for name in vars(labels) if name.isupper()}
    checking = {"labels.py", "primitives/selftest.py", *(module for module in TREES if module.startswith("cli/"))}
    for module in TREES.keys() - checking:
        for name in places.keys() & uses(module):
            places[name].add(module.partition("/")[0])
    assert {name: places for name, places in places.items() if len(places) != 1} == {}


@pytest.mark.attack("A62")
def test_persons_are_16_bytes_and_the_other_labels_prefix_free_behind_their_length() -> None:
    values = {name: value for name, value in vars(labels).items() if name.isupper()}
    assert all(len(value) == 16 for name, value in values.items() if name.startswith("PERSON_"))
    prefixed = [len(v).to_bytes(4, "big") + v for name, v in values.items() if not name.startswith("PERSON_")]
    assert not [(one, other) for one in prefixed for other in prefixed if one is not other and other.startswith(one)]
    assert len(set(values.values())) == len(values)


def test_every_limit_has_its_reason_below_and_is_used() -> None:
    body = TREES["limits.py"].body
    reasons = {
        statement.target.id: isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        for statement, below in zip(body, [*body[1:], None], strict=True)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
    assert reasons.keys() == {name for name in vars(limits) if name.isupper()}
    assert [name for name, has_one in reasons.items() if not has_one] == []
    used = set().union(*(uses(module) for module in TREES if module != "limits.py"))
    names = (node for node in ast.walk(TREES["limits.py"]) if isinstance(node, ast.Name))
    used_by_others = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    assert reasons.keys() - used - used_by_others == set()


def test_state_kinds_are_unique() -> None:
    kinds = [
        (node.value.value, module)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and getattr(node.target, "id", "") == "STATE_KIND"
        and isinstance(node.value, ast.Constant)
    ]
    assert len(kinds) == 3
    assert len({kind for kind, _ in kinds}) == len(kinds), kinds


COMPARED: Final = {
    "identity/fingerprint.py": {"verify"},
    "primitives/dh.py": {"_scalar_multiply"},
    "primitives/seal.py": {"open_"},
    "primitives/selftest.py": {"_random_source"},
    "ratchet/pq/streams.py": {"read_answer"},
    "state/vault.py": {"_authenticate"},
}
"""Where bytes are compared in constant time: a scanned fingerprint, a zero secret, a commitment, two draws, a
confirmation, a record's tag. Names are no help there: most compare a part of what a derivation gave."""


@pytest.mark.attack("A49")
def test_what_is_compared_in_constant_time_stays_so() -> None:
    found: dict[str, set[str]] = {}
    for module, tree in TREES.items():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            if any(calling("equal")(function)):
                found.setdefault(module, set()).add(function.name)
    assert found == COMPARED


# --- the mirror ---------------------------------------------------------------------------------


def mirrored(module: str) -> Path:
    path = Path(module)
    return UNIT_TESTS / path.parent / f"test_{path.name}"


def test_every_module_has_its_unit_test_in_the_same_place() -> None:
    modules = [module for module in TREES if not module.endswith("__init__.py")]
    assert [module for module in modules if not mirrored(module).is_file()] == []
