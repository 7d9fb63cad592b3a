// The registry of labels: docs/spec/primitives.md, "Labels".

const ascii = (text) => Buffer.from(text, 'ascii');

export const LABELS = Object.freeze({
  SIGN_IDENTITY: ascii('ratchetlib/1 identity agreement key'),
  SIGN_BUNDLE: ascii('ratchetlib/1 signed bundle'),
  SIGN_ONE_TIME: ascii('ratchetlib/1 one-time item'),
  HASH_BUNDLE_ID: ascii('ratchetlib/1 bundle id'),
  HASH_ONE_TIME_ID: ascii('ratchetlib/1 one-time id'),
  HASH_TRANSCRIPT_0: ascii('ratchetlib/1 transcript 0'),
  HASH_TRANSCRIPT_1: ascii('ratchetlib/1 transcript 1'),
  HASH_PREFIX: ascii('ratchetlib/1 handshake prefix'),
  HASH_PQ_KEY: ascii('ratchetlib/1 pq key'),
  HASH_PQ_EXCHANGE: ascii('ratchetlib/1 pq exchange'),
  HASH_FINGERPRINT: ascii('ratchetlib/1 fingerprint'),
  HASH_RECORD: ascii('ratchetlib/1 anchor record'),
  KDF_IDENTITY_BLOCK: ascii('ratchetlib/1 identity block'),
  KDF_SESSION: ascii('ratchetlib/1 session'),
  KDF_PQ_SECRET: ascii('ratchetlib/1 pq secret'),
  KDF_ROOT_STEP: ascii('ratchetlib/1 root step'),
  AD_HEADER: ascii('ratchetlib/1 header'),
  AD_BODY: ascii('ratchetlib/1 body'),
  PERSON_CHAIN_STEP: ascii('ratchetlib1chain'),
  PERSON_SEAL_BODY: ascii('ratchetlib1 body'),
  PERSON_SEAL_IDENTITY: ascii('ratchetlib1ident'),
  PERSON_SEAL_STATE: ascii('ratchetlib1state'),
  PERSON_STATE_KEY: ascii('ratchetlib1vault'),
});
