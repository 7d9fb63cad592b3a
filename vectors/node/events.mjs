// Cases of type `Events`: vectors/README.md, "Events".

import { createHash } from 'node:crypto';

import { EMPTY, compare, concat, isZero, u32, zeros } from './bytes.mjs';
import { encodeRing, encodeSession, parseRing, parseSession } from './content.mjs';
import { RecordedDraws, StatedDraws } from './draws.mjs';
import { Refusal } from './errors.mjs';
import { parsePrefix } from './handshake.mjs';
import { makeIdentity } from './identity.mjs';
import { KEM768 } from './kem.mjs';
import { readPolicy } from './kinds_messages.mjs';
import { Members, Mismatch, stated } from './members.mjs';
import { parseMessage } from './message.mjs';
import { encodePrekeyBundle, parsePrekeyBundle } from './prekeys.mjs';
import { emptyRing, handOut, replenish, retire, revoke, rotate, settle } from './ring.mjs';
import { accept, forgetSkipped, health, initiate, receive, recognises, send, skippedRanges } from './session.mjs';

const sha256 = (data) => createHash('sha256').update(data).digest();

/** What is refused by the platform, and Node has neither: nothing happens here. */
const OF_THE_PLATFORM = { fork: 'ForkedProcess', concur: 'ConcurrentUse' };

/** Things with names. */
class Names extends Map {
  get(name) {
    if (!this.has(name)) throw new Mismatch(`there is no ${name}`);
    return super.get(name);
  }
}

/** All that the events of a case are about. What stands in the maps is never changed in place. */
class World {
  constructor(before = {}, draws = new StatedDraws(before.draws)) {
    this.devices = new Names(before.devices);
    this.rings = new Names(before.rings);
    this.bundles = new Names(before.bundles);
    this.sessions = new Names(before.sessions);
    this.messages = new Names(before.messages);
    this.slots = new Names(before.slots);
    this.draws = draws;
  }

  /** An operation with the draws that its event states; `made` names the KEM ciphertexts of its result. */
  drawing(input, who, operation, made = () => []) {
    const { draw, finish } = this.draws.of(who, input.maybe('draws', input.list, []));
    const result = operation(draw);
    finish(made(result));
    return result;
  }

  putRing(who, ring) {
    this.rings.set(who, ring);
    return { state: sha256(encodeRing(ring)) };
  }

  putSession(who, session) {
    this.sessions.set(who, session);
    return { state: sha256(encodeSession(session)) };
  }
}

const EDITS = {
  xor: (bytes, edit) => {
    const at = edit.number('at');
    const mask = edit.bytes('hex');
    return bytes.map((byte, offset) => byte ^ (mask[offset - at] ?? 0));
  },
  replace: (bytes, edit) => {
    const at = edit.number('at');
    const other = edit.bytes('hex');
    return concat(bytes.subarray(0, at), other, bytes.subarray(at + other.length));
  },
  insert: (bytes, edit) => {
    const at = edit.number('at');
    return concat(bytes.subarray(0, at), edit.bytes('hex'), bytes.subarray(at));
  },
  remove: (bytes, edit) => concat(bytes.subarray(0, edit.number('at')), bytes.subarray(edit.number('end'))),
  copy: (bytes, edit, world) => {
    const [at, end] = [edit.number('at'), edit.number('end')];
    const other = world.messages.get(edit.text('from'));
    return concat(bytes.subarray(0, at), other.subarray(at, end), bytes.subarray(end));
  },
};

function applyEdit(bytes, entry, world) {
  const edit = new Members(entry);
  const name = edit.text('edit');
  if (!Object.hasOwn(EDITS, name)) throw new Mismatch('an unknown edit');
  const edited = EDITS[name](bytes, edit, world);
  edit.expect({});
  return edited;
}

/** "A *message*": bytes, or one that was sent, after its edits. */
function readMessage(world, input) {
  if (input.has('bytes')) return input.bytes('bytes');
  const sent = world.messages.get(input.text('of'));
  return input.maybe('edits', input.list, []).reduce((bytes, entry) => applyEdit(bytes, entry, world), sent);
}

const readBytes = (input, name, zeroName, fallback) =>
  input.has(zeroName) ? zeros(input.number(zeroName)) : input.maybe(name, input.bytes, fallback);

const readAd = (input) => readBytes(input, 'ad', 'ad_zeros', EMPTY);

function identityOf(world, input, name) {
  const device = input.maybe(name, input.text);
  return device === undefined ? null : world.devices.get(device).identity.public;
}

const kemCiphertextOf = ({ unconfirmed }) => parsePrefix(unconfirmed.prefix).ciphertext;

