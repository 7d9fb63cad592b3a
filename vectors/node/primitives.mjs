// The primitives and their input checks: docs/spec/primitives.md.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  sign as signEd25519,
  verify as verifyEd25519,
} from 'node:crypto';

import { blake2b } from '@noble/hashes/blake2.js';

import { EMPTY, compare, concat, equal, hex, isZero, lp, unhex, zeros } from './bytes.mjs';
import { GROUP_ORDER, isValidPoint, littleEndian } from './edwards.mjs';
import { refuse } from './errors.mjs';
import { LABELS } from './labels.mjs';

const PKCS8 = { X25519: unhex('302e020100300506032b656e04220420'), Ed25519: unhex('302e020100300506032b657004220420') };

/** Key objects by their seed: OpenSSL needs half a millisecond to read one, and most are used more than once. */
const keyObjects = new Map();
const MOST_KEY_OBJECTS = 256;

function privateKey(curve, seed) {
  const name = curve + hex(seed);
  const known = keyObjects.get(name);
  if (known) return known;
  const key = createPrivateKey({ key: concat(PKCS8[curve], seed), format: 'der', type: 'pkcs8' });
  if (keyObjects.size === MOST_KEY_OBJECTS) keyObjects.clear();
  keyObjects.set(name, key);
  return key;
}

const publicKey = (curve, encoded) =>
  createPublicKey({ key: { kty: 'OKP', crv: curve, x: Buffer.from(encoded).toString('base64url') }, format: 'jwk' });
const publicOf = (curve, seed) =>
  Buffer.from(createPublicKey(privateKey(curve, seed)).export({ format: 'jwk' }).x, 'base64url');

// X25519

/** p = 2^255 - 19, big-endian, to compare reversed keys with. */
const PRIME = unhex(`7f${'ff'.repeat(30)}ed`);

/** The u-coordinates of the points of small order, and the public key of the all-zero scalar. */
const REFUSED_KEYS = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b74',
]);

/** "X25519": the check of a public key from outside. Returns the key. */
export function checkAgreementKey(key) {
  if (key.length !== 32) refuse('InvalidKey', 'key', 'an X25519 key has 32 bytes');
  if (compare(Buffer.from(key).reverse(), PRIME) >= 0) refuse('InvalidKey', 'key', 'a non-canonical X25519 key');
  if (REFUSED_KEYS.has(hex(key))) refuse('InvalidKey', 'key', 'an X25519 key that everybody can agree with');
  return key;
}

export const agreementPublic = (secret) => publicOf('X25519', secret);

/** DH(private, public). */
export function dh(secret, key) {
  const shared = diffieHellman({ privateKey: privateKey('X25519', secret), publicKey: publicKey('X25519', key) });
  if (isZero(shared)) refuse('InvalidKey', 'key', 'an agreement on zero');
  return shared;
}

// Ed25519

const NEUTRAL = unhex(`01${'00'.repeat(31)}`);

/** "Ed25519": the check of a public key from outside. Returns the key. */
export function checkSigningKey(key) {
  if (key.length !== 32 || !isValidPoint(key)) refuse('InvalidKey', 'key', 'not a point of prime order');
  return key;
}

export const signingPublic = (seed) => publicOf('Ed25519', seed);

/** SIGN(seed, label, x). */
export const sign = (seed, label, data) => signEd25519(null, concat(lp(label), data), privateKey('Ed25519', seed));

/**
 * Whether a signature verifies under a key that has passed the check. Rules 1 to 3 are here. Rule 4, the equation
 * without the cofactor and R compared as bytes, is what OpenSSL computes.
 */
export function verify(key, label, data, signature) {
  if (signature.length !== 64) return false;
  if (littleEndian(signature.subarray(32)) >= GROUP_ORDER) return false;
  if (equal(signature.subarray(0, 32), NEUTRAL)) return false;
  return verifyEd25519(null, concat(lp(label), data), publicKey('Ed25519', key), signature);
}

// Hash and key derivation

const sha512 = (data) => createHash('sha512').update(data).digest();

/** HASH(label, x). */
export const hash = (label, data) => sha512(concat(lp(label), data));

/** HKDF(salt, ikm, label, context, n). */
export const hkdf = (salt, ikm, label, context, length) =>
  Buffer.from(hkdfSync('sha512', ikm, salt, concat(lp(label), context), length));

/** BLAKE(key, person, x). */
export const blake = (key, person, data) => Buffer.from(blake2b(data, { key, personalization: person, dkLen: 64 }));

// AEAD

const TAG_LENGTH = 16;

/** AEAD(key, nonce, ad, plaintext): ciphertext, then tag. */
export function aeadSeal(key, nonce, ad, plaintext) {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_LENGTH });
  cipher.setAAD(ad, { plaintextLength: plaintext.length });
  return concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** The plaintext, or null if it does not authenticate. */
export function aeadOpen(key, nonce, ad, sealed) {
  const length = sealed.length - TAG_LENGTH;
  if (length < 0) return null;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_LENGTH });
  decipher.setAAD(ad, { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = decipher.update(sealed.subarray(0, length));
  try {
    return concat(plaintext, decipher.final());
  } catch {
    return null;
  }
}

// Committing seal

const COMMITMENT_LENGTH = 32;
const ZERO_NONCE = zeros(12);

/** "Committing seal": the key of the AEAD, and the commitment. */
function sealKeys(key, person, nonce, ad) {
  const okm = blake(key, person, concat(nonce, ad));
  return { aeadKey: okm.subarray(0, 32), commitment: okm.subarray(32) };
}

/** SEAL(key, person, nonce, ad, plaintext). */
export function seal(key, person, nonce, ad, plaintext) {
  const { aeadKey, commitment } = sealKeys(key, person, nonce, ad);
  return concat(commitment, aeadSeal(aeadKey, ZERO_NONCE, EMPTY, plaintext));
}

/** The plaintext of a seal, or null: every failure is the same. */
export function openSeal(key, person, nonce, ad, sealed) {
  const { aeadKey, commitment } = sealKeys(key, person, nonce, ad);
  if (!equal(commitment, sealed.subarray(0, COMMITMENT_LENGTH))) return null;
  return aeadOpen(aeadKey, ZERO_NONCE, EMPTY, sealed.subarray(COMMITMENT_LENGTH));
}

/** docs/spec/ratchet.md, "Chain step". */
export function chainStep(chainKey) {
  const okm = blake(chainKey, LABELS.PERSON_CHAIN_STEP, EMPTY);
  return { chainKey: okm.subarray(0, 32), messageKey: okm.subarray(32) };
}
