/** Made-up records for benches that need many, and what a process needs to hold them. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceProcess } from './instance-process.js';
import { Poster } from './poster.js';

const SAMPLE_MS = 250;
const KIB = 1024;
/** Resources in a posted Bundle. */
const POSTED = 1000;
/** Events that may be pending while more are posted: a hospital is slower than a loop. */
const PENDING_MAX = 20_000;

export function patientId(i: number): string {
  return `p${i}`;
}

/** The i-th Observation, dealt out to so many patients. */
export function observationOf(i: number, patients: number): object {
  return {
    resourceType: 'Observation',
    id: `o${i}`,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: i % 2 === 0 ? '8867-4' : '8310-5' }] },
    subject: { reference: `Patient/${patientId(i % patients)}` },
    effectiveDateTime: new Date(Date.UTC(2000, 0, 1) + i * 60_000).toISOString(),
    valueQuantity: { value: 60 + (i % 40), unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  };
}

/** Posts so many Observations as hooks, and waits until they are worked off. */
export async function postObservations(
  instance: InstanceProcess,
  count: number,
  patients: number,
  say: (text: string) => void,
): Promise<void> {
  const poster = new Poster(instance.address, instance.secret);
  for (let first = 0; first < count; first += POSTED) {
    const length = Math.min(POSTED, count - first);
    const entry = Array.from({ length }, (_, k) => ({ resource: observationOf(first + k, patients) }));
    const bundle = { resourceType: 'Bundle', type: 'collection', entry };
    await poster.send('POST', `/hooks/${instance.source}`, Buffer.from(JSON.stringify(bundle)));
    await pendingAtMost(instance, PENDING_MAX);
    if ((first / POSTED) % 100 === 0) say(`${first.toLocaleString('en')} posted`);
  }
  poster.close();
  await pendingAtMost(instance, 0);
}

export async function pendingAtMost({ metrics }: InstanceProcess, most: number): Promise<void> {
  while (((await metrics()).get('firebreak_inbox_pending') ?? 0) > most) await sleep(SAMPLE_MS);
}

/** Bytes of a process that are no file's, as Linux tells them. */
export function ownBytes(pid: number): number | undefined {
  const file = `/proc/${pid}/status`;
  const found = existsSync(file) ? /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8')) : null;
  return found === null ? undefined : Number(found[1]) * KIB;
}
