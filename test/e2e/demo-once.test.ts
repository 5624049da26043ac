import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ModelLine, Reproduced } from '../../adapter/services/models.js';
import { modelHash, parseModel } from '../../analytics/index.js';
import type { StudyReport } from '../../analytics/index.js';
import type { Summary } from '../../adapter/services/summary.js';
import { folderReader, verifyLog } from '../../ledger/verify/index.js';
import { countTypes, logEntries } from '../support/audit.js';
import { runFirebreak } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';

/** Enough that by the demo's draw some sign late, some refuse and some withdraw, and that a model can be fitted. */
const PATIENTS = 210;
/** Authority, instance and hospital are participants too. */
const ORGANISATIONS = 3;

const folder = temporaryFolder();
after(() => removeFolder(folder));
const dataDir = join(folder, 'data');

async function runDemo(): Promise<Summary> {
  const words = ['--data', dataDir, 'up', '--demo', '--once', '--json', '--port', '0'];
  const ended = await runFirebreak(...words, '--patients', String(PATIENTS));
  assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
  assert.equal(ended.stdout.trim().split('\n').length, 1, 'one JSON document and nothing else');
  return JSON.parse(ended.stdout) as Summary;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

let first: Summary;

test('up --demo --once --json: every figure of the summary is what the log holds', async () => {
  first = await runDemo();
  const exported = join(folder, 'log');
  const written = await runFirebreak('--data', dataDir, 'log', 'export', exported);
  assert.equal(written.code, 0, written.stderr);
  const entries = await logEntries(folderReader(exported));
  const counts = countTypes(entries);
  assert.deepEqual(counts, first.entries);
  assert.equal(entries.length, first.log.size);

  const report = await verifyLog(folderReader(exported));
  assert.deepEqual([report.ok, report.size, report.root], [true, first.log.size, first.log.root]);
  assert.deepEqual(first.verify, { ok: true, failures: [] });
  const checked = await runFirebreak('verify', '--json', exported);
  assert.deepEqual([checked.code, checked.signal], [0, null]);
  assert.equal((JSON.parse(checked.stdout) as { root: string }).root, first.log.root);

  assert.ok(first.demo);
  assert.match(first.origin, /demo/);
  assert.match(report.origin, /demo/, 'the log itself says that it is a demo');
});

test('every event received was dealt with in one way', () => {
  const { received, handled, stored, entries, waiting, deadLetters } = first;
  const of = (name: string): number => handled[name] ?? 0;
  assert.equal(sum(received.byChannel), sum(received.byType));
  assert.ok((received.byChannel['history'] ?? 0) > PATIENTS * 10);
  assert.ok((received.byChannel['hook'] ?? 0) > 0, 'wards send hooks');
  assert.equal(
    sum(received.byType),
    of('stored') + of('directory') + of('deleted') + of('denied') + of('duplicate') + of('dead'),
  );
  assert.equal(entries['record.stored'], of('stored'));
  assert.equal(sum(stored), of('stored'));
  assert.deepEqual(Object.keys(stored).toSorted(), ['Condition', 'Encounter', 'Observation', 'Patient']);
  assert.deepEqual(waiting, { events: 0, patients: 0 }, 'nobody is left who has not answered');
  assert.ok(of('waiting') > 0);
  assert.equal(of('released'), of('waiting'), 'whatever waited was released');
  assert.deepEqual(deadLetters, { count: 0, byCode: {} });
  assert.equal(of('dead'), 0);
});

test('patients enrol, sign, refuse and withdraw, and refusals deny', () => {
  const { entries, handled, stored } = first;
  const enrolled = (entries['participant.enrolled'] ?? 0) - ORGANISATIONS;
  // Some more are admitted by the wards.
  assert.ok(enrolled >= PATIENTS && enrolled < PATIENTS * 1.2, `${enrolled} patients enrolled`);
  const kept = stored['Patient'] ?? 0;
  assert.ok(kept < enrolled, 'who refuses is not kept');
  assert.ok(kept > enrolled * 0.85);
  assert.ok((handled['denied'] ?? 0) > 0);
  assert.ok((entries['consent.signed'] ?? 0) > enrolled);
  assert.ok((entries['consent.withdrawn'] ?? 0) > 0);
});

test('the model says in words that its interval is wide, and its scores are on the log', () => {
  const { model, scores, entries } = first;
  assert.ok(model !== undefined, first.noModel);
  assert.ok(model.trainedNow);
  assert.equal(model.performance.precision, 'wide');
  assert.match(model.performance.verdict, /interval is wide/);
  assert.equal(entries['model.published'], 1);
  assert.ok(scores.issuedNow > 0);
  assert.equal(entries['score.issued'], scores.issuedNow);
});

test('a study file gives a report of the permitted patients, and one with a mistake names its line', async () => {
  const source = readFileSync('analytics/severity/covid-deterioration.json', 'utf8');
  const study = join(folder, 'study.yaml');
  writeFileSync(study, source);
  const page = join(folder, 'report.html');
  const done = await runFirebreak('--data', dataDir, 'analyze', study, '--report', page, '--json');
  assert.equal(done.code, 0, done.stderr);
  const { flow, eda } = JSON.parse(done.stdout) as StudyReport;
  assert.equal(flow.included, eda.patients);
  assert.match(readFileSync(page, 'utf8'), /^<!doctype html>[^]*<\/html>\n$/);
  const csv = await runFirebreak('--data', dataDir, 'analyze', study, '--csv');
  assert.match(csv.stdout, /^name,group,count,/);

  writeFileSync(study, source.replace('"family": "crp"', '"family": "cpr"'));
  const wrong = await runFirebreak(
    '--data',
    dataDir,
    'analyze',
    study,
    '--report',
    join(folder, 'none.html'),
  );
  const line = source.slice(0, source.indexOf('"family": "crp"')).split('\n').length;
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.stderr,
    new RegExp(`study\\.yaml:${line}: no family is called cpr; did you mean crp\\?`),
  );
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('none')),
    [],
  );
});

