// Cases of state_blob and registry, and the golden blobs: vectors/README.md, "Functions".

import { concat, equal, zeros } from './bytes.mjs';
import { PARENTS, REASONS } from './errors.mjs';
import { LIMITS } from './limits.mjs';
import { Members, Mismatch } from './members.mjs';
import { goodTogether } from './prekeys.mjs';
import { newest } from './ring.mjs';
import {
  KINDS,
  anchored,
  deriveRecord,
  lowestGeneration,
  makeContext,
  makeVault,
  openBlob,
  recordName,
  sealBlob,
} from './state.mjs';

function contextOf(input) {
  const kind = input.text('kind');
  if (!Object.hasOwn(KINDS, kind)) throw new Mismatch('an unknown kind');
  return makeContext(kind, input.bytes('owner'), input.bytes('peer'));
}

const SUMMARIES = {
  identity: (identity) => ({ public: identity.public.encoded }),

  ring(ring) {
    const record = newest(ring);
    const isOffered = ({ item, handedOut }) => !handedOut && goodTogether(item, { epoch: ring.epoch });
    return {
      public: ring.owner.public.encoded,
      address: ring.address,
      epoch: ring.epoch,
      not_after: record ? record.bundle.notAfter : null,
      bundles: ring.bundles.length,
      one_time_items: ring.items.filter(isOffered).length,
      remembered_handshakes: record ? record.remembered.length : 0,
    };
  },

  session: ({ ourAddress, peerAddress, createdAt, unconfirmed, ratchet }) => ({
    session_id: ratchet.binding.sessionId,
    our_address: ourAddress,
    peer_address: peerAddress,
    created_at: createdAt,
    confirmed: unconfirmed === null,
    sent: ratchet.sending ? ratchet.sending.number : null,
    received: ratchet.chains.length > 0 ? ratchet.chains[0].number : null,
    closed_chains: Math.max(0, ratchet.chains.length - 1),
    skipped_stored: ratchet.chains.reduce((sum, { skipped }) => sum + skipped.size, 0),
    pq_epoch: ratchet.pq.epoch,
    pq_phase: ratchet.pq.phase,
  }),
};

/** Opens a blob of a case with the stand on rollback; `same` says that sealing it again gives the same bytes. */
function open(input, blob, stand) {
  const context = contextOf(input);
  const vault = makeVault(input.bytes('key_id'), input.bytes('storage_key'));
  const opened = openBlob(vault, context, blob, stand);
  const again = sealBlob(vault, context, opened.generation, opened.nonce, opened.value);
  return {
    generation: opened.generation,
    summary: SUMMARIES[context.kind](opened.value),
    same: equal(again, blob),
  };
}

function readAnchor(input) {
  if (!input.has('anchor')) return null;
  const members = new Members(input.get('anchor'));
  const entry = { generation: members.big('generation'), commitment: members.bytes('commitment') };
  members.expect({});
  return entry;
}

/** What a golden blob is, in the words of the index: any generation is accepted. */
export function golden(input, blob) {
  const { same, ...outputs } = open(input, blob, () => {});
  if (!same) throw new Mismatch('sealed again it differs');
  return outputs;
}

const listed = (table, what) => (name) => {
  if (!Object.hasOwn(table, name)) throw new Mismatch(`an unknown ${what}`);
  return table[name];
};

const limitOf = listed(LIMITS, 'limit');
const parentsOf = listed(PARENTS, 'condition');
const textOf = listed(REASONS, 'reason');

export const STATE_KINDS = {
  Context(input) {
    const context = contextOf(input);
    const { recordKey, tag } = deriveRecord(input.bytes('storage_key'), context);
    return { record_key: recordKey, tag, record_name: recordName(context) };
  },

  Blob(input) {
    const blob = concat(input.bytes('blob'), zeros(input.maybe('zeros', input.number, 0)));
    if (input.has('minimum_generation')) return open(input, blob, lowestGeneration(input.big('minimum_generation')));
    let entry = readAnchor(input);
    const outputs = open(
      input,
      blob,
      anchored(entry, (next) => {
        entry = next;
      }),
    );
    return { ...outputs, anchored: entry.generation };
  },

  Limit: (input) => ({ value: limitOf(input.text('name')) }),
  Error: (input) => ({ parents: parentsOf(input.text('name')) }),
  Reason: (input) => ({ text: textOf(input.text('name')) }),
};
