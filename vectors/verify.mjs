// Verifies the vectors with a second implementation of ratchetlib protocol 1, written from docs/spec alone; or produces
// what another implementation can verify.
//
//   node vectors/verify.mjs [DIR] [--json] [--file NAME]
//   node vectors/verify.mjs --produce OUT.json [--bundle FILE --now SECONDS]

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { unhex } from './node/bytes.mjs';
import { produceConversations, produceFlight } from './node/produce.mjs';
import { listFiles, verifyFile } from './node/suite.mjs';

const USAGE = `usage: node verify.mjs [DIR] [--json] [--file NAME]
       node verify.mjs --produce OUT.json [--bundle FILE --now SECONDS]
`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  file: { type: 'string' },
  produce: { type: 'string' },
  bundle: { type: 'string' },
  now: { type: 'string' },
};

class UsageProblem extends Error {}

function selectFiles(directory, name) {
  const files = listFiles(directory);
  if (name === undefined) return files;
  const selected = files.filter((file) => file === name || file.endsWith(`/${name}`));
  if (selected.length === 0) throw new UsageProblem(`there is no ${name}`);
  return selected;
}

function verifyAll(directory, files) {
  return files.map((file, at) => {
    process.stderr.write(`[${String(at + 1).padStart(2)}/${files.length}] ${file} ... `);
    const started = performance.now();
    const report = verifyFile(directory, file);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stderr.write(`${report.failures.length === 0 ? 'ok' : 'FAILED'} (${seconds} s)\n`);
    return report;
  });
}

function printTable(reports) {
  const sum = (count) => reports.reduce((total, report) => total + count(report), 0);
  const row = (...cells) =>
    `${cells[0].padEnd(28)}${cells
      .slice(1)
      .map((cell) => String(cell).padStart(8))
      .join('')}\n`;
  const line = (report) => row(report.file, report.cases, report.passed, report.failures.length, report.skipped);
  process.stdout.write(row('file', 'cases', 'passed', 'failed', 'skipped'));
  for (const report of reports) process.stdout.write(line(report));
  process.stdout.write(
    row('total', ...[(r) => r.cases, (r) => r.passed, (r) => r.failures.length, (r) => r.skipped].map(sum)),
  );
  for (const { file, failures } of reports) {
    for (const failure of failures) process.stdout.write(`FAILED ${file}: ${failure}\n`);
  }
}

function printJson(reports) {
  const passed = reports.every(({ failures }) => failures.length === 0);
  process.stdout.write(`${JSON.stringify({ passed, files: reports }, null, 1)}\n`);
}

function verify([directory = dirname(fileURLToPath(import.meta.url)), ...more], { json, file }) {
  if (more.length > 0) throw new UsageProblem('one directory');
  const reports = verifyAll(directory, selectFiles(directory, file));
  (json ? printJson : printTable)(reports);
  return reports.every(({ failures }) => failures.length === 0) ? 0 : 1;
}

function produce(output, { bundle, now }) {
  if ((bundle === undefined) !== (now === undefined)) throw new UsageProblem('--bundle and --now go together');
  const made =
    bundle === undefined
      ? produceConversations()
      : produceFlight(unhex(readFileSync(bundle, 'utf8').trim()), BigInt(now));
  writeFileSync(output, `${JSON.stringify(made, null, 1)}\n`);
  return 0;
}

function main() {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  return values.produce === undefined ? verify(positionals, values) : produce(values.produce, values);
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof UsageProblem) && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
