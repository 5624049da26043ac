/** An instance starts though a source is down, says so, goes on for all others, and reads what it missed once it is there. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { eventually, runFirebreak, startUp } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { Outsiders } from '../support/outsiders.js';
import { consentFor, signedBundle } from '../support/wallet.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
after(() => removeFolder(folder));

test('a source that is down at the start', { timeout: 180_000 }, async () => {
  let hospital = await startFhirServer();
  const { base } = hospital;
  const other = await startFhirServer();
  let up = await startUp(data);
  const outsiders = new Outsiders(folder, data, () => up.address);
  try {
    const plain = ['--allow-private', '--without', 'poll'];
    await outsiders.cli('source', 'add', base, '--id', 'city', '--name', 'City', ...plain);
    const { secret } = await outsiders.cli<{ secret: string }>(
      'source',
      'add',
      other.base,
      '--id',
      'clinic',
      '--name',
      'Clinic',
      ...plain,
    );
    const wallet = await outsiders.enrolPatient('clinic', 'p', secret);
    const consent = signedBundle(wallet, consentFor(wallet));
    assert.equal((await fetch(`${up.address}/fhir`, { method: 'POST', body: consent })).status, 201);
    await up.dispose();
    await hospital.close();

    up = await startUp(data);
    assert.equal((await fetch(`${up.address}/health/live`)).status, 200);
    const ready = await fetch(`${up.address}/health/ready`);
    assert.equal(ready.status, 200, await ready.text());
    // Another hospital's hook is taken, and worked off.
    const entry = [patient('p', { version: '1', minute: 1 }), heartRate('h', 'p', 70)];
    const hooked = await fetch(`${up.address}/hooks/clinic`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify({
        resourceType: 'Bundle',
        type: 'batch',
        entry: entry.map((resource) => ({ resource })),
      }),
    });
    assert.equal(hooked.status, 200);
    const stored = async (): Promise<number> => {
      const text = await (await fetch(`${up.address}/metrics`)).text();
      return Number(/^firebreak_events_handled\{outcome="stored"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    await eventually('the hook’s records', async () => (await stored()) >= 2 || undefined);
    // Who looks is told which source it is.
    const looked = await runFirebreak('--data', data, 'source', 'test', 'city');
    assert.notEqual(looked.code, 0);
    const doctor = await runFirebreak('--data', data, 'doctor');
    assert.match(doctor.stdout + doctor.stderr, /city/);

    hospital = await startFhirServer(Number(new URL(base).port));
    assert.equal(hospital.base, base);
    hospital.held.set('Patient/q', patient('q', { version: '1', minute: 1 }));
    const again = await outsiders.cli<{ resources: number }>('source', 'sync', 'city');
    assert.equal(again.resources, 1);
  } finally {
    await up.dispose();
    await hospital.close();
    await other.close();
  }
});
