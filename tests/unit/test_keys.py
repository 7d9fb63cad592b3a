from __future__ import annotations

import inspect
import itertools
from typing import TYPE_CHECKING

import pytest
from support.hostile import odd_buffers
from support.leaks import COPIES, EXPORTS, leaked, rendered

from ratchetlib import UsageError, keys
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTHS: dict[type[SecretBytes], int] = {
    keys.DhPrivateKey: 32,
    keys.SigningSeed: 32,
    keys.KemSeed: 64,
    keys.DhSecret: 32,
    keys.KemSecret: 32,
    keys.PqSecret: 32,
    keys.RootKey: 32,
    keys.ChainKey: 32,
    keys.MessageKey: 32,
    keys.IdentityBlockKey: 32,
    keys.StorageKey: 32,
    keys.RecordKey: 32,
    HeaderKey: 32,
}
ROLES = pytest.mark.parametrize("role", LENGTHS, ids=lambda role: role.__name__)


def canary(role: type[SecretBytes]) -> bytes:
    return bytes(range(100, 100 + LENGTHS[role]))


def roles_in_the_module() -> Iterator[type[SecretBytes]]:
    for _, member in inspect.getmembers(keys, inspect.isclass):
        if issubclass(member, SecretBytes) and member is not SecretBytes:
            yield member


@pytest.mark.attack("A19")
def test_every_role_is_in_the_table() -> None:
    assert {*roles_in_the_module(), HeaderKey} == set(LENGTHS)


@pytest.mark.attack("A19")
def test_no_role_stands_in_for_another() -> None:
    for one, other in itertools.permutations(LENGTHS, 2):
        assert not issubclass(one, other)


@pytest.mark.attack("A19")
def test_the_public_keys_are_types_of_their_own() -> None:
    names = [role.__name__ for role in (keys.DhPublicKey, keys.SigningPublicKey, keys.KemPublicKey)]
    assert names == ["DhPublicKey", "SigningPublicKey", "KemPublicKey"]


@ROLES
def test_wraps_exactly_its_length(role: type[SecretBytes]) -> None:
    assert LENGTHS[role] == role.LENGTH
    assert role(canary(role)).raw == canary(role)
    for length in range(130):
        if length != LENGTHS[role]:
            with pytest.raises(UsageError, match=f"a {role.__name__} is {LENGTHS[role]} bytes"):
                role(bytes(length))


@ROLES
@pytest.mark.attack("A99", "A91", "A101")
def test_refuses_other_types_without_showing_them(role: type[SecretBytes]) -> None:
    for odd in [*odd_buffers(canary(role)), canary(role) + b"\0", canary(role)[:-1]]:
        with pytest.raises(UsageError) as caught:
            role(odd)
        assert caught.value.__context__ is None
        assert not leaked(rendered(caught.value), {canary(role)[:-1]})


@ROLES
@pytest.mark.attack("A90")
def test_shows_nothing_of_the_key(role: type[SecretBytes]) -> None:
    key = role(canary(role))
    shown = [
        repr(key),
        str(key),
        f"{key}",
        f"{key!r:>80}",
        format(key),
        ascii(key),
        repr([key]),
        repr({1: key}),
    ]
    assert not leaked("\n".join(shown), {canary(role)[:16]})
    assert repr(key) == f"<{role.__name__}: {LENGTHS[role]} secret bytes>"


@ROLES
@pytest.mark.attack("A90", "A76")
def test_has_no_way_out_by_accident(role: type[SecretBytes]) -> None:
    key = role(canary(role))
    for export in (*EXPORTS, hash):
        with pytest.raises(TypeError):
            export(key)
    assert not hasattr(key, "__dict__")
    with pytest.raises(AttributeError):
        key.note = 1  # type: ignore[attr-defined]


@ROLES
@pytest.mark.attack("A49")
def test_is_never_compared(role: type[SecretBytes]) -> None:
    key = role(canary(role))
    for other in (key, role(canary(role)), canary(role), None):
        with pytest.raises(TypeError):
            _ = key == other
        with pytest.raises(TypeError):
            _ = key != other


@ROLES
@pytest.mark.attack("A93")
def test_is_neither_copied_nor_pickled(role: type[SecretBytes]) -> None:
    key = role(canary(role))
    for leave in COPIES.values():
        with pytest.raises(TypeError, match=f"{role.__name__} is neither copied nor pickled"):
            leave(key)
