"""Secrets and keys as symbols: two are equal exactly if they were made in the same way."""

from __future__ import annotations

from itertools import count
from typing import Any, TypeAlias

Term: TypeAlias = tuple[Any, ...]
"""A kind and what tells one of that kind from another, such as ("root key", 5)."""


class Terms:
    """Makes symbols: fresh ones for what is drawn, the same ones again for what is derived again."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._steps: dict[tuple[Any, ...], int] = {}

    def number(self) -> int:
        """Nothing else in this world has it."""
        return next(self._numbers)

    def fresh(self, kind: str) -> Term:
        """Something drawn at random."""
        return kind, self.number()

    def step(self, root: Term, sender: Term, receiver: Term, secret: Term | None, pq_epoch: int) -> int:
        """The root step with these inputs: its root key, chain and next header key are named after it.

        The Diffie-Hellman secret is no input of its own here: the two public keys say which it is.
        """
        inputs = root, sender, receiver, secret, pq_epoch
        if inputs not in self._steps:
            self._steps[inputs] = self.number()
        return self._steps[inputs]


def root_key(step: int) -> Term:
    return "root key", step


def chain_key(step: int, number: int) -> Term:
    """Of the chain that the step opened, after so many messages."""
    return "chain key", step, number


def message_key(step: int, number: int) -> Term:
    return "message key", step, number


def header_key(step: int) -> Term:
    """Of the chain after the one that the step opened."""
    return "header key", step