/** The KEM ciphertext that a send has made, if it was a send that opened a chain and answered a key. */
function answered(before, after) {
  const isNew = before.ratchet.pq.phase !== 'Answering' && after.ratchet.pq.phase === 'Answering';
  return isNew ? [after.ratchet.pq.stream.subarray(0, KEM768.ciphertextLength)] : [];
}

/**
 * Each takes the world, the event's members and the name of who it is about, and returns what comes of it. Inputs are
 * read first: where an event is refused, no member is left but those of the refusal.
 */
const OPERATIONS = {
  identity(world, input, who) {
    const address = input.maybe('address', input.bytes);
    const identity = world.drawing(input, who, (draw) =>
      makeIdentity(draw('signing_seed', 32), draw('agreement_key', 32)),
    );
    world.devices.set(who, { identity, address });
    return { public: identity.public.encoded };
  },

  ring(world, input, who) {
    const { identity, address } = world.devices.get(who);
    const [now, items] = [input.big('now'), input.number('items')];
    const lifetime = input.maybe('lifetime', input.big);
    const epoch = input.maybe('epoch', input.big, 1n);
    const ring = world.drawing(input, who, (draw) =>
      replenish(rotate(emptyRing(identity, address, epoch - 1n), now, draw, lifetime), items, draw),
    );
    return world.putRing(who, ring);
  },

  rotate(world, input, who) {
    const now = input.big('now');
    return world.putRing(
      who,
      world.drawing(input, who, (draw) => rotate(world.rings.get(who), now, draw)),
    );
  },

  replenish(world, input, who) {
    const count = input.number('count');
    return world.putRing(
      who,
      world.drawing(input, who, (draw) => replenish(world.rings.get(who), count, draw)),
    );
  },

  retire: (world, input, who) => world.putRing(who, retire(world.rings.get(who), input.big('now'))),

  revoke(world, input, who) {
    const { bundle, item } = parsePrekeyBundle(world.bundles.get(input.text('bundle')));
    const signed = input.maybe('signed', input.flag, false);
    return world.putRing(who, revoke(world.rings.get(who), [item && !signed ? item.id : bundle.id]));
  },

  remember(world, input, who) {
    const ring = world.rings.get(who);
    const remembered = Array.from({ length: input.number('count') }, (_, number) => sha256(u32(number))).sort(compare);
    return world.putRing(who, { ...ring, bundles: ring.bundles.with(-1, { ...ring.bundles.at(-1), remembered }) });
  },

  save_ring(world, input, who) {
    const content = encodeRing(world.rings.get(who));
    world.slots.set(input.text('slot'), content);
    return { state: sha256(content) };
  },

  restore_ring: (world, input, who) => world.putRing(who, parseRing(world.slots.get(input.text('slot')))),

  hand_out(world, input, who) {
    const id = input.text('id');
    const { ring, published } = handOut(world.rings.get(who));
    const bundle = encodePrekeyBundle(published);
    world.rings.set(who, ring);
    world.bundles.set(id, bundle);
    return { bundle };
  },

  initiate(world, input, who) {
    const { identity: ours, address: ourAddress } = world.devices.get(input.text('device'));
    const { address: theirAddress } = world.devices.get(input.text('peer'));
    const published = parsePrekeyBundle(world.bundles.get(input.text('bundle')));
    const pinned = identityOf(world, input, 'expected');
    const minimumEpoch = input.maybe('minimum_epoch', input.big);
    const requireOneTime = input.maybe('require_one_time', input.flag);
    const now = input.big('now');
    const session = world.drawing(
      input,
      who,
      (draw) =>
        initiate({ ours, ourAddress, theirAddress, published, now, pinned, minimumEpoch, requireOneTime, draw }),
      (begun) => [kemCiphertextOf(begun)],
    );
    return { session_id: session.ratchet.binding.sessionId, ...world.putSession(who, session) };
  },

  accept(world, input, who) {
    const device = input.text('device');
    const { identity: ours } = world.devices.get(device);
    const pinned = identityOf(world, input, 'known');
    const accepted = accept({
      ours,
      ring: world.rings.get(device),
      now: input.big('now'),
      bytes: readMessage(world, input),
      ad: readAd(input),
      pinned,
    });
    const { session, plaintext } = accepted;
    const { state: ring } = world.putRing(device, accepted.ring);
    return {
      plaintext,
      session_id: session.ratchet.binding.sessionId,
      peer: session.peerAddress,
      created_at: session.createdAt,
      ring,
      ...world.putSession(who, session),
    };
  },

  send(world, input, who) {
    const session = world.sessions.get(who);
    const id = input.text('id');
    const plaintext = readBytes(input, 'plaintext', 'zeros');
    const ad = readAd(input);
    const policy = readPolicy(input);
    const now = input.maybe('now', input.big);
    const maxPlaintext = input.maybe('max_plaintext', input.number);
    const sent = world.drawing(
      input,
      who,
      (draw) => send(session, { plaintext, ad, policy, now, maxPlaintext, draw }),
      (result) => answered(session, result.session),
    );
    world.messages.set(id, sent.message);
    const message = input.has('message_sha256') ? { message_sha256: sha256(sent.message) } : { message: sent.message };
    return { ...message, ...world.putSession(who, sent.session) };
  },

  lose(world, input, who) {
    let session = world.sessions.get(who);
    if (session.ratchet.sending === null) throw new Mismatch('no chain is open');
    for (let left = input.number('count'); left > 0; left -= 1) {
      ({ session } = send(session, { plaintext: EMPTY, draw: (_, length) => zeros(length) }));
    }
    return world.putSession(who, session);
  },

  deliver(world, input, who) {
    const maxPlaintext = input.maybe('max_plaintext', input.number);
    const long = input.maybe('long', input.flag, false);
    const received = receive(world.sessions.get(who), {
      bytes: readMessage(world, input),
      ad: readAd(input),
      maxPlaintext,
    });
    const { plaintext } = received;
    const state = world.putSession(who, received.session);
    if (!long) return { plaintext, ...state };
    if (!isZero(plaintext)) throw new Mismatch('the plaintext is not zero');
    return { plaintext_zeros: plaintext.length, ...state };
  },

  recognise: (world, input, who) => ({ recognised: recognises(world.sessions.get(who), readMessage(world, input)) }),

  settle(world, input, who) {
    const device = input.text('device');
    const { sessionId } = world.sessions.get(who).ratchet.binding;
    const { prefix } = parseMessage(readMessage(world, input), Infinity);
    const { state: ring } = world.putRing(device, settle(world.rings.get(device), parsePrefix(prefix), sessionId));
    return { ring };
  },

  save(world, input, who) {
    const content = encodeSession(world.sessions.get(who));
    world.slots.set(input.text('slot'), content);
    return { state: sha256(content) };
  },

  restore: (world, input, who) => world.putSession(who, parseSession(world.slots.get(input.text('slot')))),
  load: (world, input, who) => world.putSession(who, parseSession(input.bytes('content'))),

  forget(world, input, who) {
    const { session, forgotten } = forgetSkipped(world.sessions.get(who));
    return { forgotten, ...world.putSession(who, session) };
  },

  expect(world, input, who) {
    const session = world.sessions.get(who);
    return { health: health(session), skipped: skippedRanges(session) };
  },
};

