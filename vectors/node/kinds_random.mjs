// Cases of random_health and accumulated: vectors/README.md, "Functions".

import { createHash } from 'node:crypto';

import { EMPTY, concat, u32, zeros } from './bytes.mjs';
import { deriveBlockKey, deriveSession } from './handshake.mjs';
import { ContinuousTest, checkSample, longestRun } from './health.mjs';
import { FROM_INITIATOR, bodyData, encodeHeader, headerData, sealHeader } from './header.mjs';
import { LABELS } from './labels.mjs';
import { LIMITS } from './limits.mjs';
import { Members } from './members.mjs';
import { NONCE_LENGTH, ORDINARY } from './message.mjs';
import { pad } from './padding.mjs';
import { CHUNK_LENGTH } from './erasure.mjs';
import { agreementPublic, chainStep, dh, seal } from './primitives.mjs';
import { rootStep } from './ratchet.mjs';

const shake128 = (data, length) => createHash('shake128', { outputLength: length }).update(data).digest();
const sha256 = (data) => createHash('sha256').update(data).digest();

function applyPatch(sample, entry) {
  const patch = new Members(entry);
  const at = patch.number('at');
  const bytes = patch.bytes('hex');
  const times = patch.maybe('times', patch.number, 1);
  const stride = patch.maybe('stride', patch.number, bytes.length);
  patch.expect({});
  for (let count = 0; count < times; count += 1) sample.set(bytes, at + count * stride);
}

function u16(number) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(number);
  return bytes;
}

/** One session of `Accumulated`, by the steps of the README. */
function accumulatedSession(number) {
  const stream = shake128(concat(Buffer.from('ratchetlib-acc-v1', 'ascii'), u32(number)), 1024);
  let at = 0;
  const take = (length) => {
    at += length;
    return stream.subarray(at - length, at);
  };
  const odd = () => take(1)[0] % 2 === 1;

  const [dh2, dh3] = [take(32), take(32)];
  const dh4 = odd() ? take(32) : null;
  const agreements = { dh2, dh3, dh4, kemSecret: take(32) };
  const [th0, th1, dh1] = [take(64), take(64), take(32)];
  const blockKey = deriveBlockKey(th0, agreements);
  const { rootKey, initiatorHeaderKey, sessionId } = deriveSession(th1, dh1, agreements);

  const secretKey = take(32);
  const ratchetKey = agreementPublic(secretKey);
  const peerKey = agreementPublic(take(32));
  const secret = odd() ? take(32) : null;
  const pqEpoch = secret ? 1 : 0;
  const step = rootStep(rootKey, dh(secretKey, peerKey), secret, ratchetKey, peerKey, pqEpoch);

  const messageNumber = take(1)[0] % 4;
  let link = chainStep(step.chainKey);
  for (let count = 0; count < messageNumber; count += 1) link = chainStep(link.chainKey);

  const nonce = take(NONCE_LENGTH);
  const binding = { sessionId, direction: FROM_INITIATOR };
  const header = encodeHeader({
    ratchetKey,
    previousLength: 0,
    number: messageNumber,
    pqEpoch,
    chunk: { kind: 0, index: 0, data: zeros(CHUNK_LENGTH) },
  });
  const sealedHeader = sealHeader(initiatorHeaderKey, nonce, headerData({ ...binding, type: ORDINARY }), header);
  const plaintext = take(take(1)[0]);
  const data = bodyData({ ...binding, sealedHeader, ad: EMPTY });
  const body = seal(link.messageKey, LABELS.PERSON_SEAL_BODY, nonce, data, pad(plaintext));
  return concat(blockKey, step.rootKey, header, sealedHeader, body);
}

export const RANDOM_KINDS = {
  Sample(input) {
    const sample = shake128(input.bytes('seed'), LIMITS.HEALTH_SAMPLE);
    for (const entry of input.maybe('patches', input.list, [])) applyPatch(sample, entry);
    checkSample(sample);
    return { sha256_of_sample: sha256(sample), longest_run: longestRun(sample) };
  },

  Draws(input) {
    const test = new ContinuousTest();
    const [first, last] = [input.bytes('first'), input.bytes('last')];
    test.see(first);
    for (let number = 0, between = input.number('between'); number < between; number += 1)
      test.see(sha256(u16(number)));
    test.see(last);
    return { sha256_of_draws: sha256(concat(first, last)) };
  },

  Accumulated(input) {
    const total = createHash('sha256');
    for (let number = 0, sessions = input.number('sessions'); number < sessions; number += 1) {
      total.update(accumulatedSession(number));
    }
    return { total: total.digest() };
  },
};
