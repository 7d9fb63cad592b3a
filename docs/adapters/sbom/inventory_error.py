"""The one exception."""

from __future__ import annotations


class InventoryError(Exception):
    """Something ships, or is said to, of which not enough is known; says what, and what to do."""
