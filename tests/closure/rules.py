"""What follows from what: rules over the real bytes, each added when the library has computed it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


class Problem(StrEnum):
    """A problem that an attacker may have solved."""

    X25519 = "X25519"
    ML_KEM = "ML-KEM"


class Plaintext(NamedTuple):
    """What a ciphertext holds. Not its bytes: two messages may say the same, and are two messages all the same."""

    ciphertext: bytes


Term: TypeAlias = bytes | Plaintext


@dataclass(slots=True, eq=False)
class Rule:
    """Whoever knows `needed` of the premises knows the outputs.

    Attributes:
        outputs: what comes out.
        premises: what goes in; of an erasure code it grows.
        needed: how many of them are enough: all, but for an erasure code.
        problem: what has to be solved besides, or None.
    """

    outputs: tuple[Term, ...]
    premises: list[Term]
    needed: int
    problem: Problem | None


class Book:
    """All rules so far, each once."""

    def __init__(self) -> None:
        self._using: dict[Term, list[Rule]] = defaultdict(list)
        self._known: set[tuple[tuple[Term, ...], tuple[Term, ...]]] = set()
        self._codes: dict[bytes, Rule] = {}
        self._derived: set[Term] = set()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, outputs: Iterable[Term], premises: Iterable[Term], *, problem: Problem | None = None) -> None:
        """The outputs follow from all of the premises."""
        made, given = tuple(outputs), tuple(dict.fromkeys(premises))
        if not made or (made, given) in self._known:
            return
        if not given:
            raise ValueError("a rule without premises makes its outputs public")
        self._enter(Rule(made, list(given), len(given), problem), given)

    def add_chunk(self, stream: bytes, chunk: bytes, needed: int) -> None:
        """The stream follows from so many of its chunks, and each chunk from the stream."""
        self.add([chunk], [stream])
        rule = self._codes.get(stream)
        if rule is None:
            rule = self._codes[stream] = Rule((stream,), [], needed, None)
        if chunk not in rule.premises:
            rule.premises.append(chunk)
            self._enter(rule, (chunk,))

    def using(self, term: Term) -> Sequence[Rule]:
        """The rules with that premise."""
        return self._using.get(term, ())

    def derives(self, term: Term) -> bool:
        """Whether any rule yields the term without a problem's solution."""
        return term in self._derived

    def _enter(self, rule: Rule, premises: Collection[Term]) -> None:
        self._known.add((rule.outputs, tuple(premises)))
        if rule.problem is None:
            self._derived.update(rule.outputs)
        for premise in premises:
            self._using[premise].append(rule)