const refusalOf = ({ name, layer, reason }) => ({ error: name, layer, ...(reason === undefined ? {} : { reason }) });

/** Compares a refusal with what a case or an event says of it. */
export function expectRefusal(input, error) {
  input.expect(refusalOf(error));
}

function perform(world, entry) {
  const input = new Members(entry);
  const op = input.text('op');
  const who = input.text('who');
  if (Object.hasOwn(OF_THE_PLATFORM, op)) {
    readMessage(world, input);
    return expectRefusal(input, new Refusal(OF_THE_PLATFORM[op], 'process'));
  }
  if (!Object.hasOwn(OPERATIONS, op)) throw new Mismatch(`an unknown event ${op}`);
  if (!input.has('error')) return input.expect(OPERATIONS[op](world, input, who));
  try {
    OPERATIONS[op](world, input, who);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return expectRefusal(input, error);
  }
  throw new Mismatch(`${op} is not refused`);
}

/** What there is after these events, one after the other, in the world as it is before them, which stays. */
export function play(events, before = undefined) {
  const world = new World(before);
  for (const [at, entry] of events.entries()) {
    try {
      perform(world, entry);
    } catch (error) {
      error.message = `event ${at} (${entry.op}): ${error.message}`;
      throw error;
    }
  }
  return world;
}

/** Makes events: each is performed with fresh draws, and what comes of it is written down. */
export class Recorder {
  world = new World(undefined, new RecordedDraws());
  events = [];

  /** Performs an event that is given by its inputs. Says whether it was not refused. */
  record(inputs) {
    const input = new Members(inputs);
    const op = input.text('op');
    try {
      const outputs = OPERATIONS[op](this.world, input, input.text('who'));
      const draws = this.world.draws.take();
      this.events.push({ ...inputs, ...(draws.length > 0 ? { draws } : {}), ...stated(outputs) });
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.events.push({ ...inputs, ...refusalOf(error) });
      return false;
    }
  }
}
