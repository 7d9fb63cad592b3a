// Cases of pq_epochs: vectors/README.md, "Functions".

import { EMPTY, Reader, equal, zeros } from './bytes.mjs';
import { CIPHERTEXT_CHUNKS, KEY_CHUNKS, decodeStream } from './erasure.mjs';
import { KEM768 } from './kem.mjs';
import { readChunks } from './kinds_messages.mjs';
import { spoilt } from './kinds_primitives.mjs';
import { Mismatch } from './members.mjs';
import {
  absorb,
  answer,
  checkChunk,
  encodePq,
  joinEpoch,
  nextChunk,
  offer,
  opensChain,
  readAnswer,
  readOffer,
  readPq,
} from './pq.mjs';

const rejectedZeros = (seed) => KEM768.decapsulate(seed, zeros(KEM768.ciphertextLength));

function readState(input, initiator) {
  const reader = new Reader(input.bytes('before'));
  const pq = readPq(reader, initiator);
  reader.end();
  return pq;
}

function sameCiphertext(input, made) {
  if (!equal(input.bytes('ciphertext'), made)) throw new Mismatch('ciphertext differs');
}

const MOVES = {
  'opens chain'(pq, input) {
    if (input.has('key_seed') && !equal(KEM768.publicOf(input.bytes('key_seed')), pq.key)) {
      throw new Mismatch('key_seed is of another key');
    }
    const names = { kem768_seed: 'seed', kem768_m: 'm' };
    const moved = opensChain(pq, input.maybe('session_id', input.bytes), (role) => input.bytes(names[role]));
    if (input.has('ciphertext')) sameCiphertext(input, moved.pq.stream.subarray(0, KEM768.ciphertextLength));
    return { after: moved.pq, secret: moved.secret ?? EMPTY };
  },

  sends(pq) {
    const { pq: after, chunk } = nextChunk(pq);
    return { after, kind: chunk.kind, index: chunk.index, chunk: chunk.data };
  },

  receives(pq, input, initiator) {
    const header = {
      pqEpoch: input.number('pq_epoch'),
      chunk: { kind: input.number('chunk_kind'), index: input.number('chunk_index'), data: input.bytes('chunk_data') },
    };
    checkChunk(pq, !initiator, header);
    return { after: absorb(pq, input.maybe('session_id', input.bytes), header) };
  },

  'next chain'(pq, input) {
    const joined = joinEpoch(pq, input.number('pq_epoch'));
    return { after: joined.pq, secret: joined.secret ?? EMPTY };
  },
};

export const QUANTUM_KINDS = {
  PqOffer(input) {
    const seed = input.bytes('seed');
    const key = KEM768.publicOf(seed);
    return { key, stream: offer(key), rejected: rejectedZeros(seed) };
  },

  PqAnswer(input) {
    const seed = input.bytes('seed');
    const made = answer(input.bytes('session_id'), input.number('epoch'), KEM768.publicOf(seed), input.bytes('m'));
    sameCiphertext(input, made.ciphertext);
    return {
      kem_secret: made.kemSecret,
      rejected: KEM768.decapsulate(seed, spoilt(made.ciphertext)),
      secret: made.secret,
      stream: made.stream,
    };
  },

  PqReadKey(input) {
    const key = readOffer(decodeStream(readChunks(input), KEY_CHUNKS));
    return { dropped: key === null, key: key ?? EMPTY };
  },

  PqReadAnswer(input) {
    const seed = input.bytes('seed');
    const stream = decodeStream(readChunks(input), CIPHERTEXT_CHUNKS);
    const secret = readAnswer(input.bytes('session_id'), input.number('epoch'), seed, stream);
    return { dropped: secret === null, secret: secret ?? EMPTY, rejected: rejectedZeros(seed) };
  },

  PqMove(input) {
    const initiator = input.flag('initiator');
    const pq = readState(input, initiator);
    const event = input.text('event');
    if (!Object.hasOwn(MOVES, event)) throw new Mismatch('an unknown event');
    const { after, ...outputs } = MOVES[event](pq, input, initiator);
    return { after: encodePq(after), ...outputs };
  },
};
