// The handshake: docs/spec/handshake.md.

import { EMPTY, Reader, concat, isZero, lp, u64, u8, zeros } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { IDENTITY_LENGTH, parseIdentity, readAddress } from './identity.mjs';
import { KEM1024 } from './kem.mjs';
import { LABELS } from './labels.mjs';
import { HIGHEST, LIMITS, VERSION } from './limits.mjs';
import { PREFIX_LENGTH } from './message.mjs';
import { ID_LENGTH, encodePrekeyBundle } from './prekeys.mjs';
import { agreementPublic, checkAgreementKey, dh, hash, hkdf, openSeal, seal } from './primitives.mjs';

const BLOCK_NONCE_LENGTH = 24;
const BLOCK_LENGTH = 270;

// "Identity block"

export const encodeBlock = (identity, address, createdAt, highest = HIGHEST) =>
  concat(identity.encoded, lp(address), zeros(LIMITS.MAX_ADDRESS - address.length), u64(createdAt), u8(highest), u8(0));

export function parseBlock(block) {
  if (block.length !== BLOCK_LENGTH) refuse('MalformedMessage', 'encoding', 'an identity block has 270 bytes');
  const reader = new Reader(block);
  const identityBytes = reader.take(IDENTITY_LENGTH);
  const address = readAddress(reader);
  reader.zeros(LIMITS.MAX_ADDRESS - address.length);
  const createdAt = reader.u64();
  const highest = reader.u8();
  reader.zeros(1);
  if (highest < VERSION) refuse('MalformedMessage', 'encoding', 'a highest version below the version');
  return { identity: parseIdentity(identityBytes), address, createdAt, highest };
}

const sealBlock = (blockKey, nonce, block) =>
  concat(nonce, seal(blockKey, LABELS.PERSON_SEAL_IDENTITY, nonce, EMPTY, block));

function openBlock(blockKey, sealedBlock) {
  const nonce = sealedBlock.subarray(0, BLOCK_NONCE_LENGTH);
  const sealed = sealedBlock.subarray(BLOCK_NONCE_LENGTH);
  const block = openSeal(blockKey, LABELS.PERSON_SEAL_IDENTITY, nonce, EMPTY, sealed);
  return block ?? refuse('AuthenticationError', 'identity block', 'the identity block does not open');
}

// "Prefix"

const NO_ITEM = zeros(ID_LENGTH);

export const encodePrefix = ({ bundleId, itemId, ephemeral, ciphertext, sealedBlock }) =>
  concat(bundleId, u8(itemId ? 1 : 0), itemId ?? NO_ITEM, ephemeral, ciphertext, sealedBlock);

export function parsePrefix(encoded) {
  if (encoded.length !== PREFIX_LENGTH) refuse('MalformedMessage', 'encoding', 'a prefix has 1,975 bytes');
  const reader = new Reader(encoded);
  const bundleId = reader.take(ID_LENGTH);
  const hasItem = reader.flag();
  const itemId = reader.take(ID_LENGTH);
  const ephemeral = reader.take(32);
  const ciphertext = reader.take(KEM1024.ciphertextLength);
  const sealedBlock = reader.take(BLOCK_NONCE_LENGTH + 32 + BLOCK_LENGTH + 16);
  if (!hasItem && !isZero(itemId)) refuse('MalformedMessage', 'encoding', 'an item id without its flag');
  checkAgreementKey(ephemeral);
  return { bundleId, itemId: hasItem ? itemId : null, ephemeral, ciphertext, sealedBlock };
}

export const prefixHash = (prefix) => hash(LABELS.HASH_PREFIX, prefix);

// "Transcripts and keys"

/** th0. `published` is { bundle, item }, the item null without one. */
const transcript0 = (published, ephemeral, ciphertext) =>
  hash(LABELS.HASH_TRANSCRIPT_0, concat(encodePrekeyBundle(published), ephemeral, ciphertext));

const transcript1 = (th0, sealedBlock, { initiator, responder, initiatorAddress, responderAddress }) =>
  hash(
    LABELS.HASH_TRANSCRIPT_1,
    concat(th0, lp(sealedBlock), initiator.encoded, responder.encoded, lp(initiatorAddress), lp(responderAddress)),
  );

