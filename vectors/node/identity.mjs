// Identities, addresses and fingerprints: docs/spec/identity.md.

import { concat, equal, lp, u8 } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { LABELS } from './labels.mjs';
import { LIMITS } from './limits.mjs';
import {
  agreementPublic,
  checkAgreementKey,
  checkSigningKey,
  hash,
  sign,
  signingPublic,
  verify,
} from './primitives.mjs';

export const IDENTITY_LENGTH = 128;

const split = (encoded) => ({
  signing: encoded.subarray(0, 32),
  agreement: encoded.subarray(32, 64),
  signature: encoded.subarray(64),
  encoded,
});

/** "Identity": a public identity from outside. */
export function parseIdentity(encoded) {
  if (encoded.length !== IDENTITY_LENGTH) refuse('MalformedMessage', 'encoding', 'an identity has 128 bytes');
  const identity = split(encoded);
  checkSigningKey(identity.signing);
  checkAgreementKey(identity.agreement);
  if (!verify(identity.signing, LABELS.SIGN_IDENTITY, identity.agreement, identity.signature)) {
    refuse('InvalidKey', 'signature', 'the halves of an identity do not belong together');
  }
  return identity;
}

/** An identity from a blob that has authenticated (docs/spec/state.md, "Session"): not verified again. */
export const trustIdentity = (encoded) => split(encoded);

/** Both private keys, and the public identity that follows from them. */
export function makeIdentity(signingSeed, agreementKey) {
  const agreement = agreementPublic(agreementKey);
  const signature = sign(signingSeed, LABELS.SIGN_IDENTITY, agreement);
  return { signingSeed, agreementKey, public: split(concat(signingPublic(signingSeed), agreement, signature)) };
}

/** Equal if both keys are, whatever the signatures. */
export const sameIdentity = (one, other) => equal(one.signing, other.signing) && equal(one.agreement, other.agreement);

export const sharesKey = (one, other) => equal(one.signing, other.signing) || equal(one.agreement, other.agreement);

/** "Address": 1 to 128 bytes, given by the application. */
export function checkAddress(address) {
  if (address.length < 1 || address.length > LIMITS.MAX_ADDRESS)
    refuse('UsageError', 'caller', 'an address of another length');
  return address;
}

export const readAddress = (reader) => reader.lp(1, LIMITS.MAX_ADDRESS);

// Fingerprint

const FINGERPRINT_VERSION = 1;
const SCANNABLE_LENGTH = 65;

/** The half of one device, and the first of the 5,200 hashes that lead to it. */
export function fingerprintHalf(identity, address) {
  const keys = concat(identity.signing, identity.agreement);
  const first = hash(LABELS.HASH_FINGERPRINT, concat(u8(FINGERPRINT_VERSION), lp(checkAddress(address)), keys));
  let link = first;
  for (let count = 1; count < LIMITS.FINGERPRINT_ITERATIONS; count += 1) {
    link = hash(LABELS.HASH_FINGERPRINT, concat(link, keys));
  }
  return { first, half: link.subarray(0, 32) };
}

function halfDigits(half) {
  const groups = [];
  for (let at = 0; at < 30; at += 5) groups.push(String(half.readUIntBE(at, 5) % 100_000).padStart(5, '0'));
  return groups.join(' ');
}

/** The 60 digits that people compare, the same on both devices. */
export const fingerprintDigits = (one, other) => [halfDigits(one), halfDigits(other)].sort().join(' ');

/** What the device with half `ours` shows. */
export const scannable = (ours, theirs) => concat(u8(FINGERPRINT_VERSION), ours, theirs);

/** What the device with half `ours` checks after it has scanned the other's code. */
export function checkScanned(scanned, ours, theirs) {
  if (scanned.length !== SCANNABLE_LENGTH) refuse('MalformedMessage', 'encoding', 'a fingerprint has 65 bytes');
  if (scanned[0] !== FINGERPRINT_VERSION) refuse('UnsupportedVersion', 'encoding', 'another version of fingerprints');
  if (!equal(scanned.subarray(1), concat(theirs, ours))) refuse('FingerprintMismatch', 'fingerprint', 'another pair');
}
