"""State at rest: sealed, bound to its place, and aware of rollback."""

from ratchetlib.state.anchor import AnchorEntry, MonotonicAnchor, UnsafeNoRollbackProtection
from ratchetlib.state.context import Context
from ratchetlib.state.sealable import Sealable
from ratchetlib.state.vault import StateVault

__all__ = ["AnchorEntry", "Context", "MonotonicAnchor", "Sealable", "StateVault", "UnsafeNoRollbackProtection"]
