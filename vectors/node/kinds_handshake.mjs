// Cases of bundles, handshake and of what is parsed in a handshake: vectors/README.md, "Functions".

import { EMPTY, equal } from './bytes.mjs';
import { encodeSession } from './content.mjs';
import { encodeBlock, encodePrefix, initiateHandshake, parseBlock, parsePrefix, prefixHash } from './handshake.mjs';
import { bodyData, headerData, openHeader } from './header.mjs';
import {
  fingerprintDigits,
  fingerprintHalf,
  checkScanned,
  makeIdentity,
  parseIdentity,
  scannable,
} from './identity.mjs';
import { KEM1024 } from './kem.mjs';
import { spoilt } from './kinds_primitives.mjs';
import { INITIAL, parseMessage } from './message.mjs';
import { Mismatch } from './members.mjs';
import { pad } from './padding.mjs';
import {
  encodePrekeyBundle,
  judge,
  makeItem,
  makeSignedBundle,
  parseItem,
  parsePrekeyBundle,
  parseSignedBundle,
  verifyItem,
} from './prekeys.mjs';
import { agreementPublic, chainStep, dh } from './primitives.mjs';
import { rootStep } from './ratchet.mjs';
import { accept, initiate, send } from './session.mjs';

const ownerOf = (input, role = '') =>
  makeIdentity(input.bytes(`${role}signing_seed`), input.bytes(`${role}agreement_key`));

/** The private side of the responder of a `Handshake`: a ring with one bundle and at most one item. */
function readRing(input) {
  const owner = ownerOf(input, 'responder_');
  const address = input.bytes('responder_address');
  const epoch = input.big('epoch');
  const signedPrekeyPrivate = input.bytes('signed_prekey');
  const lastResortSeed = input.bytes('last_resort_seed');
  const bundle = makeSignedBundle(owner, {
    address,
    epoch,
    notBefore: input.big('not_before'),
    notAfter: input.big('not_after'),
    signedPrekey: agreementPublic(signedPrekeyPrivate),
    lastResortKey: KEM1024.publicOf(lastResortSeed),
  });
  const ring = {
    owner,
    address,
    epoch,
    bundles: [{ bundle, signedPrekeyPrivate, lastResortSeed, remembered: [] }],
    items: [],
  };
  if (!input.has('one_time_key')) return ring;
  const prekeyPrivate = input.bytes('one_time_key');
  const kemSeed = input.bytes('one_time_seed');
  const item = makeItem(owner, {
    address,
    epoch,
    prekey: agreementPublic(prekeyPrivate),
    kemKey: KEM1024.publicOf(kemSeed),
  });
  return { ...ring, items: [{ item, prekeyPrivate, kemSeed, handedOut: true }] };
}

const DRAWN = {
  ephemeral_key: 'ephemeral_key',
  kem1024_m: 'kem_m',
  block_nonce: 'block_nonce',
  ratchet_key: 'ratchet_key',
  kem768_seed: 'kem768_seed',
  nonce: 'nonce',
};

function sameCiphertext(input, made) {
  if (!equal(input.bytes('ciphertext'), made)) throw new Mismatch('ciphertext differs');
}