test('a published model is made again from log and vault, bit for bit', async () => {
  const out = join(folder, 'model.json');
  const listed = await runFirebreak('--data', dataDir, 'model', 'list', '--json');
  const [line] = JSON.parse(listed.stdout) as ModelLine[];
  assert.ok(line?.inForce === true, listed.stderr);
  const shown = await runFirebreak('--data', dataDir, 'model', 'show', line.handle, '--out', out);
  assert.equal(shown.code, 0, shown.stderr);
  assert.equal(modelHash(parseModel(readFileSync(out, 'utf8'))), line.hash);
  const portable = join(folder, 'portable.json');
  const card = await runFirebreak('--data', dataDir, 'model', 'card', line.handle, '--portable', portable);
  assert.equal(card.code, 0, card.stderr);
  assert.ok(card.stdout.includes(line.hash) && card.stdout.includes('TRIPOD+AI'));
  assert.equal((await runFirebreak('model', 'check', portable)).code, 0);
  writeFileSync(portable, readFileSync(portable, 'utf8').replace('"binary"', '"multinomial"'));
  const refused = await runFirebreak('model', 'check', portable);
  assert.deepEqual([refused.code, /refused/.test(refused.stdout)], [1, true]);
  const made = await runFirebreak('--data', dataDir, 'model', 'reproduce', line.handle.slice(0, 8), '--json');
  const { outcome, published, made: again } = JSON.parse(made.stdout) as Reproduced;
  // Patients of the demo withdraw at their own time: then nothing of theirs is read again.
  if (line.isTouched) assert.deepEqual([made.code, outcome], [1, 'inputs-withdrawn']);
  else assert.deepEqual([made.code, outcome, again], [0, 'same', published]);
});

test('a second run on the same folder writes nothing', async () => {
  const second = await runDemo();
  assert.deepEqual(second.log, first.log);
  assert.deepEqual(second.entries, first.entries);
  assert.equal(second.handled['stored'], 0);
  assert.equal(second.scores.issuedNow, 0);
  assert.equal(second.model?.trainedNow, false);
  assert.deepEqual(second.waiting, first.waiting);
});