/** The agreements that need no identity of the initiator: DH2 || DH3 || [DH4] || ss. */
const openAgreements = ({ dh2, dh3, dh4, kemSecret }) => concat(dh2, dh3, dh4 ?? EMPTY, kemSecret);

export const deriveBlockKey = (th0, agreements) =>
  hkdf(th0, openAgreements(agreements), LABELS.KDF_IDENTITY_BLOCK, EMPTY, 32);

export function deriveSession(th1, dh1, agreements) {
  const okm = hkdf(zeros(64), concat(dh1, openAgreements(agreements)), LABELS.KDF_SESSION, th1, 128);
  return {
    rootKey: okm.subarray(0, 32),
    initiatorHeaderKey: okm.subarray(32, 64),
    responderHeaderKey: okm.subarray(64, 96),
    sessionId: okm.subarray(96),
  };
}

/** "Initiation", steps 2 to 6, and the prefix; with every value between. */
export function initiateHandshake({ ours, ourAddress, published, now, draw }) {
  const { bundle, item } = published;
  const ephemeralKey = draw('ephemeral_key', 32);
  const ephemeral = agreementPublic(ephemeralKey);
  const { ciphertext, secret: kemSecret } = KEM1024.encapsulate(
    item ? item.kemKey : bundle.lastResortKey,
    draw('kem1024_m', 32),
  );
  const agreements = {
    dh2: dh(ephemeralKey, bundle.identity.agreement),
    dh3: dh(ephemeralKey, bundle.signedPrekey),
    dh4: item ? dh(ephemeralKey, item.prekey) : null,
    kemSecret,
  };
  const th0 = transcript0(published, ephemeral, ciphertext);
  const blockKey = deriveBlockKey(th0, agreements);
  const block = encodeBlock(ours.public, ourAddress, now);
  const sealedBlock = sealBlock(blockKey, draw('block_nonce', BLOCK_NONCE_LENGTH), block);
  const th1 = transcript1(th0, sealedBlock, {
    initiator: ours.public,
    responder: bundle.identity,
    initiatorAddress: ourAddress,
    responderAddress: bundle.address,
  });
  const dh1 = dh(ours.agreementKey, bundle.signedPrekey);
  const prefix = encodePrefix({
    bundleId: bundle.id,
    itemId: item ? item.id : null,
    ephemeral,
    ciphertext,
    sealedBlock,
  });
  return {
    ...agreements,
    dh1,
    ciphertext,
    th0,
    blockKey,
    block,
    th1,
    prefix,
    secrets: deriveSession(th1, dh1, agreements),
  };
}

/** "Acceptance", steps 4 and 5: the opened block, and what step 9 needs. */
export function openHandshake({ ours, prefix, record, itemRecord }) {
  const { ephemeral, ciphertext, sealedBlock } = prefix;
  const agreements = {
    dh2: dh(ours.agreementKey, ephemeral),
    dh3: dh(record.signedPrekeyPrivate, ephemeral),
    dh4: itemRecord ? dh(itemRecord.prekeyPrivate, ephemeral) : null,
    kemSecret: KEM1024.decapsulate(itemRecord ? itemRecord.kemSeed : record.lastResortSeed, ciphertext),
  };
  const published = { bundle: record.bundle, item: itemRecord ? itemRecord.item : null };
  const th0 = transcript0(published, ephemeral, ciphertext);
  return { th0, agreements, block: openBlock(deriveBlockKey(th0, agreements), sealedBlock) };
}

/** "Acceptance", step 9. */
export function completeHandshake({ ours, prefix, record, opened, initiator, initiatorAddress }) {
  const th1 = transcript1(opened.th0, prefix.sealedBlock, {
    initiator,
    responder: ours.public,
    initiatorAddress,
    responderAddress: record.bundle.address,
  });
  return deriveSession(th1, dh(record.signedPrekeyPrivate, initiator.agreement), opened.agreements);
}