export const HANDSHAKE_KINDS = {
  SignedBundleOf(input) {
    const bundle = makeSignedBundle(ownerOf(input), {
      address: input.bytes('address'),
      epoch: input.big('epoch'),
      notBefore: input.big('not_before'),
      notAfter: input.big('not_after'),
      signedPrekey: input.bytes('signed_prekey'),
      lastResortKey: input.bytes('last_resort_key'),
    });
    return { encoded: bundle.encoded, bundle_id: bundle.id };
  },

  OneTimeItemOf(input) {
    const item = makeItem(
      { signingSeed: input.bytes('signing_seed') },
      {
        address: input.bytes('address'),
        epoch: input.big('epoch'),
        prekey: input.bytes('prekey'),
        kemKey: input.bytes('kem_key'),
      },
    );
    return { encoded: item.encoded, item_id: item.id };
  },

  SignedBundle(input) {
    const bundle = parseSignedBundle(input.bytes('encoded'));
    return {
      bundle_id: bundle.id,
      address: bundle.address,
      signed_prekey: bundle.signedPrekey,
      highest_version: bundle.highest,
      epoch: bundle.epoch,
      not_before: bundle.notBefore,
      not_after: bundle.notAfter,
    };
  },

  OneTimeItem(input) {
    const item = parseItem(input.bytes('encoded'));
    verifyItem(item, parseIdentity(input.bytes('identity')));
    return { item_id: item.id, address: item.address, prekey: item.prekey, epoch: item.epoch };
  },

  PrekeyBundle(input) {
    const encoded = input.bytes('encoded');
    const published = parsePrekeyBundle(encoded);
    const { bundle, item } = published;
    return {
      bundle_id: bundle.id,
      item_id: item ? item.id : EMPTY,
      same: equal(encodePrekeyBundle(published), encoded),
    };
  },

  Policy(input) {
    judge(parsePrekeyBundle(input.bytes('encoded')), {
      ours: parseIdentity(input.bytes('ours')),
      theirAddress: input.bytes('their_address'),
      now: input.big('now'),
      pinned: input.has('expected') ? parseIdentity(input.bytes('expected')) : null,
      minimumEpoch: input.maybe('minimum_epoch', input.big),
      requireOneTime: input.maybe('require_one_time', input.flag),
    });
    return {};
  },

  Handshake(input) {
    const ours = ownerOf(input, 'initiator_');
    const ourAddress = input.bytes('initiator_address');
    const ring = readRing(input);
    const [record] = ring.bundles;
    const [itemRecord = null] = ring.items;
    const published = { bundle: record.bundle, item: itemRecord && itemRecord.item };
    const now = input.big('now');
    const drawn = Object.fromEntries(Object.entries(DRAWN).map(([role, name]) => [role, input.bytes(name)]));
    const draw = (role) => drawn[role];
    const plaintext = input.bytes('plaintext');
    const ad = input.bytes('ad');

    const handshake = initiateHandshake({ ours, ourAddress, published, now, draw });
    const { secrets, ciphertext } = handshake;
    sameCiphertext(input, ciphertext);
    const begun = initiate({ ours, ourAddress, theirAddress: ring.address, published, now, draw });
    const sent = send(begun, { plaintext, ad, draw });
    const received = accept({ ours: ring.owner, ring, now, bytes: sent.message, ad });
    if (!equal(received.plaintext, plaintext)) throw new Mismatch('the responder reads something else');

    const { sending, pq } = sent.session.ratchet;
    const ratchetDh = dh(drawn.ratchet_key, record.bundle.signedPrekey);
    const step = rootStep(secrets.rootKey, ratchetDh, null, sending.publicKey, record.bundle.signedPrekey, pq.epoch);
    const { nonce, sealedHeader } = parseMessage(sent.message, Infinity);
    const hash = prefixHash(handshake.prefix);
    const binding = { sessionId: secrets.sessionId, direction: begun.ratchet.binding.direction };
    const data = headerData({ type: INITIAL, ...binding, prefixHash: hash });
    return {
      bundle: encodePrekeyBundle(published),
      bundle_id: record.bundle.id,
      item_id: itemRecord ? itemRecord.item.id : EMPTY,
      dh1: handshake.dh1,
      dh2: handshake.dh2,
      dh3: handshake.dh3,
      dh4: handshake.dh4 ?? EMPTY,
      kem_secret: handshake.kemSecret,
      last_resort_rejected: KEM1024.decapsulate(record.lastResortSeed, spoilt(ciphertext)),
      one_time_rejected: KEM1024.decapsulate(
        (itemRecord ?? { kemSeed: record.lastResortSeed }).kemSeed,
        spoilt(ciphertext),
      ),
      th0: handshake.th0,
      block_key: handshake.blockKey,
      block: handshake.block,
      th1: handshake.th1,
      root_key: secrets.rootKey,
      initiator_header_key: secrets.initiatorHeaderKey,
      responder_header_key: secrets.responderHeaderKey,
      session_id: secrets.sessionId,
      prefix: handshake.prefix,
      prefix_hash: hash,
      ratchet_dh: ratchetDh,
      next_root_key: step.rootKey,
      chain_key: step.chainKey,
      next_header_key: step.nextHeaderKey,
      message_key: chainStep(step.chainKey).messageKey,
      header: openHeader(secrets.initiatorHeaderKey, nonce, data, sealedHeader),
      header_ad: data,
      body_ad: bodyData({ ...binding, sealedHeader, ad }),
      padded: pad(plaintext),
      message: sent.message,
      state: encodeSession(sent.session),
    };
  },

  Prefix(input) {
    const encoded = input.bytes('encoded');
    const prefix = parsePrefix(encoded);
    return {
      bundle_id: prefix.bundleId,
      item_id: prefix.itemId ?? EMPTY,
      ephemeral: prefix.ephemeral,
      ciphertext: prefix.ciphertext,
      sealed_block: prefix.sealedBlock,
      hash: prefixHash(encoded),
      same: equal(encodePrefix(prefix), encoded),
    };
  },

  IdentityBlockOf(input) {
    const identity = parseIdentity(input.bytes('identity'));
    return { encoded: encodeBlock(identity, input.bytes('address'), input.big('created_at')) };
  },

  IdentityBlock(input) {
    const encoded = input.bytes('encoded');
    const block = parseBlock(encoded);
    const again = encodeBlock(block.identity, block.address, block.createdAt, block.highest);
    return {
      identity: block.identity.encoded,
      address: block.address,
      created_at: block.createdAt,
      highest_version: block.highest,
      same: equal(again, encoded),
    };
  },

  Fingerprint(input) {
    const { half: ours } = fingerprintHalf(parseIdentity(input.bytes('our_identity')), input.bytes('our_address'));
    const { half: theirs } = fingerprintHalf(
      parseIdentity(input.bytes('their_identity')),
      input.bytes('their_address'),
    );
    if (input.has('scanned')) {
      checkScanned(input.bytes('scanned'), ours, theirs);
      return {};
    }
    return { ours, theirs, scannable: scannable(ours, theirs), digits: fingerprintDigits(ours, theirs) };
  },
};
