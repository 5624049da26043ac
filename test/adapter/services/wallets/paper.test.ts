import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Consent } from 'fhir/r4.js';
import { PAPER_DIGEST } from '../../../../adapter/instance/paper.js';
import type { Subject } from '../../../../adapter/instance/subjects.js';
import { prove } from '../../../../adapter/services/proofs/index.js';
import { removeFolder, servicesOf, temporaryFolder } from '../../../support/instance.js';
import { consentFor, enrolWallet, paperBundle, signedBundle } from '../../../support/wallet.js';
import type { ConsentChoices, Wallet } from '../../../support/wallet.js';
import { failedChecks, readLog } from '../../support/bench.js';
import { openHospitals } from './hospitals.js';
import type { Hospitals } from './hospitals.js';

const dir = temporaryFolder();
let hospitals: Hospitals;

before(async () => {
  hospitals = await openHospitals(dir);
});
after(async () => {
  await hospitals.instance.close();
  removeFolder(dir);
});

/** A patient whom the hospital knows, and who has no wallet. */
function known(patient: string): Promise<Subject> {
  return hospitals.instance.subjects.ensure('ward', patient);
}

function onPaper({ facadeId }: Subject, choices: ConsentChoices = {}, more: Partial<Consent> = {}): Consent {
  const { id, name } = hospitals.instance.organisation;
  const enrolled = {
    patient: { reference: `Patient/${facadeId}` },
    custodian: { reference: `Organization/${id}`, display: name },
  };
  const consent = consentFor({ enrolled } as unknown as Wallet, {
    actions: ['collect', 'access'],
    ...choices,
  });
  return {
    ...consent,
    sourceAttachment: {
      contentType: 'application/pdf',
      title: 'form, signed by hand',
      extension: [{ url: PAPER_DIGEST, valueString: 'c2NhbiBvZiBhIGZvcm0gdGhhdCBpcyBzeW50aGV0aWM' }],
    },
    ...more,
  };
}

async function standing(subject: Subject): Promise<string[]> {
  const { policies } = await hospitals.instance.consents.policies(subject);
  return policies
    .filter(({ layer, withdrawnAtLeaf }) => layer === 'patient' && withdrawnAtLeaf === undefined)
    .map(({ root }) => root.type);
}

test('a consent on paper, attested by two, permits update and treatment; it is withdrawn the same way', async () => {
  const { instance, staff } = hospitals;
  const [a, b] = staff;
  const subject = await known('p-1');
  const consent = onPaper(subject);
  const body = paperBundle([a, b], consent);
  const size = instance.engine.head().size;
  const signed = await instance.consents.submit(body);
  assert.equal(signed.outcome, 'signed');
  assert.equal((await instance.consents.submit(body)).outcome, 'known');
  assert.equal((await instance.consents.submit(paperBundle([b, a], consent))).outcome, 'known');
  assert.deepEqual(await standing(subject), ['permit']);
  await assert.rejects(instance.consents.submit(paperBundle([a, b], onPaper(subject))), {
    code: 'ADAPTER_CONFLICT',
  });
  const later = new Date(Date.now() + 1000).toISOString();
  const ended: Consent = { ...consent, status: 'inactive', dateTime: later };
  await assert.rejects(instance.consents.submit(paperBundle([a, a], ended)), { code: 'ADAPTER_FORBIDDEN' });
  assert.equal((await instance.consents.submit(paperBundle([a, b], ended))).outcome, 'withdrawn');
  assert.deepEqual(await standing(subject), []);
  const types = (await readLog(instance)).slice(size).map(({ type }) => type);
  assert.deepEqual(
    types.filter((type) => type.startsWith('consent')),
    ['consent.signed', 'consent.withdrawn'],
  );
  assert.deepEqual(await failedChecks(instance), []);
});

