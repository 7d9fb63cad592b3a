"""TLS as it should be: version 1.3 only, names checked, no session tickets to link connections by, no renegotiation."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For the relay."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.num_tickets = 0
    context.load_cert_chain(certificate, key)
    return context


def renew(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Have a relay's context show what the files hold now: a new certificate, to new connections.

    Raises:
        OSError: they hold no chain and its key, or no longer, or not yet. Nothing has changed.
    """
    fresh = server_context(certificate, key)  # not into `context`: a chain without its key would end TLS for everybody

    def present(connection: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        connection.context = fresh

    context.sni_callback = present


def client_context(authority: Path | None = None) -> ssl.SSLContext:
    """For a client, or for the relay towards Redis.

    Args:
        authority: the only certificate authority to trust; None for the system's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    if authority is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(authority)
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_STRICT
