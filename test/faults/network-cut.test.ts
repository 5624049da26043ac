import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { drain } from '../../adapter/services/drain.js';
import { addSource, syncSource } from '../../adapter/services/source-admin.js';
import { Random } from '../../demo/random.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import { failedChecks, openBench, readLog } from '../adapter/support/bench.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { audit } from '../support/audit.js';
import { servicesOf } from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';

const OBSERVATIONS = 300;
const SOURCE = 'far';

/** A network between: every connection is cut after some bytes of the answer, drawn anew, until it is mended. */
async function cuttingNetwork(to: number, seed: number) {
  const random = new Random(seed);
  const open = new Set<Socket>();
  const state = { isMended: false, cuts: 0 };
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    open.add(near).add(far);
    let left = random.integer(0, 60_000);
    for (const [one, two] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => two.destroy());
      one.on('close', () => two.destroy());
    }
    near.pipe(far);
    far.on('data', (piece: Buffer) => {
      left -= piece.length;
      if (left > 0 || state.isMended) near.write(piece);
      else {
        state.cuts++;
        // A part of it has come: the worst of a cut.
        near.write(piece.subarray(0, piece.length >> 1), () => near.destroy());
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    state,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** What an instance ends with that reads a hospital, by a network that cuts or by a good one. */
async function readBy(base: string, mend: (tries: number) => void) {
  const bench = await openBench();
  try {
    const { instance } = bench;
    await addSource(instance, { id: SOURCE, url: base, name: SOURCE, allowResearch: false });
    const services = servicesOf(instance);
    const wallet = await enrolWallet(services, SOURCE, 'p');
    await services.submit(signedBundle(wallet, consentFor(wallet)));
    for (let tries = 0; ; tries++) {
      mend(tries);
      const [outcome] = await Promise.allSettled([syncSource(instance, SOURCE)]);
      await drain(instance);
      if (outcome.status === 'fulfilled') break;
      assert.ok(tries < 50, String(outcome.reason));
    }
    const { versions } = await audit(instance);
    const stored = (await readLog(instance)).filter(({ type }) => type.startsWith('record.'));
    assert.deepEqual(await failedChecks(instance), []);
    return { versions, entries: stored.map(({ type }) => type).toSorted() };
  } finally {
    await bench.close();
  }
}

test('a network that is cut again and again: the same state and the same number of entries as without', async () => {
  const hospital = await startFhirServer();
  hospital.held.set('Patient/p', patient('p', { version: '1', minute: 1 }));
  for (let i = 0; i < OBSERVATIONS; i++)
    hospital.held.set(
      `Observation/o${i}`,
      heartRate(`o${i}`, 'p', 60 + (i % 40), { version: '1', minute: i }),
    );
  const { port } = new URL(hospital.base);
  const network = await cuttingNetwork(Number(port), 20261123);
  try {
    const good = await readBy(hospital.base, () => undefined);
    assert.equal(good.entries.length, OBSERVATIONS + 1);
    network.state.isMended = true;
    const bad = await readBy(hospital.base.replace(port, String(network.port)), (tries) => {
      // The source is registered first; then it is cut, for a while.
      network.state.isMended = tries >= 6;
    });
    assert.ok(network.state.cuts > 3, String(network.state.cuts));
    assert.deepEqual(bad.entries, good.entries);
    assert.deepEqual(bad.versions, good.versions);
  } finally {
    await network.close();
    await hospital.close();
  }
});
