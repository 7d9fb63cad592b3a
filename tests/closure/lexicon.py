"""Which terms stand in some bytes."""

from __future__ import annotations

from typing import Final

_HEAD: Final = 8
"""Bytes by which terms are looked up. Those that agree in so many are told apart by the rest."""


class Lexicon:
    """All terms that were ever computed, to be found again inside of longer bytes."""

    def __init__(self) -> None:
        self._by_head: dict[bytes, list[bytes]] = {}
        self._terms: set[bytes] = set()

    def __contains__(self, term: bytes) -> bool:
        return term in self._terms

    def add(self, term: bytes) -> None:
        """Remember a term; the longest of those that begin alike come first."""
        if term in self._terms:
            return
        if len(term) < _HEAD:
            raise ValueError("a term too short to be told from chance")
        self._terms.add(term)
        alike = self._by_head.setdefault(term[:_HEAD], [])
        alike.append(term)
        alike.sort(key=len, reverse=True)

    def within(self, data: bytes) -> list[bytes]:
        """The terms in the bytes from left to right, at each place the longest, none overlapping another."""
        found = []
        place = 0
        while place + _HEAD <= len(data):
            term = self._at(data, place)
            if term is not None:
                found.append(term)
            place += 1 if term is None else len(term)
        return found

    def _at(self, data: bytes, place: int) -> bytes | None:
        for term in self._by_head.get(data[place : place + _HEAD], ()):
            if data.startswith(term, place):
                return term
        return None
