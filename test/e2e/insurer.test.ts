/**
 * An outside insurer, by HTTP and the command line alone and with keys of its own: enrolled, asks for leave, asks about a
 * claim, checks the proof far from us, tries what it may not, and is stopped by its limit across a kill and by the patient.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ClaimResponse } from 'fhir/r4.js';
import type { OwnClaims, ShownAccess } from '../../adapter/http/contract/index.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import type { FhirServer } from '../adapter/support/fhir-server.js';
import { runFirebreak, startUp } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { Outsiders } from '../support/outsiders.js';
import { consentFor, signedBundle } from '../support/wallet.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
let up: Awaited<ReturnType<typeof startUp>>;
let hospital: FhirServer;
const outsiders = new Outsiders(folder, data, () => up.address);
const cli: Outsiders['cli'] = (...args) => outsiders.cli(...args);
const http: Outsiders['http'] = (...args) => outsiders.http(...args);

before(async () => {
  hospital = await startFhirServer();
  up = await startUp(data);
});
after(async () => {
  await up.dispose();
  await hospital.close();
  removeFolder(folder);
});

const concept = (code: string): object => ({ coding: [{ system: 'http://snomed.info/sct', code }] });
const [VISIT, STITCHES, NEVER] = ['185345009', '288086009', '80146002'];
const SECRET_NAME = 'Quillington';

/** A visit and what was done at it. */
function record(of: string): object[] {
  const subject = { reference: `Patient/${of}` };
  return [
    { resourceType: 'Patient', id: of, name: [{ family: SECRET_NAME }] },
    {
      resourceType: 'Encounter',
      id: `${of}-visit`,
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      type: [concept(VISIT)],
      subject,
      serviceProvider: { reference: 'Organization/clinic' },
      period: { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' },
    },
    {
      resourceType: 'Procedure',
      id: `${of}-stitches`,
      status: 'completed',
      code: concept(STITCHES),
      subject,
      encounter: { reference: `Encounter/${of}-visit` },
      performedPeriod: { start: '2026-03-02T09:20:00Z', end: '2026-03-02T09:40:00Z' },
    },
  ];
}

function claimOf(patient: string, id: string, codes: readonly string[], day = '2026-03-02'): object {
  return {
    resourceType: 'Claim',
    id,
    status: 'active',
    use: 'claim',
    patient: { reference: patient },
    provider: { reference: 'Organization/clinic' },
    billablePeriod: { start: `${day}T09:00:00Z`, end: `${day}T10:30:00Z` },
    item: codes.map((code, i) => ({ sequence: i + 1, productOrService: concept(code) })),
  };
}

const withoutIds = (text: string): string => text.replaceAll(/[0-9a-f-]{32,36}/g, '');

const saysOf = ({ item = [] }: ClaimResponse): string[] =>
  item.map(({ adjudication }) => adjudication[0]?.category.coding?.[0]?.code ?? '');

test(
  'an insurer from outside, from enrolment to a proof that anyone can check',
  { timeout: 180_000 },
  async () => {
    const insurer = await outsiders.enrol('Insurer', 'payer');
    await outsiders.newKeys('Hospital');
    const at = ['--id', 'city', '--name', 'City Hospital', '--csr', outsiders.path('Hospital.csr')];
    const added = await cli<{ secret: string }>(
      'source',
      'add',
      hospital.base,
      ...at,
      '--allow-private',
      '--without',
      'poll',
    );
    const wallet = await outsiders.enrolPatient('city', 'p', added.secret);
    const { patient, custodian } = wallet.enrolled;
    const consented = async (bundle: Buffer): Promise<void> => {
      const answer = await fetch(`${up.address}/fhir`, { method: 'POST', body: bundle });
      assert.equal(answer.status, 201, await answer.text());
    };
    await consented(signedBundle(wallet, consentFor(wallet)));
    const entry = record('p').map((resource) => ({ resource }));
    const hooked = await fetch(`${up.address}/hooks/city`, {
      method: 'POST',
      headers: { authorization: `Bearer ${added.secret}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }),
    });
    assert.equal(hooked.status, 200);

    let insurerIs = await outsiders.session('Insurer', 'CLMATTCH');
    const submit = async (claim: object): Promise<Response> =>
      fetch(`${up.address}/fhir/Claim/$submit`, {
        method: 'POST',
        headers: { ...insurerIs, 'content-type': 'application/fhir+json' },
        body: JSON.stringify(claim),
      });
    const answered = async (claim: object): Promise<ClaimResponse> => {
      const response = await submit(claim);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.ok(!text.includes(SECRET_NAME));
      return JSON.parse(text) as ClaimResponse;
    };

    // Nobody has agreed: whether there is anything, the answer does not tell.
    const early = await submit(claimOf(patient.reference, 'c1', [VISIT]));
    assert.ok(early.status >= 400 && early.status < 500, String(early.status));
    const stranger = await submit(claimOf('Patient/nobody', 'c1', [VISIT]));
    assert.equal(stranger.status, early.status);
    assert.equal(withoutIds(await stranger.text()), withoutIds(await early.text()));

    // Hospital, then patient; and the patient's own consent to be told by way of claims.
    const end = new Date(Date.now() + 30 * 86_400_000).toISOString();
    const { id } = await cli<{ id: string }>(
      'request',
      'new',
      patient.reference,
      '--custodian',
      custodian.reference.replace('Organization/', ''),
      '--purpose',
      'CLMATTCH',
      '--types',
      'Claim',
      '--until',
      end,
      '--reason',
      'cover',
      ...outsiders.keysOf('Insurer'),
    );
    await cli('request', 'approve', id, '--by', 'Cy Holm');
    const { origin } = await outsiders.log();
    const me = await outsiders.patientSession(wallet);
    const { requests } = await http<{ requests: ShownAccess[] }>('/requests', { headers: me });
    const [asked] = requests;
    assert.ok(asked !== undefined);
    assert.equal((await outsiders.decide(wallet, origin, asked, 'approved')).state, 'in-force');
    const choices = { actor: `Organization/${insurer}`, purpose: 'CLMATTCH', actions: ['disclose'] };
    await consented(signedBundle(wallet, consentFor(wallet, choices)));

    // What was done is borne out, what was not is not; the file is checked by who has the roots alone.
    let first = await answered(claimOf(patient.reference, 'c1', [VISIT, STITCHES, NEVER]));
    const deadline = Date.now() + 30_000;
    for (let i = 0; saysOf(first)[0] !== 'supported' && Date.now() < deadline; i++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      first = await answered(claimOf(patient.reference, `early-${i}`, [VISIT, STITCHES, NEVER]));
    }
    assert.deepEqual(saysOf(first), ['supported', 'supported', 'not-supported']);
    const { authorization } = insurerIs;
    writeFileSync(outsiders.path('token.txt'), authorization.slice('Bearer '.length));
    writeFileSync(outsiders.path('claim.json'), JSON.stringify(claimOf(patient.reference, 'c2', [STITCHES])));
    const proof = outsiders.path('claim.proof.json');
    const submitted = await runFirebreak(
      'claim',
      'submit',
      up.address,
      outsiders.path('claim.json'),
      '--token',
      outsiders.path('token.txt'),
      '--out',
      proof,
    );
    assert.equal(submitted.code, 0, submitted.stderr);
    const trust = await outsiders.trust();
    const checked = await runFirebreak('claim', 'check', proof, ...trust);
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    const text = readFileSync(proof, 'utf8');
    assert.ok(!text.includes(SECRET_NAME) && !text.includes('09:20'));
    const inside = text.search(/[A-Za-z0-9]{30}/) + 15;
    const other = text[inside] === 'A' ? 'B' : 'A';
    writeFileSync(proof, text.slice(0, inside) + other + text.slice(inside + 1));
    assert.equal((await runFirebreak('claim', 'check', proof, ...trust)).code, 1);

    // One claim asked in many ways is a question; counted across a kill.
    const variant = (day: number): object => claimOf(patient.reference, 'guess', [NEVER], `2026-03-0${day}`);
    const statuses: number[] = [];
    for (let day = 1; day <= 3; day++) statuses.push((await submit(variant(day))).status);
    await up.kill();
    up = await startUp(data);
    insurerIs = await outsiders.session('Insurer', 'CLMATTCH');
    for (let day = 4; day <= 8; day++) statuses.push((await submit(variant(day))).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);

    // The patient sees it all, takes it back, and from then on nothing is told.
    const again = await outsiders.patientSession(wallet);
    const own = await http<OwnClaims>('/me/claims', { headers: again });
    assert.ok(own.claims.length >= 7 && own.claims.every(({ to }) => to === `Organization/${insurer}`));
    assert.equal((await outsiders.decide(wallet, origin, asked, 'ended')).state, 'withdrawn');
    await consented(signedBundle(wallet, consentFor(wallet, { ...choices, type: 'deny' })));
    const late = await submit(claimOf(patient.reference, 'late', [STITCHES]));
    assert.equal(late.status, early.status);
    const verified = await runFirebreak('--data', data, 'verify', up.address, ...trust.slice(0, 2));
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  },
);
