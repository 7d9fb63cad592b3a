// The files of a directory of vectors, and how each came out: vectors/README.md.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { hex } from './bytes.mjs';
import { Refusal } from './errors.mjs';
import { expectRefusal, play } from './events.mjs';
import { HANDSHAKE_KINDS } from './kinds_handshake.mjs';
import { MESSAGE_KINDS } from './kinds_messages.mjs';
import { PRIMITIVE_KINDS } from './kinds_primitives.mjs';
import { QUANTUM_KINDS } from './kinds_quantum.mjs';
import { RANDOM_KINDS } from './kinds_random.mjs';
import { STATE_KINDS, golden } from './kinds_state.mjs';
import { Members, Mismatch } from './members.mjs';

const SUITE = '1.0.0';
const PROTOCOL = 1;
const VECTORS = 'v1';
const GOLDEN = 'state/v1';
const INDEX = `${GOLDEN}/index.json`;
const MANIFEST = 'MANIFEST.json';

/** Cases about the self-test of another library. */
const SELF_TEST = 'SelfTest';

const KINDS = {
  ...PRIMITIVE_KINDS,
  ...HANDSHAKE_KINDS,
  ...MESSAGE_KINDS,
  ...QUANTUM_KINDS,
  ...RANDOM_KINDS,
  ...STATE_KINDS,
};

const sha256 = (data) => createHash('sha256').update(data).digest();

function insist(condition, text) {
  if (!condition) throw new Mismatch(text);
}

/** Members that a file has whatever it holds. */
function readSuite(document) {
  insist(document.text('suite') === SUITE, 'another version of the vectors');
}

/**
 * How one file came out. A failure that is none of a case has the name of a part of the file. A case is skipped if it
 * is as published and about another library.
 */
class Report {
  constructor(file) {
    this.file = file;
    this.cases = 0;
    this.passed = 0;
    this.skipped = 0;
    this.failures = [];
  }

  attempt(name, action) {
    try {
      action();
      return true;
    } catch (error) {
      const kind = error instanceof Mismatch ? '' : `${error.name}: `;
      this.failures.push(`${name}: ${kind}${error.message}`);
      return false;
    }
  }

  attemptCase(name, action, foreign = false) {
    this.cases += 1;
    if (!this.attempt(name, action)) return;
    if (foreign) this.skipped += 1;
    else this.passed += 1;
  }
}

// Cases

/** "Whole cases". Every negative case states the hash of itself. */
function checkDigest(test, input, result) {
  insist(result === 'valid' || input.has('sha256'), 'a negative case without its hash');
  if (!input.has('sha256')) return;
  const { sha256: digest, ...rest } = test;
  input.get('sha256');
  insist(hex(sha256(JSON.stringify(rest))) === digest, 'the case is not as published');
}

function checkEvents(input, result, before) {
  const events = input.list('events');
  input.expect({});
  insist(result === 'valid' || events.filter((event) => Object.hasOwn(event, 'error')).length === 1, 'not one refusal');
  play(events, before);
}

function checkSelfTest(input, result) {
  if (result === 'valid') {
    input.expect({});
    return;
  }
  input.text('broken');
  expectRefusal(input, new Refusal('SelfTestError', 'selftest'));
}

function checkFunction(type, input, result) {
  insist(Object.hasOwn(KINDS, type), `an unknown type ${type}`);
  if (result === 'valid') {
    input.expect(KINDS[type](input));
    return;
  }
  try {
    KINDS[type](input);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const [name, layer, reason] = [input.text('error'), input.text('layer'), input.maybe('reason', input.text)];
    insist(
      name === error.name && layer === error.layer && reason === error.reason,
      `refused as ${error.name} at ${error.layer}, ${error.reason ?? 'no reason'}`,
    );
    return;
  }
  throw new Mismatch('not refused');
}

function checkCase(type, test, notes, before) {
  const input = new Members(test);
  input.number('tcId');
  input.text('comment');
  insist(
    input.list('flags').every((flag) => Object.hasOwn(notes, flag)),
    'a flag without a note',
  );
  const result = input.text('result');
  insist(result === 'valid' || result === 'invalid', 'an unknown result');
  checkDigest(test, input, result);
  if (type === 'Events') checkEvents(input, result, before);
  else if (type === SELF_TEST) checkSelfTest(input, result);
  else checkFunction(type, input, result);
}

