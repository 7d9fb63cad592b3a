from __future__ import annotations

from support.suite import document

from ratchetlib import IdentityKeyPair, Session
from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.handshake import handshake
from ratchetlib.keys import DhPrivateKey, KemSeed, SigningSeed
from ratchetlib.prekeys import PrekeyBundle, PrekeyRing
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord

TESTS = document("v1/handshake.json")["testGroups"][0]["tests"]


def ring_of(test: dict[str, str], identity: IdentityKeyPair) -> PrekeyRing:
    """The responder's ring, put together from the vector."""

    def raw(name: str) -> bytes:
        return bytes.fromhex(test[name])

    bundle = PrekeyBundle.from_bytes(raw("bundle"))
    record = BundleRecord(bundle.signed, DhPrivateKey(raw("signed_prekey")), KemSeed(raw("last_resort_seed")))
    items = {}
    if bundle.one_time is not None:
        item = OneTimeRecord(bundle.one_time, DhPrivateKey(raw("one_time_key")), KemSeed(raw("one_time_seed")))
        items = {bundle.one_time.item_id: item}
    bundles = {bundle.signed.bundle_id: record}
    return PrekeyRing(RingContents(identity, raw("responder_address"), bundle.signed.epoch, bundles, items))


def test_the_responder_accepts_every_first_message() -> None:
    for test in TESTS:
        seeds = (bytes.fromhex(test[f"responder_{name}"]) for name in ("signing_seed", "agreement_key"))
        signing, agreement = seeds
        identity = IdentityKeyPair(SigningSeed(signing), DhPrivateKey(agreement))
        session, plaintext = Session.accept(
            identity,
            ring_of(test, identity),
            bytes.fromhex(test["message"]),
            our_address=bytes.fromhex(test["responder_address"]),
            now=test["now"],
            associated_data=bytes.fromhex(test["ad"]),
        )
        assert plaintext.hex() == test["plaintext"]
        assert session.session_id.hex() == test["session_id"]


def test_a_value_of_every_step_is_stated() -> None:
    inputs = {name: value for name, value in TESTS[0].items() if name not in ("tcId", "comment", "flags", "result")}
    outputs = handshake(Fields(inputs))
    assert {"dh1", "dh4", "kem_secret", "th0", "th1", "block", "prefix", "session_id", "message"} <= set(outputs)
    assert outputs.items() <= TESTS[0].items()
