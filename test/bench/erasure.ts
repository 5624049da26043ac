/** How long an erasure takes, down to the last byte, in a store of some size: one record, and all of a patient. */
import { join } from 'node:path';
import { compactAway } from '../../adapter/services/erasure/compaction.js';
import { eraseAsAsked } from '../../adapter/services/erasure/index.js';
import { drain } from '../../adapter/services/drain.js';
import type { Instance } from '../../adapter/instance/instance.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { observationOf } from '../support/ward-data.js';
import type { Bench, BenchContext, Measured } from './bench.js';

const PATIENTS = 100;
const RECORDS_EACH = 200;
const ROUNDS = 5;
const SOURCE = 'ward';
const DUTY = { ground: 'objection', by: 'bench', reason: 'bench', yes: true } as const;

export const erasureBench: Bench = {
  names: ['erase-record', 'erase-patient'],
  about: `erasing one record, or a patient with ${RECORDS_EACH}, of ${PATIENTS * RECORDS_EACH}, until no byte is left on the disk, against rewriting the whole store`,
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const folder = temporaryFolder();
  const opened = await openTestInstance(folder, { logLevel: 'error' });
  try {
    const { instance } = opened;
    await fill(instance);
    const times = { record: [] as number[], patient: [] as number[], whole: [] as number[] };
    for (let round = 0; round <= ROUNDS; round++) {
      const record = await timed(() => erase(instance, `Observation/p${round}-7`));
      const patient = await timed(() => erase(instance, `Patient/p${round}`));
      const whole = await timed(() => compactWhole(instance));
      say(`round ${round}: ${record.toFixed(0)} ms, ${patient.toFixed(0)} ms, all ${whole.toFixed(0)} ms`);
      if (round === 0) continue;
      times.record.push(record);
      times.patient.push(patient);
      times.whole.push(whole);
    }
    const against = { what: 'rewriting the whole store', theirs: times.whole };
    return [
      { bench: 'erase-record', unit: 'ms', ours: times.record, against },
      { bench: 'erase-patient', unit: 'ms', ours: times.patient, against },
    ];
  } finally {
    await opened.close();
    removeFolder(folder);
  }
}

async function fill(instance: Instance): Promise<void> {
  await addImportSource(instance, SOURCE);
  for (let p = 0; p < PATIENTS; p++) {
    const lane = `p${p}`;
    const wallet = await enrolWallet(servicesOf(instance), SOURCE, lane);
    await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
    const events = Array.from({ length: RECORDS_EACH }, (_, i) => {
      const resource = observationOf(`${lane}-${i}`, lane);
      return {
        source: SOURCE,
        channel: 'import',
        receivedAt: instance.nowMs(),
        kind: 'put',
        type: 'Observation',
        id: resource.id,
        version: '1',
        lane,
        bytes: Buffer.from(JSON.stringify(resource)),
      } as const;
    });
    await instance.inbox.accept(events);
    if (p % 10 === 9) await drain(instance);
  }
  await drain(instance);
}

async function erase(instance: Instance, name: string): Promise<void> {
  const { outcome, compacted } = await eraseAsAsked(instance, { name, ...DUTY });
  if (outcome !== 'erased' || compacted !== true) throw new Error(`${name} was not erased whole`);
}

/** What needs no thought about which rows lie where. */
async function compactWhole({ store, config }: Instance): Promise<void> {
  await compactAway(store, join(config.dataDir, 'store'), [['!', '~']], []);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
