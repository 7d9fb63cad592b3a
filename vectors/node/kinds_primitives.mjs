// Cases of kdf_chain, labels, dh_policy, kem_policy, signatures and seal: vectors/README.md, "Functions".
// A kind is a function from the inputs of a case to its outputs; what must be refused, it refuses.

import { concat, lp } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { makeIdentity, parseIdentity } from './identity.mjs';
import { KEM1024, KEM768 } from './kem.mjs';
import { LABELS } from './labels.mjs';
import { Mismatch } from './members.mjs';
import {
  agreementPublic,
  blake,
  chainStep,
  checkAgreementKey,
  dh,
  hash,
  hkdf,
  openSeal,
  seal,
  sign,
  signingPublic,
} from './primitives.mjs';
import { rootStep } from './ratchet.mjs';

function labelOf(name) {
  if (!Object.hasOwn(LABELS, name)) throw new Mismatch('an unknown label');
  return LABELS[name];
}

function kemOf(name) {
  const kem = [KEM768, KEM1024].find((suite) => suite.name === name);
  if (!kem) throw new Mismatch('an unknown KEM');
  return kem;
}

/** A ciphertext that no key has made: the first byte complemented. */
export const spoilt = (ciphertext) => concat(Buffer.of(ciphertext[0] ^ 0xff), ciphertext.subarray(1));

const UNDER_LABEL = {
  SIGN: (label, input) => sign(input.bytes('key'), label, input.bytes('data')),
  HASH: (label, input) => hash(label, input.bytes('data')),
  KDF: (label, input) =>
    hkdf(input.bytes('salt'), input.bytes('key'), label, input.bytes('data'), input.number('length')),
  AD: (label, input) => concat(lp(label), input.bytes('data')),
  PERSON: (label, input) => blake(input.bytes('key'), label, input.bytes('data')),
};

export const PRIMITIVE_KINDS = {
  ChainStep(input) {
    let step = { chainKey: input.bytes('chain_key') };
    for (let left = input.number('steps'); left > 0; left -= 1) step = chainStep(step.chainKey);
    return { next_chain_key: step.chainKey, message_key: step.messageKey };
  },

  RootStep(input) {
    const step = rootStep(
      input.bytes('root_key'),
      input.bytes('dh'),
      input.maybe('pq_secret', input.bytes, null),
      input.bytes('sender'),
      input.bytes('receiver'),
      input.number('pq_epoch'),
    );
    return { next_root_key: step.rootKey, chain_key: step.chainKey, next_header_key: step.nextHeaderKey };
  },

  Label(input) {
    const name = input.text('name');
    const label = labelOf(name);
    return { label, output: UNDER_LABEL[name.split('_')[0]](label, input) };
  },

  Agree(input) {
    const secret = input.bytes('private');
    const key = checkAgreementKey(input.bytes('public'));
    return { own_public: agreementPublic(secret), shared: dh(secret, key) };
  },

  Kem(input) {
    const kem = kemOf(input.text('kem'));
    const seed = input.bytes('seed');
    const ciphertext = input.bytes('ciphertext');
    const secret = kem.decapsulate(seed, ciphertext);
    return { public: kem.publicOf(seed), secret, rejected: kem.decapsulate(seed, spoilt(ciphertext)) };
  },

  KemKey(input) {
    kemOf(input.text('kem')).check(input.bytes('public'));
    return {};
  },

  Sign(input) {
    const seed = input.bytes('seed');
    const signature = sign(seed, labelOf(input.text('label')), input.bytes('data'));
    return { public: signingPublic(seed), signature };
  },

  IdentityOf(input) {
    return { encoded: makeIdentity(input.bytes('signing_seed'), input.bytes('agreement_key')).public.encoded };
  },

  Identity(input) {
    const { signing, agreement, signature } = parseIdentity(input.bytes('encoded'));
    return { signing, agreement, signature };
  },

  Seal(input) {
    const sealed = seal(
      input.bytes('key'),
      labelOf(input.text('person')),
      input.bytes('nonce'),
      input.bytes('ad'),
      input.bytes('plaintext'),
    );
    return { commitment: sealed.subarray(0, 32), ciphertext: sealed.subarray(32) };
  },

  Unseal(input) {
    const plaintext = openSeal(
      input.bytes('key'),
      labelOf(input.text('person')),
      input.bytes('nonce'),
      input.bytes('ad'),
      input.bytes('sealed'),
    );
    return { plaintext: plaintext ?? refuse('AuthenticationError', 'seal', 'the seal does not open') };
  },
};
