"""Where handshake and ratchet meet: the session that an application holds."""

from ratchetlib.session.health import SessionHealth
from ratchetlib.session.session import Session

__all__ = ["Session", "SessionHealth"]
