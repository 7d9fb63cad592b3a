// What this implementation makes of its own randomness, for another one to check:
// vectors/README.md, "What the Node verifier produces".

import { randomBytes, randomInt } from 'node:crypto';

import { hex } from './bytes.mjs';
import { encodeSession } from './content.mjs';
import { freshDraw } from './draws.mjs';
import { Recorder } from './events.mjs';
import { makeIdentity } from './identity.mjs';
import { parsePrekeyBundle } from './prekeys.mjs';
import { initiate, send } from './session.mjs';

const NOW = 1_800_000_000;
const HUNDRED = 100;

/** What can happen on the way, in percent, and how much is said. `epochs` is when to stop. */
const CONVERSATIONS = [
  { comment: 'strict ping-pong', epochs: 2, items: 1, burst: 1, first: 1, loss: 0, late: 0, again: 0, reload: 0 },
  {
    comment: 'bursts, without a one-time item',
    epochs: 2,
    items: 0,
    burst: 5,
    first: 3,
    loss: 0,
    late: 0,
    again: 0,
    reload: 0,
  },
  { comment: 'bursts, a fifth lost', epochs: 1, items: 2, burst: 5, first: 2, loss: 20, late: 0, again: 0, reload: 0 },
  { comment: 'late and in any order', epochs: 1, items: 1, burst: 4, first: 5, loss: 0, late: 40, again: 0, reload: 0 },
  {
    comment: 'lost, late, twice, and restored from content',
    epochs: 2,
    items: 0,
    burst: 6,
    first: 4,
    loss: 20,
    late: 20,
    again: 10,
    reload: 10,
  },
];

const happens = (percent) => randomInt(HUNDRED) < percent;

function shuffled(list) {
  const rest = [...list];
  return list.map(() => rest.splice(randomInt(rest.length), 1)[0]);
}

/** Members of a `send` that vary: plaintext, padding, associated data. */
function saying() {
  const paddings = [{}, {}, { floor: 128 }, { padding: 'none' }, { padding: 'buckets', buckets: [256, 1024] }];
  const ad = happens(20) ? { ad: hex(randomBytes(randomInt(1, 40))) } : {};
  return { plaintext: hex(randomBytes(randomInt(200))), ...ad, ...paddings[randomInt(paddings.length)] };
}

/** One conversation between A, who has initiated, and B, as the events of a case. */
class Conversation {
  #recorder = new Recorder();
  #plan;
  #said = 0;
  #ads = new Map();
  #underWay = { A: [], B: [] };

  constructor(plan) {
    this.#plan = plan;
  }

  #record(inputs) {
    return this.#recorder.record(inputs);
  }

  #begin() {
    this.#record({ op: 'identity', who: 'alice', address: hex(Buffer.from('alice/node')) });
    this.#record({ op: 'identity', who: 'bob', address: hex(Buffer.from('bob/node')) });
    this.#record({ op: 'ring', who: 'bob', now: NOW, items: this.#plan.items });
    this.#record({ op: 'hand_out', who: 'bob', id: 'bundle' });
    this.#record({ op: 'initiate', who: 'A', device: 'alice', peer: 'bob', bundle: 'bundle', now: NOW });
    const flight = shuffled(Array.from({ length: this.#plan.first }, () => this.#send('A')));
    const [first, ...rest] = flight;
    this.#record({ op: 'accept', who: 'B', device: 'bob', of: first, now: NOW, ...this.#ads.get(first) });
    this.#underWay.B.push(...rest);
  }

  #send(who) {
    const id = `message ${this.#said}`;
    this.#said += 1;
    const { ad, ...inputs } = saying();
    this.#ads.set(id, ad === undefined ? {} : { ad });
    this.#record({ op: 'send', who, id, ...inputs, ...this.#ads.get(id) });
    return id;
  }

  #deliver(who, id) {
    this.#record({ op: 'deliver', who, of: id, ...this.#ads.get(id) });
    if (happens(this.#plan.again)) this.#record({ op: 'deliver', who, of: id, ...this.#ads.get(id) });
  }

  /** One side says something; what is not lost arrives, or stays under way. */
  #turn(from, to) {
    if (happens(this.#plan.reload)) {
      this.#record({ op: 'load', who: from, content: hex(encodeSession(this.#recorder.world.sessions.get(from))) });
    }
    const said = Array.from({ length: randomInt(1, this.#plan.burst + 1) }, () => this.#send(from));
    const there = [...this.#underWay[to], ...said.filter(() => !happens(this.#plan.loss))];
    const late = new Set(there.filter(() => happens(this.#plan.late)));
    this.#underWay[to] = [...late];
    const arriving = there.filter((id) => !late.has(id));
    for (const id of this.#plan.late > 0 ? shuffled(arriving) : arriving) this.#deliver(to, id);
  }

  #isOver() {
    return ['A', 'B'].every((who) => this.#recorder.world.sessions.get(who).ratchet.pq.epoch >= this.#plan.epochs);
  }

  run() {
    this.#begin();
    while (!this.#isOver()) {
      this.#turn('B', 'A');
      this.#turn('A', 'B');
    }
    for (const who of ['A', 'B']) this.#record({ op: 'expect', who });
    return this.#recorder.events;
  }
}

const NOTE = {
  bugType: 'INTEROPERABILITY',
  description: 'What one implementation makes with its own randomness, another one takes.',
  links: ['https://signal.org/docs/specifications/doubleratchet/'],
};

/** Conversations, as a file of vectors with one group of type `Events`. */
export const produceConversations = () => ({
  schema: 'vectors.schema.json',
  suite: '1.0.0',
  protocol: 1,
  about: 'Conversations that the Node implementation has made with its own randomness.',
  numberOfTests: CONVERSATIONS.length,
  notes: { Produced: NOTE },
  testGroups: [
    {
      type: 'Events',
      comment: 'From nothing to the end of a post-quantum epoch and beyond.',
      setup: [],
      tests: CONVERSATIONS.map((plan, at) => ({
        tcId: at + 1,
        comment: plan.comment,
        flags: ['Produced'],
        result: 'valid',
        events: new Conversation(plan).run(),
      })),
    },
  ],
});

/** First messages to the owner of a prekey bundle that is given. */
export function produceFlight(bundle, now) {
  const published = parsePrekeyBundle(bundle);
  const ours = makeIdentity(randomBytes(32), randomBytes(32));
  const ourAddress = Buffer.from('node/initiator');
  let session = initiate({ ours, ourAddress, theirAddress: published.bundle.address, published, now, draw: freshDraw });
  const messages = Array.from({ length: 4 }, () => {
    const plaintext = randomBytes(randomInt(200));
    const ad = randomBytes(randomInt(40));
    const sent = send(session, { plaintext, ad, draw: freshDraw });
    session = sent.session;
    return { plaintext: hex(plaintext), ad: hex(ad), message: hex(sent.message) };
  });
  return {
    protocol: 1,
    bundle: hex(bundle),
    now: Number(now),
    initiator: { address: hex(ourAddress), identity: hex(ours.public.encoded) },
    session_id: hex(session.ratchet.binding.sessionId),
    messages,
  };
}
