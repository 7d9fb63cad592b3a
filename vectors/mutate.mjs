// Breaks the vectors, one byte at a time, and demands that the second implementation notices: what mutate.py demands of
// the library. A field whose change passes is decoration.
//
//   node vectors/mutate.mjs [--sample N] [--seed TEXT]

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { listFiles, verifyCase } from './node/suite.mjs';

const HEX = /^([0-9a-f]{2})+$/;

/** Members that are no bytes even if they look like them. */
const WORDS = new Set(['comment', 'flags', 'result', 'error', 'layer', 'who', 'id', 'name', 'of', 'from', 'slot']);

function* pathsOf(value, path = []) {
  if (typeof value === 'string') {
    if (HEX.test(value)) yield path;
  } else if (Array.isArray(value)) {
    for (const [at, member] of value.entries()) yield* pathsOf(member, [...path, at]);
  } else if (value !== null && typeof value === 'object') {
    for (const [name, member] of Object.entries(value)) if (!WORDS.has(name)) yield* pathsOf(member, [...path, name]);
  }
}

function* fieldsOf(file, document) {
  for (const [at, group] of document.testGroups.entries()) {
    for (const path of pathsOf(group.setup ?? [])) yield { file, at, place: 'setup', test: 0, path };
    for (const [test, entry] of group.tests.entries()) {
      for (const path of pathsOf(entry)) yield { file, at, place: 'tests', test, path };
    }
  }
}

const chance = (seed, field) => createHash('sha256').update(`${seed} ${JSON.stringify(field)}`).digest().readUInt32BE();

/** Complements a byte, so that no bit that is masked away is the only one to change. */
function complemented(text, at) {
  const bytes = Buffer.from(text, 'hex');
  bytes[at % bytes.length] ^= 0xff;
  return bytes.toString('hex');
}

function isNoticed(document, field, seed) {
  const group = document.testGroups[field.at];
  const test = group.tests[field.test];
  const broken = structuredClone(field.place === 'setup' ? group.setup : test);
  const holder = field.path.slice(0, -1).reduce((value, step) => value[step], broken);
  const last = field.path.at(-1);
  holder[last] = complemented(holder[last], chance(seed, field));
  const failures =
    field.place === 'setup'
      ? verifyCase({ ...group, setup: broken }, test, document.notes)
      : verifyCase(group, broken, document.notes);
  return failures.length > 0;
}

function main() {
  const { values } = parseArgs({ options: { sample: { type: 'string' }, seed: { type: 'string', default: '0' } } });
  const directory = dirname(fileURLToPath(import.meta.url));
  const names = listFiles(directory).filter((file) => file.startsWith('v1/'));
  const documents = new Map(names.map((file) => [file, JSON.parse(readFileSync(join(directory, file), 'utf8'))]));
  const fields = [...documents].flatMap(([file, document]) => [...fieldsOf(file, document)]);
  const ordered = fields.map((field) => [chance(values.seed, field), field]).sort(([one], [other]) => one - other);
  const chosen = ordered.slice(0, values.sample === undefined ? undefined : Number(values.sample));
  let missed = 0;
  for (const [at, [, field]] of chosen.entries()) {
    if (!isNoticed(documents.get(field.file), field, values.seed)) {
      missed += 1;
      process.stdout.write(`NOT NOTICED ${JSON.stringify(field)}\n`);
    }
    if ((at + 1) % 1000 === 0) process.stdout.write(`${at + 1} of ${chosen.length}\n`);
  }
  process.stdout.write(`${chosen.length} of ${fields.length} fields broken, ${missed} not noticed\n`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = main();
