// The private side of what a device publishes: docs/spec/prekeys.md, "The ring" to "Replay memory".
//
// A ring is { owner, address, epoch, bundles, items }. Bundles are { bundle, signedPrekeyPrivate, lastResortSeed,
// remembered }, items { item, prekeyPrivate, kemSeed, handedOut }, both oldest first. Rings are never changed: each
// operation returns the next one.

import { compare, equal } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { KEM1024 } from './kem.mjs';
import { checkAddress } from './identity.mjs';
import { LIMITS } from './limits.mjs';
import { goodTogether, makeItem, makeSignedBundle } from './prekeys.mjs';
import { agreementPublic } from './primitives.mjs';
import { BUNDLE_RETENTION, MAX_BUNDLE_LIFETIME, checkTime } from './time.mjs';

const LAST_EPOCH = 2n ** 64n - 1n;

/** A ring in which nothing is published yet. A device that has lost its ring continues above its last epoch. */
export const emptyRing = (owner, address, lastEpoch = 0n) => ({
  owner,
  address: checkAddress(address),
  epoch: lastEpoch,
  bundles: [],
  items: [],
});

/** The bundle of the newest epoch, unless it was revoked or retired. */
export const newest = (ring) => ring.bundles.findLast(({ bundle }) => bundle.epoch === ring.epoch);

/** Items that will never go with a bundle any more are destroyed. */
const withoutLostItems = (ring) => ({
  ...ring,
  items: ring.items.filter(
    ({ item }) => item.epoch >= ring.epoch || ring.bundles.some(({ bundle }) => goodTogether(item, bundle)),
  ),
});

/** A bundle and its private halves outlive its end by the retention. */
const isAlive = (bundle, now) => checkTime(now) <= bundle.notAfter + BUNDLE_RETENTION;

/** *Retire*. */
export const retire = (ring, now) =>
  withoutLostItems({ ...ring, bundles: ring.bundles.filter(({ bundle }) => isAlive(bundle, now)) });

/** *Rotate*. */
export function rotate(before, now, draw, lifetime = MAX_BUNDLE_LIFETIME) {
  const ring = retire(before, checkTime(now));
  if (lifetime < 1n || lifetime > MAX_BUNDLE_LIFETIME) refuse('UsageError', 'caller', 'a lifetime out of bounds');
  if (ring.epoch >= LAST_EPOCH) refuse('UsageError', 'caller', 'there is no further epoch');
  if (ring.bundles.length >= LIMITS.MAX_BUNDLES) refuse('UsageError', 'caller', 'too many bundles are alive');
  const signedPrekeyPrivate = draw('signed_prekey', 32);
  const lastResortSeed = draw('last_resort_seed', 64);
  const epoch = ring.epoch + 1n;
  const bundle = makeSignedBundle(ring.owner, {
    address: ring.address,
    epoch,
    notBefore: now,
    notAfter: now + lifetime,
    signedPrekey: agreementPublic(signedPrekeyPrivate),
    lastResortKey: KEM1024.publicOf(lastResortSeed),
  });
  return {
    ...ring,
    epoch,
    bundles: [...ring.bundles, { bundle, signedPrekeyPrivate, lastResortSeed, remembered: [] }],
  };
}

/** *Replenish*. */
export function replenish(ring, count, draw) {
  if (count < 0 || ring.items.length + count > LIMITS.MAX_ONE_TIME_ITEMS) {
    refuse('UsageError', 'caller', 'a number of items out of bounds');
  }
  const fresh = Array.from({ length: count }, () => {
    const prekeyPrivate = draw('one_time_key', 32);
    const kemSeed = draw('one_time_seed', 64);
    const item = makeItem(ring.owner, {
      address: ring.address,
      epoch: ring.epoch,
      prekey: agreementPublic(prekeyPrivate),
      kemKey: KEM1024.publicOf(kemSeed),
    });
    return { item, prekeyPrivate, kemSeed, handedOut: false };
  });
  return { ...ring, items: [...ring.items, ...fresh] };
}

/** The newest bundle with the oldest item that it goes with and that was not handed out; the item is handed out. */
export function handOut(ring) {
  const record = newest(ring) ?? refuse('UsageError', 'caller', 'nothing to offer before the next rotation');
  const at = ring.items.findIndex(({ item, handedOut }) => !handedOut && goodTogether(item, record.bundle));
  if (at < 0) return { ring, published: { bundle: record.bundle, item: null } };
  const items = ring.items.with(at, { ...ring.items[at], handedOut: true });
  return { ring: { ...ring, items }, published: { bundle: record.bundle, item: items[at].item } };
}

/** *Revoke*. */
export function revoke(ring, ids) {
  const named = (id) => ids.some((other) => equal(id, other));
  const known = [...ring.bundles.map(({ bundle }) => bundle.id), ...ring.items.map(({ item }) => item.id)];
  if (!ids.every((id) => known.some((other) => equal(id, other))))
    refuse('UsageError', 'caller', 'an id that names nothing');
  return withoutLostItems({
    ...ring,
    bundles: ring.bundles.filter(({ bundle }) => !named(bundle.id)),
    items: ring.items.filter(({ item }) => !named(item.id)),
  });
}

/** "Finding prekeys". */
export function findPrekeys(ring, { bundleId, itemId }, now) {
  const record = ring.bundles.find(({ bundle }) => equal(bundle.id, bundleId));
  if (!record || !isAlive(record.bundle, now)) refuse('UnknownPrekey', 'prekeys', 'no such bundle');
  if (!itemId) {
    if (record.remembered.length >= LIMITS.MAX_REMEMBERED_HANDSHAKES) {
      refuse('ReplayMemoryFull', 'prekeys', 'the bundle remembers as many handshakes as may be');
    }
    return { record, itemRecord: null };
  }
  const itemRecord = ring.items.find(({ item }) => equal(item.id, itemId));
  if (!itemRecord || !goodTogether(itemRecord.item, record.bundle)) refuse('UnknownPrekey', 'prekeys', 'no such item');
  return { record, itemRecord };
}

/** "Replay memory". */
export const remembers = ({ remembered }, sessionId) => remembered.some((other) => equal(other, sessionId));

/** *After a handshake*, and *settle*: destroy the item, or remember the session id. */
export function settle(ring, { bundleId, itemId }, sessionId) {
  if (itemId) return { ...ring, items: ring.items.filter(({ item }) => !equal(item.id, itemId)) };
  const at = ring.bundles.findIndex(({ bundle }) => equal(bundle.id, bundleId));
  if (at < 0 || remembers(ring.bundles[at], sessionId)) return ring;
  const record = ring.bundles[at];
  const remembered = [...record.remembered, sessionId].sort(compare);
  return { ...ring, bundles: ring.bundles.with(at, { ...record, remembered }) };
}
