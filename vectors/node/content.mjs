// What a blob contains, encoded and parsed: docs/spec/state.md, "Contents".

import { EMPTY, Reader, compare, concat, equal, lp, u32, u64, u8 } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { FROM_INITIATOR, FROM_RESPONDER } from './header.mjs';
import { IDENTITY_LENGTH, makeIdentity, readAddress, trustIdentity } from './identity.mjs';
import { LIMITS } from './limits.mjs';
import { PREFIX_LENGTH } from './message.mjs';
import { encodePq, readPq } from './pq.mjs';
import { parseItem, parseSignedBundle, verifyItem } from './prekeys.mjs';
import { isInitiator } from './ratchet.mjs';

const insist = (condition, text) => {
  if (!condition) refuse('MalformedMessage', 'encoding', text);
};

const flag = (value) => u8(value ? 1 : 0);
const many = (count, read) => Array.from({ length: count }, read);
const ascending = (values, order) => values.every((value, at) => at === 0 || order(values[at - 1], value) < 0);

// "Identity"

export const encodeIdentity = (identity) => concat(identity.signingSeed, identity.agreementKey);

const readIdentity = (reader) => makeIdentity(reader.take(32), reader.take(32));

// "Ring"

export const encodeRing = ({ owner, address, epoch, bundles, items }) =>
  concat(
    encodeIdentity(owner),
    lp(address),
    u64(epoch),
    u32(bundles.length),
    ...bundles.map(({ bundle, signedPrekeyPrivate, lastResortSeed, remembered }) =>
      concat(lp(bundle.encoded), signedPrekeyPrivate, lastResortSeed, u32(remembered.length), ...remembered),
    ),
    u32(items.length),
    ...items.map(({ item, prekeyPrivate, kemSeed, handedOut }) =>
      concat(lp(item.encoded), prekeyPrivate, kemSeed, flag(handedOut)),
    ),
  );

function readRing(reader) {
  const owner = readIdentity(reader);
  const address = readAddress(reader);
  const epoch = reader.u64();
  const bundles = many(reader.count(LIMITS.MAX_BUNDLES), () => ({
    bundle: parseSignedBundle(reader.lp(0, LIMITS.MAX_BUNDLE_PART)),
    signedPrekeyPrivate: reader.take(32),
    lastResortSeed: reader.take(64),
    remembered: many(reader.count(LIMITS.MAX_REMEMBERED_HANDSHAKES), () => reader.take(32)),
  }));
  const items = many(reader.count(LIMITS.MAX_ONE_TIME_ITEMS), () => ({
    item: parseItem(reader.lp(0, LIMITS.MAX_BUNDLE_PART)),
    prekeyPrivate: reader.take(32),
    kemSeed: reader.take(64),
    handedOut: reader.flag(),
  }));
  for (const { bundle, remembered } of bundles) {
    insist(equal(bundle.identity.encoded, owner.public.encoded), 'a bundle of another identity');
    insist(equal(bundle.address, address), 'a bundle of another address');
    insist(ascending(remembered, compare), 'session ids out of order');
  }
  for (const { item } of items) {
    verifyItem(item, owner.public);
    insist(equal(item.address, address), 'an item of another address');
  }
  const bundleEpochs = bundles.map(({ bundle }) => bundle.epoch);
  const itemEpochs = items.map(({ item }) => item.epoch);
  insist(
    bundleEpochs.every((value, at) => at === 0 || bundleEpochs[at - 1] < value),
    'bundles out of order',
  );
  insist(
    itemEpochs.every((value, at) => at === 0 || itemEpochs[at - 1] <= value),
    'items out of order',
  );
  insist(
    [...bundleEpochs, ...itemEpochs].every((value) => value <= epoch),
    'an epoch above that of the ring',
  );
  insist(ascending(items.map(({ item }) => item.id).sort(compare), compare), 'an item twice');
  return { owner, address, epoch, bundles, items };
}

// "Receiving chain"

const encodeChain = (chain) => {
  const numbers = [...chain.skipped.keys()].sort((one, other) => one - other);
  return concat(
    chain.headerKey,
    flag(chain.chainKey),
    chain.chainKey ?? EMPTY,
    chain.ratchetKey,
    u32(chain.previousLength),
    u32(chain.pqEpoch),
    u32(chain.number),
    u32(chain.evictedBelow),
    u32(numbers.length),
    ...numbers.flatMap((number) => [u32(number), chain.skipped.get(number)]),
  );
};

