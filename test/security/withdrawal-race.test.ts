/**
 * 52: a withdrawal races reads. What holds is proved from the log's own order: of the patient no receipt stands behind the
 * withdrawal, and no answer was given without a receipt.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { tag } from '../../ledger/vault/index.js';
import { consenting, failedChecks, openBench, push, readLog } from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { facadeIdOf, linkIn, namesIn, readerOf } from '../adapter/support/facade.js';
import type { Reader } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { consentFor, signedBundle } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';

const READERS = 24;
const RECORDS = 12;
/** Reads of each reader before somebody withdraws, and the least after it. */
const BEFORE = 6;
const AFTER = 6;

/** Whether an answer shows anything of a patient. */
function shows(answer: Answer, path: string): boolean {
  if (answer.status !== 200) return false;
  return path.includes('?') || path.includes('$') ? namesIn(answer).length > 0 : true;
}

describe('a withdrawal among 24 readers', () => {
  let bench: Bench;
  let reader: Reader;
  let wallet: Wallet;
  let other: Wallet;
  const identifier = randomUUID();

  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 10_000 });
    wallet = await consenting(bench, 'a', {
      identifier,
      dateTime: new Date(Date.now() - 1000).toISOString(),
    });
    other = await consenting(bench, 'b');
    for (const of of ['a', 'b'])
      await push(
        bench,
        patient(of, { version: '1', minute: 1 }),
        ...Array.from({ length: RECORDS }, (_, i) => heartRate(`${of}${i}`, of, 60 + i)),
      );
    reader = await readerOf(bench, { source: bench.source.id });
  });
  after(() => bench.close());

  const paths = (): readonly string[] => {
    const a = wallet.enrolled.patient.reference;
    return [
      `Observation/${facadeIdOf(bench, 'Observation', 'a1')}`,
      a,
      `Observation?patient=${a}&_count=5`,
      `${a}/$everything`,
      `Observation/${facadeIdOf(bench, 'Observation', 'a2')}/_history/1`,
      `Patient?_id=${a.slice('Patient/'.length)}`,
    ];
  };

  it('52: no read after its commit; who reads others is not disturbed', async () => {
    let shown = 0;
    let begun = 0;
    let withdrawn = false;
    const late: string[] = [];
    const enough = new EventEmitter();
    const read = async (number: number): Promise<void> => {
      let left = AFTER;
      for (let i = 0; left > 0; i++) {
        const isAfter = withdrawn;
        if (isAfter) left--;
        const path = paths()[(number + i) % paths().length] ?? '';
        const answer = await reader.get(path);
        if (shows(answer, path)) {
          shown++;
          if (isAfter) late.push(path);
        } else assert.ok([200, 403, 404].includes(answer.status), `${answer.status}`);
        if (++begun >= READERS * BEFORE) enough.emit('reads');
        if (number % 6 === 0) {
          const besides = await reader.get(other.enrolled.patient.reference);
          assert.equal(besides.status, 200);
        }
      }
    };
    const withdraw = async (): Promise<void> => {
      await once(enough, 'reads');
      const consent = consentFor(wallet, { identifier, status: 'inactive' });
      await bench.instance.consents.submit(signedBundle(wallet, consent));
      withdrawn = true;
    };
    await Promise.all([withdraw(), ...Array.from({ length: READERS }, (_, number) => read(number))]);
    assert.deepEqual(late, []);

    const subject = await bench.instance.subjects.findByFacadeId(
      wallet.enrolled.patient.reference.slice('Patient/'.length),
    );
    assert.ok(subject !== undefined);
    const entries = await readLog(bench.instance);
    const own = new Set(Array.from({ length: entries.length }, (_, i) => tag(subject.tagKey, i)));
    const ofPatient = entries.filter(({ tags }) => tags.some((one) => own.has(one)));
    const end = ofPatient.find(({ type }) => type === 'consent.withdrawn')?.leaf ?? -1;
    assert.ok(end > 0);
    const receipts = ofPatient.filter(({ type }) => type === 'disclosure');
    assert.ok(receipts.length >= READERS, `${receipts.length} receipts`);
    assert.deepEqual(
      receipts.filter(({ leaf }) => leaf > end),
      [],
    );
    // One receipt an answer that showed something: none was given without.
    assert.equal(receipts.length, shown);
    assert.deepEqual(await failedChecks(bench.instance), []);
  });

  it('50: withdrawn between two pages, the next page is refused', async () => {
    const again = randomUUID();
    const dateTime = new Date(Date.now() + 1000).toISOString();
    await bench.instance.consents.submit(
      signedBundle(wallet, consentFor(wallet, { identifier: again, dateTime })),
    );
    const a = wallet.enrolled.patient.reference;
    const first = await reader.get(`Observation?patient=${a}&_count=5`);
    assert.equal(namesIn(first).length, 5);
    const next = linkIn(first, 'next') ?? '';
    const later = new Date(Date.now() + 2000).toISOString();
    const consent = consentFor(wallet, { identifier: again, status: 'inactive', dateTime: later });
    await bench.instance.consents.submit(signedBundle(wallet, consent));
    assert.equal((await reader.get(next)).status, 403);
  });
});
