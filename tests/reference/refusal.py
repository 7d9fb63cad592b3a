"""The conditions of docs/spec/errors.md, by name."""

from __future__ import annotations


class Refusal(Exception):
    """A call is refused, and nothing has changed.

    Args:
        condition: its name in errors.md.
        reason: with `BundleRejected`, which rule was broken.
    """

    def __init__(self, condition: str, reason: str = "") -> None:
        super().__init__(condition, reason)
        self.condition = condition
        self.reason = reason


def require(kept: object, condition: str, reason: str = "") -> None:
    """A rule of the specification: where it is not kept, its condition."""
    if not kept:
        raise Refusal(condition, reason)