function readChain(reader) {
  const chain = {
    headerKey: reader.take(32),
    chainKey: reader.flag() ? reader.take(32) : null,
    ratchetKey: reader.take(32),
    previousLength: reader.count(LIMITS.MAX_CHAIN_LENGTH),
    pqEpoch: reader.u32(),
    number: reader.count(LIMITS.MAX_CHAIN_LENGTH),
    evictedBelow: reader.u32(),
  };
  const entries = many(reader.count(LIMITS.MAX_STORED_SKIPPED), () => [reader.u32(), reader.take(32)]);
  insist(chain.evictedBelow <= chain.number, 'evicted beyond the end');
  insist(
    ascending(
      entries.map(([number]) => number),
      (one, other) => one - other,
    ),
    'skipped keys out of order',
  );
  insist(
    entries.every(([number]) => number >= chain.evictedBelow && number < chain.number),
    'a skipped key out of bounds',
  );
  return { ...chain, skipped: new Map(entries) };
}

// "Session"

const encodeSending = ({ privateKey, publicKey, headerKey, chainKey, number, pqEpoch }) =>
  concat(privateKey, publicKey, headerKey, chainKey, u32(number), u32(pqEpoch));

const readSending = (reader) => ({
  privateKey: reader.take(32),
  publicKey: reader.take(32),
  headerKey: reader.take(32),
  chainKey: reader.take(32),
  number: reader.count(LIMITS.MAX_CHAIN_LENGTH),
  pqEpoch: reader.u32(),
});

export function encodeSession({ ourAddress, peer, peerAddress, createdAt, unconfirmed, accepted, ratchet }) {
  const { binding, sending, chains } = ratchet;
  const role = isInitiator(ratchet)
    ? concat(flag(unconfirmed), ...(unconfirmed ? [u64(unconfirmed.notAfter), unconfirmed.prefix] : []))
    : accepted;
  return concat(
    u8(binding.direction),
    binding.sessionId,
    lp(ourAddress),
    peer.encoded,
    lp(peerAddress),
    u64(createdAt),
    role,
    ratchet.rootKey,
    flag(sending),
    sending ? encodeSending(sending) : EMPTY,
    u32(ratchet.previousLength),
    ratchet.nextSendingKey,
    ratchet.peerKey,
    ratchet.nextReceivingKey,
    encodePq(ratchet.pq),
    u8(chains.length),
    ...chains.map(encodeChain),
    u64(ratchet.sinceStep),
    u64(ratchet.sinceSecret),
    u64(ratchet.evicted),
    u32(ratchet.lastEviction),
  );
}

function readSession(reader) {
  const direction = reader.u8();
  insist(direction === FROM_INITIATOR || direction === FROM_RESPONDER, 'an unknown direction');
  const initiator = direction === FROM_INITIATOR;
  const sessionId = reader.take(32);
  const ourAddress = readAddress(reader);
  const peer = trustIdentity(reader.take(IDENTITY_LENGTH));
  const peerAddress = readAddress(reader);
  const createdAt = reader.u64();
  const unconfirmed =
    initiator && reader.flag() ? { notAfter: reader.u64(), prefix: reader.take(PREFIX_LENGTH) } : null;
  const accepted = initiator ? null : reader.take(64);
  const rootKey = reader.take(32);
  const sending = reader.flag() ? readSending(reader) : null;
  const previousLength = reader.count(LIMITS.MAX_CHAIN_LENGTH);
  const [nextSendingKey, peerKey, nextReceivingKey] = [reader.take(32), reader.take(32), reader.take(32)];
  const pq = readPq(reader, initiator);
  const length = reader.u8();
  insist(length <= 1 + LIMITS.MAX_CLOSED_CHAINS, 'too many chains');
  const chains = many(length, () => readChain(reader));
  insist(
    chains.every(({ chainKey }, at) => (chainKey !== null) === (at === 0)),
    'only the first chain is open',
  );
  const skipped = chains.reduce((sum, chain) => sum + chain.skipped.size, 0);
  insist(skipped <= LIMITS.MAX_STORED_SKIPPED, 'too many skipped keys');
  const [sinceStep, sinceSecret, evicted, lastEviction] = [reader.u64(), reader.u64(), reader.u64(), reader.u32()];
  return {
    ourAddress,
    peer,
    peerAddress,
    createdAt,
    unconfirmed,
    accepted,
    ratchet: {
      binding: { sessionId, direction },
      rootKey,
      sending,
      previousLength,
      nextSendingKey,
      peerKey,
      nextReceivingKey,
      pq,
      chains,
      sinceStep,
      sinceSecret,
      evicted,
      lastEviction,
    },
  };
}

function whole(read) {
  return (content) => {
    const reader = new Reader(content);
    const value = read(reader);
    reader.end();
    return value;
  };
}

export const parseIdentityContent = whole(readIdentity);
export const parseRing = whole(readRing);
export const parseSession = whole(readSession);
