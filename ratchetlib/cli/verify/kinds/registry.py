"""The closed lists: limits and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import errors, limits

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def limit(fields: Fields) -> Outputs:
    """A limit's value."""
    return {"value": getattr(limits, fields.text("name"))}


def error(fields: Fields) -> Outputs:
    """An exception's place in the tree: whose doing it was."""
    kind: type[Exception] = getattr(errors, fields.text("name"))
    return {"parents": [base.__name__ for base in kind.__bases__ if issubclass(base, errors.RatchetError)]}


def reason(fields: Fields) -> Outputs:
    """The text of a reason for which bundles are refused."""
    return {"text": errors.BundleReason[fields.text("name")].value}