function checkGroup(report, entry, notes) {
  const group = new Members(entry);
  const type = group.text('type');
  group.text('comment');
  const tests = group.list('tests');
  let before;
  const name = `the group of ${tests[0].tcId}`;
  report.attempt(`the setup of ${name}`, () => {
    before = type === 'Events' ? play(group.list('setup')) : undefined;
  });
  report.attempt(name, () => group.expect({}));
  for (const test of tests) {
    const check = () => checkCase(type, test, notes, before);
    report.attemptCase(`${test.tcId}, ${test.comment}`, check, type === SELF_TEST);
  }
}

function checkNotes(notes, tests) {
  const used = new Set(tests.flatMap((test) => test.flags));
  insist(
    Object.keys(notes).every((flag) => used.has(flag)),
    'a note that no case needs',
  );
  for (const entry of Object.values(notes)) {
    const note = new Members(entry);
    note.text('bugType');
    note.text('description');
    note.list('links');
    note.expect({});
  }
}

function checkVectors(report, text) {
  const entry = JSON.parse(text);
  const tests = entry.testGroups.flatMap((group) => group.tests);
  report.attempt('the file', () => {
    const document = new Members(entry);
    readSuite(document);
    document.text('about');
    checkNotes(document.get('notes'), tests);
    document.list('testGroups');
    document.expect({ schema: 'vectors.schema.json', protocol: PROTOCOL, numberOfTests: tests.length });
    const numbers = tests.map((test) => test.tcId).sort((one, other) => one - other);
    insist(
      numbers.every((number, at) => number === at + 1),
      'numbers of cases are missing or come twice',
    );
  });
  for (const group of entry.testGroups) checkGroup(report, group, entry.notes);
}

// Golden blobs

function checkGolden(report, text, directory) {
  const entry = JSON.parse(text);
  report.attempt('the file', () => {
    const document = new Members(entry);
    readSuite(document);
    document.text('about');
    document.list('blobs');
    document.expect({});
  });
  for (const blob of entry.blobs) {
    report.attemptCase(blob.file, () => {
      const input = new Members(blob);
      input.expect(golden(input, readFileSync(join(directory, GOLDEN, input.text('file')))));
    });
  }
}

// Manifest

function countOf(name, bytes) {
  if (name === INDEX) return { cases: JSON.parse(bytes.toString()).blobs.length, negative: 0 };
  if (!name.startsWith(`${VECTORS}/`)) return {};
  const results = JSON.parse(bytes.toString()).testGroups.flatMap((group) => group.tests.map((test) => test.result));
  return { cases: results.length, negative: results.filter((result) => result === 'invalid').length };
}

function checkManifest(report, text, directory) {
  const entry = JSON.parse(text);
  const totals = { cases: 0, negative: 0 };
  for (const [name, file] of Object.entries(entry.files)) {
    report.attemptCase(name, () => {
      const members = new Members(file);
      const bytes = readFileSync(join(directory, name));
      const counts = countOf(name, bytes);
      totals.cases += counts.cases ?? 0;
      totals.negative += counts.negative ?? 0;
      members.expect({ sha256: sha256(bytes), bytes: bytes.length, ...counts });
    });
  }
  report.attempt('the file', () => {
    const document = new Members(entry);
    readSuite(document);
    document.get('files');
    document.expect({ protocol: PROTOCOL, ...totals });
    const there = readdirSync(join(directory, VECTORS)).filter((name) => name.endsWith('.json'));
    insist(
      there.every((name) => Object.hasOwn(entry.files, `${VECTORS}/${name}`)),
      'a file of vectors is not in it',
    );
  });
}

// Files

/** The files to verify, as paths in the directory. */
export function listFiles(directory) {
  const vectors = readdirSync(join(directory, VECTORS))
    .filter((name) => name.endsWith('.json'))
    .sort();
  return [...vectors.map((name) => `${VECTORS}/${name}`), INDEX, MANIFEST];
}

/** Verifies one case of a group of vectors, without the rest of its file; what failed. */
export function verifyCase(group, test, notes) {
  const report = new Report('');
  checkGroup(report, { ...group, tests: [test] }, notes);
  return report.failures;
}

/** Verifies one of them. */
export function verifyFile(directory, file) {
  const report = new Report(file);
  const check = { [INDEX]: checkGolden, [MANIFEST]: checkManifest }[file] ?? checkVectors;
  report.attempt('the whole', () => check(report, readFileSync(join(directory, file), 'utf8'), directory));
  return report;
}
