/**
 * An outside researcher, by HTTP and the command line alone and with keys of its own: enrolled, defines a cohort, asks
 * how many there are, asks the hospital, pulls with a SMART token what patients permit, checks the files against the log,
 * and is stopped when a patient withdraws.
 */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ShownCohort } from '../../adapter/http/contract/index.js';
import type { Enrolled } from '../../adapter/http/contract/index.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import type { FhirServer } from '../adapter/support/fhir-server.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { tokenFor } from '../support/client.js';
import { definitionOf } from '../support/cohorts.js';
import type { BulkManifest } from '../support/cohorts.js';
import { runFirebreak, startUp } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const path = (name: string): string => join(folder, name);
const PATIENTS = 5;
let up: Awaited<ReturnType<typeof startUp>>;
let hospital: FhirServer;

before(async () => {
  hospital = await startFhirServer();
  up = await startUp(data);
});
after(async () => {
  await up.dispose();
  await hospital.close();
  removeFolder(folder);
});

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the script says what it expects where it reads it
async function cli<T>(...args: readonly string[]): Promise<T> {
  const ended = await runFirebreak('--data', data, ...args, '--json');
  assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as T;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!(await isTrue())) {
    assert.ok(Date.now() < deadline, 'it does not come');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function countOf({ output }: BulkManifest): number {
  return output.reduce((sum, { count }) => sum + count, 0);
}

test(
  'a researcher from outside, from enrolment to a file that anyone can check',
  { timeout: 180_000 },
  async () => {
    const made = await runFirebreak('--data', data, 'keys', 'new', '--out', path('Ministry'));
    assert.equal(made.code, 0, made.stderr);
    const who = ['--name', 'Ministry', '--group', 'authority', '--csr', path('Ministry.csr')];
    const added = await cli<{ id: string; kid: string; certificate: string }>(
      'client',
      'add',
      ...who,
      '--scope',
      'system/*.rs',
    );
    writeFileSync(path('Ministry.pem'), added.certificate);
    const remote = (): string[] => [
      '--server',
      up.address,
      '--key',
      path('Ministry.key'),
      '--certificate',
      path('Ministry.pem'),
    ];
    const key = createPrivateKey(readFileSync(path('Ministry.key')));
    const client = { id: added.id, kid: added.kid, key, x25519: Buffer.alloc(32) };

    const source = await cli<{ secret: string }>(
      'source',
      'add',
      hospital.base,
      '--id',
      'city',
      '--name',
      'City Hospital',
      '--allow-private',
      '--without',
      'poll',
      '--allow-research',
    );
    const secret = { authorization: `Bearer ${source.secret}` };
    const consented = async (bundle: Buffer): Promise<void> => {
      const answer = await fetch(`${up.address}/fhir`, { method: 'POST', body: bundle });
      assert.equal(answer.status, 201, await answer.text());
    };
    const wallets: Wallet[] = [];
    for (let i = 0; i < PATIENTS; i++) {
      const wallet = await enrolWallet(
        {
          invite: async (name, patients) => {
            const body = JSON.stringify({ patients });
            const answer = await fetch(`${up.address}/sources/${name}/invitations`, {
              method: 'POST',
              body,
              headers: secret,
            });
            return (await answer.json()) as { invitations: { patient: string; code: string }[] };
          },
          enrol: async (body) => {
            const answer = await fetch(`${up.address}/pki/enrol`, { method: 'POST', body });
            return (await answer.json()) as Enrolled;
          },
          submit: consented,
        },
        'city',
        `p${i}`,
      );
      wallets.push(wallet);
      await consented(signedBundle(wallet, consentFor(wallet)));
    }
    const permit = async (wallet: Wallet | undefined, type: 'permit' | 'deny' = 'permit'): Promise<void> => {
      assert.ok(wallet !== undefined);
      const actor = `Organization/${added.id}`;
      const choices = { actor, type, purpose: 'HRESCH', actions: ['access', 'use', 'disclose'] };
      await consented(signedBundle(wallet, consentFor(wallet, choices)));
    };
    for (const wallet of wallets.slice(0, PATIENTS - 1)) await permit(wallet);
    const entry = wallets.flatMap((_, i) => [
      { resource: patient(`p${i}`, { version: '1', minute: 1 }) },
      { resource: heartRate(`h${i}`, `p${i}`, 60 + i, { version: '1', minute: 2 }) },
    ]);
    const hooked = await fetch(`${up.address}/hooks/city`, {
      method: 'POST',
      headers: { ...secret, 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }),
    });
    assert.equal(hooked.status, 200);

    writeFileSync(path('cohort.json'), definitionOf());
    const cohort = await cli<ShownCohort>('cohort', 'define', path('cohort.json'), ...remote());
    const counted = await cli<{ counts: Record<string, number | null> }>(
      'cohort',
      'feasibility',
      cohort.id,
      ...remote(),
    );
    assert.deepEqual(Object.keys(counted.counts), ['patients']);
    const early = await runFirebreak('--data', data, 'cohort', 'export', cohort.id, ...remote());
    assert.equal(early.code, 3, early.stderr);
    await cli('cohort', 'request', cohort.id, ...remote());
    assert.equal(
      (await cli<ShownCohort>('cohort', 'approve', cohort.id, '--by', 'Ann Lee')).state,
      'approved',
    );

    // By the standard's own flow: a token, a kick-off, a status, files.
    const token = await tokenFor(client, up.address, { purpose_of_use: 'HRESCH' });
    const headers = { authorization: `Bearer ${token}` };
    const pull = async (): Promise<BulkManifest> => {
      const begun = await fetch(`${up.address}/fhir/Group/${cohort.id}/$export`, {
        headers: { ...headers, prefer: 'respond-async', accept: 'application/fhir+json' },
      });
      assert.equal(begun.status, 202, await begun.text());
      const location = begun.headers.get('content-location') ?? '';
      for (;;) {
        const answer = await fetch(location, { headers });
        if (answer.status === 200) return (await answer.json()) as BulkManifest;
        assert.ok(answer.status === 202 || answer.status === 429, await answer.text());
        await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get('retry-after'))));
      }
    };
    let manifest = await pull();
    await until(async () => {
      if (countOf(manifest) === 2 * (PATIENTS - 1)) return true;
      manifest = await pull();
      return false;
    });

    // The files, and anyone's check of them.
    const address = manifest.output[0]?.url.replace(/\/[^/]+$/, '') ?? '';
    const loaded = await cli<{ differing: string[] }>(
      'cohort',
      'download',
      address,
      '--to',
      path('got'),
      ...remote(),
    );
    assert.deepEqual(loaded.differing, []);
    const text = readdirSync(path('got'))
      .filter((name) => name.endsWith('.ndjson'))
      .map((name) => readFileSync(join(path('got'), name), 'utf8'))
      .join('');
    assert.doesNotMatch(text, /"family"|"p\d"|"h\d"/);
    const vkey = (await (await fetch(`${up.address}/log/vkey`)).text()).trim();
    writeFileSync(
      path('root.der'),
      Buffer.from(await (await fetch(`${up.address}/pki/root.crt`)).arrayBuffer()),
    );
    const trust = ['--vkey', vkey, '--ca', path('root.der')];
    const file = join(path('got'), 'Patient.1.ndjson');
    const check = (): ReturnType<typeof runFirebreak> =>
      runFirebreak('check', join(path('got'), 'proof.json'), ...trust, '--exported', file);
    const good = await check();
    assert.equal(good.code, 0, good.stdout + good.stderr);
    writeFileSync(file, `${readFileSync(file, 'utf8')} `);
    assert.equal((await check()).code, 1);

    // One withdraws: the files stop at once, and the next export is without that patient.
    await permit(wallets[0], 'deny');
    const stopped = await fetch(manifest.output[0]?.url ?? '', { headers });
    assert.equal(stopped.status, 410, await stopped.text());
    assert.equal(countOf(await pull()), 2 * (PATIENTS - 2));
    const verified = await runFirebreak('--data', data, 'verify', up.address, '--vkey', vkey);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  },
);
