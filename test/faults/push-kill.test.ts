/** Pushes into a server that is killed: what was answered by 202 has a ticket that tells how it ended, and is stored once. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle } from 'fhir/r4.js';
import { Random } from '../../demo/random.js';
import { leafOf, statesOf } from '../adapter/support/push.js';
import { heartRate } from '../adapter/support/resources.js';
import { enrolClient, tokenFor } from '../support/client.js';
import { startUp } from '../support/firebreak-process.js';
import { openTestInstance, removeFolder, servicesOf, temporaryFolder } from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';

const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 40 : 4;
/** After the first push, ms. */
const KILL_MS = [50, 600] as const;
const LANES = 4;

const folder = temporaryFolder();
after(() => removeFolder(folder));

test(`pushes into a server killed ${KILLS} times, and stopped once`, { timeout: 85_000 }, async () => {
  const first = await openTestInstance(folder);
  const scopes = ['system/*.cruds'];
  const client = await enrolClient(first.instance, { name: 'City', scopes, push: 'city' });
  const services = servicesOf(first.instance);
  await services.submit(signedBundle(...(await consenting(services))));
  await first.close();

  const random = new Random(36, 'push-kills');
  const tickets: string[] = [];
  let lost = 0;
  let sent = 0;
  const push = async (address: string, token: string): Promise<void> => {
    const id = `o${sent++}`;
    const answer = await fetch(`${address}/fhir/Observation/${id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify(heartRate(id, 'p', 60 + (sent % 40))),
    });
    const ticket = new URL(answer.headers.get('content-location') ?? 'missing:').pathname;
    if (answer.status === 202) tickets.push(ticket);
  };
  const load = async (address: string, token: string, isRunning: () => boolean): Promise<void> => {
    const lane = async (): Promise<void> => {
      while (isRunning()) {
        try {
          await push(address, token);
        } catch {
          lost += 1;
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  };
  for (let round = 0; round <= KILLS; round++) {
    const up = await startUp(folder, '--log-level', 'error');
    try {
      const token = await tokenFor(client, up.address, { scope: 'system/*.cruds' });
      const loading = load(up.address, token, () => up.isRunning);
      await sleep(random.integer(...KILL_MS));
      if (round < KILLS) await up.kill();
      else {
        // A stop lets what is under way end.
        up.child.kill('SIGTERM');
        assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
      }
      await loading;
    } finally {
      await up.dispose();
    }
  }
  assert.ok(lost > 0, 'some answers were lost');
  assert.ok(tickets.length > KILLS * 5, `only ${tickets.length} were acknowledged`);

  const up = await startUp(folder, '--log-level', 'error');
  try {
    const token = await tokenFor(client, up.address, { scope: 'system/*.cruds' });
    const headers = { authorization: `Bearer ${token}` };
    const leaves = new Set<number>();
    for (const ticket of tickets) {
      let answer = await fetch(up.address + ticket, { headers });
      for (let i = 0; answer.status !== 200 && i < 1000; i++) {
        assert.ok(answer.status === 202 || answer.status === 429, String(answer.status));
        await sleep(30);
        answer = await fetch(up.address + ticket, { headers });
      }
      const report = (await answer.json()) as Bundle;
      assert.deepEqual(statesOf(report), ['200 stored']);
      leaves.add(leafOf(report.entry?.[0] ?? {}) ?? -1);
    }
    assert.equal(leaves.size, tickets.length, 'each has a leaf of its own');
    assert.ok(!leaves.has(-1));
  } finally {
    await up.dispose();
  }
});

async function consenting(services: ReturnType<typeof servicesOf>) {
  const wallet = await enrolWallet(services, 'city', 'p');
  return [wallet, consentFor(wallet)] as const;
}