test('what reaches further, or is not attested by two of the hospital, is refused and leaves no trace', async () => {
  const { instance, staff } = hospitals;
  const [a, b, elsewhere] = staff;
  const subject = await known('p-2');
  const other = await known('p-3');
  const { size } = instance.engine.head();
  const nested = { provision: [{ type: 'permit' as const }] };
  const signedTwice = JSON.parse(paperBundle([a, b], onPaper(subject)).toString('utf8')) as {
    entry: { resource: Consent }[];
  };
  const consent = signedTwice.entry[0];
  assert.ok(consent);
  consent.resource = { ...consent.resource, patient: { reference: `Patient/${other.facadeId}` } };
  const refusals: [string, Buffer, string][] = [
    ['one twice', paperBundle([a, a], onPaper(subject)), 'ADAPTER_FORBIDDEN'],
    ['of two hospitals', paperBundle([a, elsewhere], onPaper(subject)), 'ADAPTER_FORBIDDEN'],
    ['one alone', paperBundle([a], onPaper(subject)), 'ADAPTER_NOT_FOUND'],
    ['another patient’s', Buffer.from(JSON.stringify(signedTwice)), 'ADAPTER_FORBIDDEN'],
    ['for research', paperBundle([a, b], onPaper(subject, { purpose: 'HRESCH' })), 'ADAPTER_UNPROCESSABLE'],
    ['disclosure', paperBundle([a, b], onPaper(subject, { actions: ['disclose'] })), 'ADAPTER_UNPROCESSABLE'],
    ['use', paperBundle([a, b], onPaper(subject, { actions: ['use'] })), 'ADAPTER_UNPROCESSABLE'],
    [
      'to somebody else',
      paperBundle([a, b], onPaper(subject, { actor: `Organization/${elsewhere.id}` })),
      'ADAPTER_UNPROCESSABLE',
    ],
    ['exceptions', paperBundle([a, b], onPaper(subject, { provision: nested })), 'ADAPTER_UNPROCESSABLE'],
    [
      'no paper',
      paperBundle([a, b], onPaper(subject, {}, { sourceAttachment: { title: 'form' } })),
      'ADAPTER_UNPROCESSABLE',
    ],
    [
      'nothing to withdraw',
      paperBundle([a, b], onPaper(subject, {}, { status: 'inactive' })),
      'ADAPTER_UNPROCESSABLE',
    ],
  ];
  for (const [what, body, code] of refusals)
    await assert.rejects(
      instance.consents.submit(body),
      (error: { code?: string }) => error.code === code,
      what,
    );
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p-4');
  const held = await instance.subjects.findByFacadeId(wallet.enrolled.patient.reference.slice(8));
  assert.ok(held);
  await assert.rejects(instance.consents.submit(paperBundle([a, b], onPaper(held))), {
    code: 'ADAPTER_UNPROCESSABLE',
  });
  const own = consentFor(wallet);
  await instance.consents.submit(signedBundle(wallet, own));
  const end = { status: 'inactive' as const, dateTime: new Date(Date.now() + 1000).toISOString() };
  const byStaff = onPaper(held, {}, { ...end, identifier: own.identifier ?? [] });
  await assert.rejects(instance.consents.submit(paperBundle([a, b], byStaff)), {
    code: 'ADAPTER_UNPROCESSABLE',
  });
  assert.deepEqual(await standing(held), ['permit'], 'what the patient signed is the patient’s to withdraw');
  const written = (await readLog(instance)).slice(size).filter(({ type }) => type !== 'submission');
  assert.deepEqual(
    written.map(({ type }) => type),
    ['participant.enrolled', 'consent.signed'],
  );
});

test('a refusal on paper may be wide; a wallet’s consent to treatment takes the place of what was on paper', async () => {
  const { instance, staff } = hospitals;
  const [a, b] = staff;
  const refusing = await known('p-5');
  await instance.consents.submit(paperBundle([a, b], onPaper(refusing, { type: 'deny', purpose: 'HRESCH' })));
  assert.deepEqual(await standing(refusing), ['deny']);

  const subject = await known('p-6');
  const paper = await instance.consents.submit(paperBundle([a, b], onPaper(subject)));
  const proof = await prove(instance, { what: 'consent', handle: paper.handle });
  assert.ok(proof.proved);
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p-6');
  const research = consentFor(wallet, { purpose: 'HRESCH', identifier: randomUUID() });
  await instance.consents.submit(signedBundle(wallet, research));
  assert.deepEqual(await standing(subject), ['permit', 'permit'], 'of treatment it says nothing');
  const shown = await prove(instance, { what: 'consent', handle: paper.handle, open: true });
  assert.ok(shown.proved, 'with the two who testify');
  const refused = consentFor(wallet, { type: 'deny', dateTime: new Date(Date.now() + 1000).toISOString() });
  const { handle } = await instance.consents.submit(signedBundle(wallet, refused));
  const found = await instance.subjects.find(subject.key);
  assert.ok(found);
  assert.deepEqual((await standing(found)).toSorted(), ['deny', 'permit']);
  const entry = (await readLog(instance)).find(({ body }) => body['handle'] === handle);
  assert.equal(entry?.body['replaces'], paper.handle);
  // What was on paper permits nothing any more, and a proof file shows it, with the two who testified.
  const denial = await prove(instance, {
    what: 'denial',
    patient: 'p-6',
    source: 'ward',
    actor: [`Organization/${instance.organisation.id}`],
    action: 'collect',
    purpose: 'TREAT',
  });
  assert.ok(denial.proved);
  assert.deepEqual(await failedChecks(instance), []);
});

test('who was revoked testifies to nothing, however late it was signed', async () => {
  const { instance, staff } = hospitals;
  const [a, b] = staff;
  const subject = await known('p-7');
  const body = paperBundle([a, b], onPaper(subject));
  await instance.certification.revoke(b.id, 'affiliationChanged');
  await assert.rejects(instance.consents.submit(body), { code: 'ADAPTER_FORBIDDEN' });
  assert.deepEqual(await standing(subject), []);
});
