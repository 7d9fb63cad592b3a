// Signed bundles, one-time items, prekey bundles, and how an initiator judges them: docs/spec/prekeys.md.

import { EMPTY, Reader, concat, equal, lp, u64, u8 } from './bytes.mjs';
import { refuse, rejectBundle, translate } from './errors.mjs';
import { IDENTITY_LENGTH, parseIdentity, readAddress, sameIdentity, sharesKey } from './identity.mjs';
import { KEM1024 } from './kem.mjs';
import { LABELS } from './labels.mjs';
import { HIGHEST, LIMITS, VERSION } from './limits.mjs';
import { checkAgreementKey, hash, sign, verify } from './primitives.mjs';
import { MAX_BUNDLE_LIFETIME, MAX_CLOCK_SKEW, checkTime } from './time.mjs';

export const ID_LENGTH = 16;
const SIGNATURE_LENGTH = 64;

function readVersion(reader) {
  if (reader.u8() !== VERSION) refuse('UnsupportedVersion', 'encoding', 'another version');
}

/** A key inside of a bundle or item is refused with the reason "invalid key", whatever is wrong with it. */
const innerKey = (action) => translate(action, 'MalformedMessage', () => rejectBundle('INVALID_KEY', 'key'));

const unsigned = (encoded) => encoded.subarray(0, -SIGNATURE_LENGTH);
const signatureOf = (encoded) => encoded.subarray(-SIGNATURE_LENGTH);

// Signed bundle

const bundleId = (encoded) => hash(LABELS.HASH_BUNDLE_ID, encoded).subarray(0, ID_LENGTH);

/** "Signed bundle": made by its owner. */
export function makeSignedBundle(owner, { address, epoch, notBefore, notAfter, signedPrekey, lastResortKey }) {
  const content = concat(
    u8(VERSION),
    u8(HIGHEST),
    lp(address),
    owner.public.encoded,
    u64(epoch),
    u64(notBefore),
    u64(notAfter),
    signedPrekey,
    lastResortKey,
  );
  const encoded = concat(content, sign(owner.signingSeed, LABELS.SIGN_BUNDLE, content));
  return {
    encoded,
    id: bundleId(encoded),
    highest: HIGHEST,
    address,
    identity: owner.public,
    epoch,
    notBefore,
    notAfter,
    signedPrekey,
    lastResortKey,
  };
}

/** "Signed bundle", to parse: the checks 1 to 7. */
export function parseSignedBundle(encoded) {
  const reader = new Reader(encoded);
  readVersion(reader);
  const highest = reader.u8();
  const address = readAddress(reader);
  const identityBytes = reader.take(IDENTITY_LENGTH);
  const [epoch, notBefore, notAfter] = [reader.u64(), reader.u64(), reader.u64()];
  const signedPrekey = reader.take(32);
  const lastResortKey = reader.take(KEM1024.keyLength);
  reader.take(SIGNATURE_LENGTH);
  reader.end();
  if (highest < VERSION) refuse('MalformedMessage', 'encoding', 'a highest version below the version');
  const identity = innerKey(() => parseIdentity(identityBytes));
  innerKey(() => checkAgreementKey(signedPrekey));
  innerKey(() => KEM1024.check(lastResortKey));
  if (!verify(identity.signing, LABELS.SIGN_BUNDLE, unsigned(encoded), signatureOf(encoded))) {
    rejectBundle('INVALID_SIGNATURE', 'signature');
  }
  if (notBefore >= notAfter || notAfter - notBefore > MAX_BUNDLE_LIFETIME) rejectBundle('INVALID_VALIDITY', 'policy');
  return {
    encoded,
    id: bundleId(encoded),
    highest,
    address,
    identity,
    epoch,
    notBefore,
    notAfter,
    signedPrekey,
    lastResortKey,
  };
}

// One-time item

const itemId = (encoded) => hash(LABELS.HASH_ONE_TIME_ID, encoded).subarray(0, ID_LENGTH);

/** "One-time item": made by its owner. */
export function makeItem(owner, { address, epoch, prekey, kemKey }) {
  const content = concat(u8(VERSION), lp(address), u64(epoch), prekey, kemKey);
  const encoded = concat(content, sign(owner.signingSeed, LABELS.SIGN_ONE_TIME, content));
  return { encoded, id: itemId(encoded), address, epoch, prekey, kemKey };
}

/** "One-time item", to parse. It does not say whose it is: see `verifyItem`. */
export function parseItem(encoded) {
  const reader = new Reader(encoded);
  readVersion(reader);
  const address = readAddress(reader);
  const epoch = reader.u64();
  const prekey = reader.take(32);
  const kemKey = reader.take(KEM1024.keyLength);
  reader.take(SIGNATURE_LENGTH);
  reader.end();
  innerKey(() => checkAgreementKey(prekey));
  innerKey(() => KEM1024.check(kemKey));
  return { encoded, id: itemId(encoded), address, epoch, prekey, kemKey };
}

export function verifyItem(item, identity) {
  if (!verify(identity.signing, LABELS.SIGN_ONE_TIME, unsigned(item.encoded), signatureOf(item.encoded))) {
    rejectBundle('INVALID_SIGNATURE', 'signature');
  }
}

/** "Prekey bundle", rule 5: an item is good with the bundle of its own epoch and with that of the next one. */
export const goodTogether = (item, bundle) => item.epoch <= bundle.epoch && bundle.epoch <= item.epoch + 1n;

// Prekey bundle

/** LP(signed bundle) || flag || LP(item, or nothing): the encoding, and a part of the first transcript. */
export const encodePrekeyBundle = ({ bundle, item }) =>
  concat(lp(bundle.encoded), u8(item ? 1 : 0), lp(item ? item.encoded : EMPTY));

/** "Prekey bundle", to parse: the checks 1 to 5. */
export function parsePrekeyBundle(encoded) {
  const reader = new Reader(encoded);
  const bundleBytes = reader.lp(0, LIMITS.MAX_BUNDLE_PART);
  const hasItem = reader.flag();
  const itemBytes = reader.lp(0, LIMITS.MAX_BUNDLE_PART);
  reader.end();
  if (hasItem !== itemBytes.length > 0) refuse('MalformedMessage', 'encoding', 'flag and length disagree');
  const bundle = parseSignedBundle(bundleBytes);
  if (!hasItem) return { bundle, item: null };
  const item = parseItem(itemBytes);
  verifyItem(item, bundle.identity);
  if (!equal(item.address, bundle.address) || !goodTogether(item, bundle)) rejectBundle('MIXED_PARTS', 'parts');
  return { bundle, item };
}

/** "What an initiator checks", 1 to 7. */
export function judge(
  { bundle, item },
  { ours, theirAddress, now, pinned, minimumEpoch = 0n, requireOneTime = false },
) {
  checkTime(now);
  if (!equal(bundle.address, theirAddress)) rejectBundle('WRONG_ADDRESS', 'policy');
  if (pinned && !sameIdentity(bundle.identity, pinned)) {
    refuse('IdentityChanged', 'policy', 'not the identity that is pinned for this address');
  }
  if (sharesKey(bundle.identity, ours)) rejectBundle('OWN_IDENTITY', 'policy');
  if (now + MAX_CLOCK_SKEW < bundle.notBefore) rejectBundle('NOT_YET_VALID', 'policy');
  if (now > bundle.notAfter) rejectBundle('EXPIRED', 'policy');
  if (bundle.epoch < minimumEpoch) rejectBundle('OLD_EPOCH', 'policy');
  if (requireOneTime && !item) rejectBundle('NO_ONE_TIME', 'policy');
}
