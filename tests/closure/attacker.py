"""An attacker who knows some terms, and then everything that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from closure.rules import Book, Problem, Rule, Term

    Power = frozenset[Problem]


class Knowledge:
    """What an attacker can derive: the least set with what it was given that every rule leaves as it is.

    Attributes:
        derived: the terms, those of `public` left out.
    """

    def __init__(self, book: Book, power: Power, given: Iterable[Term], public: Self | None = None) -> None:
        self.derived: set[Term] = set()
        self._power = power
        self._public: set[Term] = set() if public is None else public.derived
        self._saturate(book, given)

    def __contains__(self, term: Term) -> bool:
        return term in self.derived or term in self._public

    def _saturate(self, book: Book, given: Iterable[Term]) -> None:
        derived, public = self.derived, self._public
        untried = list(given)
        while untried:
            term = untried.pop()
            if term in derived or term in public:
                continue
            derived.add(term)
            for rule in book.using(term):
                if self._applies(rule):
                    untried += rule.outputs

    def _applies(self, rule: Rule) -> bool:
        if rule.problem is not None and rule.problem not in self._power:
            return False
        missing = len(rule.premises) - rule.needed
        for premise in rule.premises:
            if premise not in self.derived and premise not in self._public:
                missing -= 1
                if missing < 0:
                    return False
        return True
