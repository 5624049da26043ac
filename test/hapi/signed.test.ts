/**
 * HAPI's validator on what people sign and on what the account of disclosures says: consents by each form, on paper and of
 * the demo, the Provenances that carry their signatures, and AuditEvents of each way by which a record is shown.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent, Bundle, Consent, Resource } from 'fhir/r4.js';
import { paperBundle } from '../../adapter/cli/paper-bundle.js';
import { PAPER_DIGEST } from '../../adapter/instance/paper.js';
import { EMERGENCY_KIND } from '../../adapter/services/exceptional/index.js';
import { consentDocument } from '../../demo/wallets/documents.js';
import { makeKeys } from '../../demo/wallets/keys.js';
import { signedBundle as demoBundle } from '../../demo/wallets/signed-bundle.js';
import { signDocument } from '../../ledger/consent/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { CONSENT_TEMPLATES, consentFromTemplate } from '../../mappings/index.js';
import { ask, consenting, openBench, push } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { json, linkIn, readerOf } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { signedDecision, signedTask, taskOf } from '../support/access.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { enrolOrganisation, enrolPerson, signedBy } from '../support/person.js';
import { bearer, signerOf, signIn } from '../support/session.js';
import { signedBundle } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';
import { missing, validate } from './validate.js';

const YEAR_MS = 365 * 86_400_000;

describe('what is signed, and what is told of it, before HAPI’s validator', { skip: missing() }, () => {
  const folder = temporaryFolder();
  const counts = new Map<string, number>();
  let bench: Bench;
  let wallet: Wallet;

  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 100_000 });
    wallet = await consenting(bench, 'a');
    for (const name of ['made', 'whole']) mkdirSync(join(folder, name));
  });
  after(async () => {
    await bench.close();
    removeFolder(folder);
  });

  /** Puts a resource beside the others of its type, under a name that tells what it is. */
  function put(name: string, resource: Resource): void {
    const { resourceType: type } = resource;
    counts.set(type, (counts.get(type) ?? 0) + 1);
    const file = `${type}-${counts.get(type)}-${name}.json`;
    writeFileSync(join(folder, type === 'Bundle' ? 'whole' : 'made', file), JSON.stringify(resource));
  }

  /** A transaction, and what is in it. */
  function putAll(name: string, bundle: Bundle): void {
    put(name, bundle);
    for (const { resource } of bundle.entry ?? []) if (resource !== undefined) put(name, resource);
  }

  /** A form, as the portal fills it in. */
  function filledIn(
    template: (typeof CONSENT_TEMPLATES)[number],
    isSensitiveIncluded: boolean,
    isAbroadAllowed: boolean,
  ): Consent {
    const { patient: of, custodian } = wallet.enrolled;
    return consentFromTemplate(template, {
      patient: of.reference,
      hospital: { reference: custodian.reference, name: custodian.display ?? '' },
      recipient: { reference: 'Organization/recipient', name: 'Somebody & Co <insurers>' },
      claim: 'Claim/c1',
      contact: 'the data protection officer',
      identifier: randomUUID(),
      dateTime: new Date().toISOString(),
      until: new Date(Date.now() + YEAR_MS).toISOString(),
      isSensitiveIncluded,
      isAbroadAllowed,
    });
  }

  it('consents by each form, with their signatures', async () => {
    for (const template of CONSENT_TEMPLATES)
      for (const isSensitiveIncluded of [true, false])
        for (const isAbroadAllowed of [true, false]) {
          const bytes = signedBundle(wallet, filledIn(template, isSensitiveIncluded, isAbroadAllowed));
          putAll(template, JSON.parse(bytes.toString('utf8')) as Bundle);
          // As the instance takes it.
          if (template !== 'claim') await bench.instance.consents.submit(bytes);
        }
    const withdrawn: Consent = { ...filledIn('treatment', true, false), status: 'inactive' };
    putAll('withdrawn', JSON.parse(signedBundle(wallet, withdrawn).toString('utf8')) as Bundle);
  });

  it('consents on paper, to which two people testify', async () => {
    const extension = [{ url: PAPER_DIGEST, valueString: 'A'.repeat(43) }];
    const sourceAttachment = { title: 'signed on paper', extension };
    const document = { ...filledIn('treatment', false, false), sourceAttachment } as unknown as JsonObject;
    const staff = [
      await enrolPerson(bench.instance, 'clinician'),
      await enrolPerson(bench.instance, 'staff'),
    ];
    const signatures = staff.map(({ id, seed, fingerprint }) => ({
      signer: id,
      jws: signDocument(document, seed, fingerprint),
    }));
    putAll('paper', paperBundle({ document, signatures }));
  });

  it('consents of the demo', () => {
    const { patient: of, custodian } = wallet.enrolled;
    const parties = {
      patient: of.reference,
      custodian: { reference: custodian.reference, display: custodian.display ?? '' },
      instance: 'Organization/instance',
    };
    for (const kind of ['care', 'research', 'refusal'] as const)
      for (const status of ['active', 'inactive'] as const) {
        const terms = { kind, status, identifier: randomUUID(), dateTimeMs: Date.now() };
        putAll(`demo-${kind}`, demoBundle(consentDocument(parties, terms), makeKeys(), 'f'.repeat(43)));
      }
  });

  it('AuditEvents of each way to be shown a record', async () => {
    const { instance, source, url } = bench;
    const other = await consenting(bench, 'b');
    const of = other.enrolled.patient.reference;
    await push(bench, patient('b', { version: '1', minute: 1 }), heartRate('b1', 'b', 70));
    const ward = await readerOf(bench, { source: source.id, name: 'Ward system' });
    for (const path of [of, `Observation?patient=${of}`, `${of}/$everything`, `${of}?_proof=true`])
      assert.equal((await ward.get(path)).status, 200);

    const own = await signIn(url, signerOf(other));
    assert.equal((await ask(url, `/fhir/${of}`, { headers: bearer(own) })).status, 200);
    assert.equal((await ask(url, '/me/waiting', { headers: bearer(own) })).status, 200);

    // Bound to obligations: a payer, and a researcher.
    const staff = await enrolPerson(instance, 'staff');
    for (const [group, purpose] of [
      ['payer', 'CLMATTCH'],
      ['authority', 'HRESCH'],
    ] as const) {
      const asker = await enrolOrganisation(instance, `A ${group}`, group);
      const task = taskOf(asker, { patient: of, custodian: source.custodian.id, purpose });
      put(`request-${group}`, task);
      const { id } = await instance.accessRequests.ask(signedTask(asker, task));
      for (const by of [staff, signerOf(other)]) {
        const said = { outcome: 'approved' } as const;
        await instance.accessRequests.decide(
          signedDecision(by, instance.identity.origin, { id, task }, said),
        );
      }
      const token = await signIn(url, asker, { purpose });
      const found = await ask(url, `/fhir/Observation?patient=${of}`, { headers: bearer(token) });
      assert.equal(json<Bundle>(found).entry?.length, 1);
    }

    const doctor = await enrolPerson(instance, 'clinician');
    const declared = signedBy(doctor, {
      kind: EMERGENCY_KIND,
      log: instance.identity.origin,
      signer: doctor.participant,
      at: new Date().toISOString(),
      patient: of,
      reason: 'unconscious, no history known',
    });
    assert.equal((await ask(url, '/emergencies', { method: 'POST', body: declared })).status, 201);
    const opened = await signIn(url, doctor, { purpose: 'BTG' });
    assert.equal((await ask(url, `/fhir/${of}`, { headers: bearer(opened) })).status, 200);

    const asked = '/fhir/AuditEvent?type=110106&_count=3';
    let page = await ask(url, asked, { headers: bearer(own) });
    const purposes = new Set<string>();
    for (;;) {
      put('account', json<Bundle>(page));
      for (const { resource } of json<Bundle<AuditEvent>>(page).entry ?? []) {
        if (resource === undefined) continue;
        put('account', resource);
        purposes.add(resource.purposeOfEvent?.[0]?.coding?.[0]?.code ?? '');
      }
      const next = linkIn(page, 'next');
      if (next === undefined) break;
      page = await ask(url, next.replace(url, ''), { headers: bearer(own) });
    }
    assert.deepEqual([...purposes].toSorted(), ['BTG', 'CLMATTCH', 'HRESCH', 'PATRQT', 'TREAT']);
  });

  it('pass, one by one', async () => {
    const found = await validate([join(folder, 'made')]);
    assert.deepEqual(
      [...found].filter(([, errors]) => errors.length > 0),
      [],
    );
    const all = [...counts].filter(([type]) => type !== 'Bundle').reduce((sum, [, count]) => sum + count, 0);
    assert.equal(found.size, all);
    const { Consent: consents = 0, Provenance: signatures = 0 } = Object.fromEntries(counts);
    assert.ok(consents >= 28 && signatures === consents, `${consents} consents, ${signatures} signatures`);
    assert.ok((counts.get('AuditEvent') ?? 0) >= 8, `${counts.get('AuditEvent')} AuditEvents`);
  });

  it('and as Bundles', async () => {
    const found = await validate([join(folder, 'whole')], '--whole');
    assert.equal(found.size, counts.get('Bundle'));
    assert.deepEqual(
      [...found].filter(([, errors]) => errors.length > 0),
      [],
    );
  });
});
