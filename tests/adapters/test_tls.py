"""TLS between real sockets, with certificates of the test's own."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import frames
import pytest
from adapters.relays import raw, run, running
from self_signed import self_signed
from tls import client_context, renew, server_context

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.redis_server import RedisServer


def connect(server: RedisServer, context: ssl.SSLContext, tls: ssl.SSLContext) -> str | None:
    """The version of TLS that a client and a relay agree on."""
    versions = []

    async def work() -> None:
        async with running(server, context=context) as at, raw(at, tls) as device:
            await device.greet(frames.Login(b"alice", bytes(32)))
            versions.append(device.connection.transport.get_extra_info("ssl_object").version())

    run(work(), server)
    return versions[0]


def test_a_relay_and_a_client_speak_tls_1_3(redis_server: RedisServer, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    assert connect(redis_server, server_context(certificate, key), client_context(certificate)) == "TLSv1.3"


@pytest.mark.parametrize("side", ["client", "server"])
def test_tls_1_2_is_refused(redis_server: RedisServer, tmp_path: Path, side: str) -> None:
    certificate, key = self_signed(tmp_path)
    server, client = server_context(certificate, key), client_context(certificate)
    old = client if side == "client" else server
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(redis_server, server, client)


@pytest.mark.parametrize("wrong", ["name", "authority", "time"])
def test_a_certificate_that_does_not_fit_is_refused(redis_server: RedisServer, tmp_path: Path, wrong: str) -> None:
    for folder in ("relay", "other"):
        (tmp_path / folder).mkdir()
    certificate, key = self_signed(
        tmp_path / "relay", "elsewhere" if wrong == "name" else "localhost", days=-1 if wrong == "time" else 1
    )
    trusted = self_signed(tmp_path / "other")[0] if wrong == "authority" else certificate
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(redis_server, server_context(certificate, key), client_context(trusted))


def test_the_system_is_trusted_by_default_and_nobody_else_if_an_authority_is_named(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path)
    assert client_context(certificate).cert_store_stats()["x509"] == 1
    assert client_context().verify_mode is ssl.CERT_REQUIRED


def shown(server: RedisServer, context: ssl.SSLContext, *, named: bool) -> bytes | None:
    """The certificate that a new connection is shown, with a name in its greeting or without."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    found = []

    async def work() -> None:
        async with (
            running(server, context=context) as at,
            raw(at, tls, server_hostname="x" if named else "::1") as device,
        ):
            found.append(device.connection.transport.get_extra_info("ssl_object").getpeercert(binary_form=True))

    run(work(), server)
    return found[0]


@pytest.mark.parametrize("named", [True, False])
def test_a_renewed_certificate_is_shown_and_half_of_one_is_not(
    redis_server: RedisServer, tmp_path: Path, *, named: bool
) -> None:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    (certificate, key), (later, its_key) = self_signed(tmp_path / "old"), self_signed(tmp_path / "new")
    context = server_context(certificate, key)
    before = shown(redis_server, context, named=named)
    certificate.write_bytes(later.read_bytes())  # the new chain is there, and the new key not yet
    with pytest.raises(OSError, match="mismatch"):
        renew(context, certificate, key)
    assert shown(redis_server, context, named=named) == before
    key.write_bytes(its_key.read_bytes())
    renew(context, certificate, key)
    renewed = shown(redis_server, context, named=named)
    assert renewed == ssl.PEM_cert_to_DER_cert(later.read_text(encoding="ascii")) != before


def test_nothing_links_two_connections_and_nothing_is_compressed(tmp_path: Path) -> None:
    server, client = server_context(*self_signed(tmp_path)), client_context()
    assert server.num_tickets == 0
    for context in (server, client):
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert client.check_hostname
