// Cases of wire, header_enc, padding and erasure: vectors/README.md, "Functions".

import { EMPTY, equal, unhex } from './bytes.mjs';
import { CIPHERTEXT_CHUNKS, KEY_CHUNKS, decodeStream, encodeChunk } from './erasure.mjs';
import { refuse } from './errors.mjs';
import { bodyData, encodeHeader, headerData, sealHeader, tryHeaders } from './header.mjs';
import { Members, Mismatch } from './members.mjs';
import { encodeMessage, parseMessage } from './message.mjs';
import { bucketPolicy, noPolicy, pad, paddedLength, padmePolicy, unpad } from './padding.mjs';

const POLICIES = {
  padme: (input) => padmePolicy(input.maybe('floor', input.number)),
  buckets: (input) => bucketPolicy(input.list('buckets')),
  none: () => noPolicy,
};

/** "Padding policies". */
export function readPolicy(input) {
  const name = input.maybe('padding', input.text, 'padme');
  if (!Object.hasOwn(POLICIES, name)) throw new Mismatch('an unknown policy');
  return POLICIES[name](input);
}

const chunksOf = (code) => ({ key: KEY_CHUNKS, ciphertext: CIPHERTEXT_CHUNKS })[code];

/** Chunks as an input: a map from index to data. */
export function readChunks(input) {
  const chunks = input.list('chunks').map((entry) => {
    const members = new Members(entry);
    const chunk = [members.number('index'), members.bytes('chunk')];
    members.expect({});
    return chunk;
  });
  return new Map(chunks);
}

const readBinding = (input) => ({
  sessionId: input.bytes('session_id'),
  direction: input.number('direction'),
  type: input.number('message_type'),
  prefixHash: input.maybe('prefix_hash', input.bytes, null),
});

export const MESSAGE_KINDS = {
  Message(input) {
    const bytes = input.bytes('message');
    const message = parseMessage(bytes, input.number('max_padded'));
    return {
      type: message.type,
      prefix: message.prefix ?? EMPTY,
      nonce: message.nonce,
      sealed_header: message.sealedHeader,
      body: message.body,
      same: equal(encodeMessage(message), bytes),
    };
  },

  SealHeader(input) {
    const binding = readBinding(input);
    const header = encodeHeader({
      ratchetKey: input.bytes('ratchet_key'),
      previousLength: input.number('previous_length'),
      number: input.number('number'),
      pqEpoch: input.number('pq_epoch'),
      chunk: { kind: input.number('chunk_kind'), index: input.number('chunk_index'), data: input.bytes('chunk') },
    });
    const data = headerData(binding);
    const sealedHeader = sealHeader(input.bytes('key'), input.bytes('nonce'), data, header);
    return {
      header,
      header_ad: data,
      sealed: sealedHeader,
      body_ad: bodyData({ ...binding, sealedHeader, ad: input.bytes('ad') }),
    };
  },

  TryHeaders(input) {
    const data = headerData(readBinding(input));
    const keys = input.list('keys').map(unhex);
    const nonce = input.bytes('nonce');
    const opened = input
      .list('sealed')
      .map(
        (sealed) =>
          tryHeaders(keys, nonce, data, unhex(sealed)) ?? refuse('AuthenticationError', 'header', 'no key opens it'),
      );
    return { opened_by: opened.map(({ place }) => place), headers: opened.map(({ header }) => header) };
  },

  Pad(input) {
    return { padded: pad(input.bytes('plaintext'), readPolicy(input)) };
  },

  PaddedLengths(input) {
    const policy = readPolicy(input);
    return { padded_lengths: input.list('lengths').map((length) => paddedLength(length, policy)) };
  },

  Unpad(input) {
    return { plaintext: unpad(input.bytes('padded')) };
  },

  ErasureEncode(input) {
    const k = chunksOf(input.text('code'));
    const stream = input.bytes('stream');
    return { chunks: input.list('indices').map((index) => encodeChunk(stream, k, index)) };
  },

  ErasureDecode(input) {
    return { stream: decodeStream(readChunks(input), chunksOf(input.text('code'))) };
  },
};
