from __future__ import annotations

import nacl.bindings
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from support import edwards25519 as edwards
from support.hostile import LyingBytes, odd_buffers

from ratchetlib.errors import InvalidKey
from ratchetlib.keys import DhPrivateKey, DhPublicKey
from ratchetlib.primitives import dh

FIELD_PRIME = 2**255 - 19
BASE = (9).to_bytes(32, "little")
PRIVATE = DhPrivateKey(bytes(range(32)))

# Whatever clamps to the all-zero scalar is refused as a key.
keys = st.binary(min_size=32, max_size=32).filter(lambda raw: any(raw[1:31]))


def u_bytes(u: int) -> bytes:
    return u.to_bytes(32, "little")


def with_top_bit(encoded: bytes) -> bytes:
    return encoded[:31] + bytes([encoded[31] | 0x80])


def small_order() -> set[int]:
    """The u = (1 + y) / (1 - y) of all points of small order (0 for the one at infinity), and one more of the twist."""
    on_curve = {(1 + y) * pow(1 - y, -1, FIELD_PRIME) % FIELD_PRIME for _, y in edwards.TORSION if y != 1}
    return on_curve | {FIELD_PRIME - 1}


LOW_ORDER = sorted(u_bytes(u) for u in small_order())
ALIASES_OF_LOW_ORDER = sorted(
    {with_top_bit(encoded) for encoded in LOW_ORDER} | {u_bytes(FIELD_PRIME), u_bytes(FIELD_PRIME + 1)}
)


# --- keys ---------------------------------------------------------------------------------------


def test_generated_keys_differ() -> None:
    assert type(dh.generate()) is DhPrivateKey
    assert dh.generate().raw != dh.generate().raw


@given(raw=keys)
def test_the_public_key_is_openssls_and_passes_the_check(raw: bytes) -> None:
    public = dh.public_key(DhPrivateKey(raw))
    assert public == X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    assert dh.parse_public_key(public) == public


# --- the check ----------------------------------------------------------------------------------


@given(raw=keys)
def test_what_passes_is_canonical_and_unchanged(raw: bytes) -> None:
    try:
        parsed = dh.parse_public_key(raw)
    except InvalidKey:
        assert int.from_bytes(raw, "little") >= FIELD_PRIME or raw in LOW_ORDER
    else:
        assert parsed is raw


@pytest.mark.attack("A9", "A99")
@pytest.mark.parametrize("value", odd_buffers(BASE), ids=lambda value: type(value).__name__)
def test_another_type_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidKey, match="an X25519 public key is 32 bytes"):
        dh.parse_public_key(value)


@pytest.mark.attack("A9")
@pytest.mark.usefixtures("no_call_into_c")
@pytest.mark.parametrize("length", [n for n in range(97) if n != 32])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidKey, match="an X25519 public key is 32 bytes"):
        dh.parse_public_key(b"\x09" * length)


@pytest.mark.attack("A7")
@pytest.mark.parametrize("raw", LOW_ORDER, ids=bytes.hex)
def test_a_key_of_small_order_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidKey, match="must not have small order"):
        dh.parse_public_key(raw)


@pytest.mark.attack("A7", "A10")
@pytest.mark.parametrize("raw", ALIASES_OF_LOW_ORDER, ids=bytes.hex)
def test_an_alias_of_a_key_of_small_order_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidKey, match="must be canonical"):
        dh.parse_public_key(raw)


@pytest.mark.attack("A7")
def test_the_list_of_small_orders_is_complete() -> None:
    assert frozenset(LOW_ORDER) == dh._SMALL_ORDER


@pytest.mark.attack("A10")
@pytest.mark.parametrize("u", range(2, 19))
def test_u_plus_p_is_refused(u: int) -> None:
    with pytest.raises(InvalidKey, match="must be canonical"):
        dh.parse_public_key(u_bytes(FIELD_PRIME + u))


@pytest.mark.attack("A10")
@given(raw=keys)
def test_the_top_bit_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidKey, match="must be canonical"):
        dh.parse_public_key(with_top_bit(raw))


@pytest.mark.attack("A10")
def test_the_bounds_of_canonical() -> None:
    assert dh.parse_public_key(u_bytes(FIELD_PRIME - 2))
    for u in (FIELD_PRIME, 2**256 - 1):
        with pytest.raises(InvalidKey, match="must be canonical"):
            dh.parse_public_key(u_bytes(u))


@pytest.mark.attack("A101")
@pytest.mark.parametrize("raw", [b"", bytes(32), u_bytes(FIELD_PRIME)])
def test_the_refusals_have_no_context(raw: bytes) -> None:
    with pytest.raises(InvalidKey) as caught:
        dh.parse_public_key(raw)
    assert caught.value.__context__ is None


# --- agreement ----------------------------------------------------------------------------------


@given(ours=keys, theirs=keys)
def test_both_sides_and_openssl_agree(ours: bytes, theirs: bytes) -> None:
    one, other = DhPrivateKey(ours), DhPrivateKey(theirs)
    secret = dh.agree(one, dh.public_key(other)).raw
    assert secret == dh.agree(other, dh.public_key(one)).raw
    public = X25519PublicKey.from_public_bytes(dh.public_key(other))
    assert secret == X25519PrivateKey.from_private_bytes(ours).exchange(public)


@pytest.mark.attack("A9")
@pytest.mark.usefixtures("no_call_into_c")
@pytest.mark.parametrize("length", [n for n in range(97) if n != 32])
def test_another_length_never_reaches_c(length: int) -> None:
    with pytest.raises(InvalidKey, match="is 32 bytes"):
        dh.agree(PRIVATE, DhPublicKey(b"\x09" * length))


@pytest.mark.attack("A9", "A99")
@pytest.mark.usefixtures("no_call_into_c")
@pytest.mark.parametrize("value", [*odd_buffers(BASE), LyingBytes(b"short")], ids=lambda value: type(value).__name__)
def test_another_type_never_reaches_c(value: DhPublicKey) -> None:
    """A subclass that claims 32 bytes would be read beyond its end."""
    with pytest.raises(InvalidKey, match="is 32 bytes"):
        dh.agree(PRIVATE, value)


@pytest.mark.attack("A7", "A100", "A101")
@pytest.mark.parametrize("raw", [*LOW_ORDER, *ALIASES_OF_LOW_ORDER], ids=bytes.hex)
def test_a_zero_secret_is_refused_even_for_a_key_that_was_not_checked(raw: bytes) -> None:
    with pytest.raises(InvalidKey, match="must not have small order") as caught:
        dh.agree(PRIVATE, DhPublicKey(raw))
    assert caught.value.__context__ is None


@pytest.mark.attack("A7")
def test_a_zero_secret_is_refused_even_if_libsodium_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nacl.bindings, "crypto_scalarmult", lambda *_: bytes(32))
    with pytest.raises(InvalidKey, match="must not have small order"):
        dh.agree(PRIVATE, DhPublicKey(BASE))


@pytest.mark.attack("A29")
def test_the_key_of_the_all_zero_scalar_is_refused() -> None:
    everybodys = dh.public_key(DhPrivateKey(bytes(32)))
    with pytest.raises(InvalidKey, match="all-zero scalar"):
        dh.parse_public_key(everybodys)
