import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Bundle, Consent, Observation, Provenance } from 'fhir/r4.js';
import { drain } from '../../../../adapter/services/drain.js';
import { explainAccess, listConsents, showConsent } from '../../../../adapter/services/explain/index.js';
import type { ExplainArgs } from '../../../../adapter/services/explain/index.js';
import { obligationExtension } from '../../../../mappings/forms/index.js';
import { consentFor, signedBundle } from '../../../support/wallet.js';
import type { Wallet } from '../../../support/wallet.js';
import { consenting, logSize, openBench, push, readLog, typesSince } from '../../support/bench.js';
import type { Bench } from '../../support/bench.js';
import { facadeIdOf, json, namesIn, readerOf } from '../../support/facade.js';
import type { Reader } from '../../support/facade.js';
import { heartRate, patient } from '../../support/resources.js';

const bound = (): NonNullable<NonNullable<Consent['provision']>['modifierExtension']> =>
  [
    obligationExtension({ kind: 'redact', elements: ['Observation.value[x]', 'name.family'] }),
    obligationExtension({ kind: 'no-onward-use' }),
  ] as NonNullable<NonNullable<Consent['provision']>['modifierExtension']>;

describe('explaining, and consents that bind', () => {
  let bench: Bench;
  let reader: Reader;
  let wallet: Wallet;

  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a', { identifier: randomUUID(), actions: ['collect'] });
    reader = await readerOf(bench, { source: bench.source.id });
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
  });
  after(() => bench.close());

  const ask = (more: Partial<ExplainArgs> = {}): ExplainArgs => ({
    patient: 'a',
    requester: reader.client.id,
    purpose: 'TREAT',
    ...more,
  });

  it('says why nothing is seen, and leaves nothing on the log', async () => {
    const begun = logSize(bench.instance);
    const explained = await explainAccess(bench.instance, ask());
    assert.equal(explained.visible, 0);
    assert.equal(explained.records.length, 2);
    for (const { outcome, reason, sentence, misses } of explained.records) {
      assert.equal(outcome, 'deny');
      assert.equal(reason, 'no-answer');
      assert.match(
        sentence,
        /^No: .* may not see this \w+ for treatment, because nothing that the patient signed reaches it: of the nearest consent, it is about another use\.$/,
      );
      assert(misses.some(({ layer, unmet }) => layer === 'patient' && unmet.join() === 'actions'));
    }
    assert.deepEqual(await typesSince(bench.instance, begun), []);
    assert.equal((await reader.get(`Observation/${facadeIdOf(bench, 'Observation', 'h1')}`)).status, 404);
  });

  it('says what a consent would change before it is signed, and then the facade does just that', async () => {
    const unsigned = consentFor(wallet, {
      actions: ['access'],
      provision: {
        class: [{ system: 'http://hl7.org/fhir/resource-types', code: 'Observation' }],
        modifierExtension: bound(),
      },
    });
    const begun = logSize(bench.instance);
    const { visible, ifSigned } = await explainAccess(bench.instance, ask({ unsigned }));
    const h1 = `Observation/${facadeIdOf(bench, 'Observation', 'h1')}`;
    assert.equal(visible, 0);
    assert(ifSigned !== undefined);
    assert.deepEqual([ifSigned.visible, ifSigned.gained, ifSigned.lost], [1, [h1], []]);
    const [of] = ifSigned.records.filter(({ outcome }) => outcome === 'permit');
    assert.match(
      of?.sentence ?? '',
      /^Yes: .* may see this Observation for treatment, the hospital's permission of .* permits it and the patient's consent of .* permits it, without Observation\.value\[x\], name\.family, not to be passed on\.$/,
    );
    assert.deepEqual(await typesSince(bench.instance, begun), []);

    await bench.instance.consents.submit(signedBundle(wallet, unsigned));
    await drain(bench.instance);
    const answer = await reader.get(h1);
    assert.equal(answer.status, 200);
    const seen = json<Observation>(answer);
    assert.equal(seen.valueQuantity?.value, undefined);
    assert.equal(seen.valueQuantity?.extension?.[0]?.valueCode, 'masked');
    assert.deepEqual(
      seen.meta?.security?.map(({ code }) => code),
      ['REDACTED', 'NORDSCLCD'],
    );
    const receipt = (await readLog(bench.instance)).findLast(({ type }) => type === 'disclosure');
    assert(receipt !== undefined);

    // Altered bytes prove nothing: the proof beside them shows the version and opens nothing.
    const proven = await reader.get(`${h1}?_proof=true`);
    assert.equal(proven.status, 200);
    const proofs = (json<Bundle>(proven).entry ?? []).flatMap(({ resource }) =>
      resource?.resourceType === 'Provenance' ? ((resource as Provenance).signature ?? []) : [],
    );
    assert.equal(proofs.length, 1);
    const file = Buffer.from(proofs[0]?.data ?? '', 'base64').toString('utf8');
    assert(!/"(plaintext|salt)"/.test(file), file.slice(0, 400));

    // ATTACKS 75: what is hidden is not searched either.
    const search = (query: string) =>
      reader.get(`Observation?patient=Patient/${facadeIdOf(bench, 'Patient', 'a')}&${query}`);
    assert.deepEqual(namesIn(await search('code=8867-4')), [h1]);
    for (const query of ['value-quantity=70', 'value-quantity=gt1']) {
      const found = await search(query);
      if (found.status === 200) assert.deepEqual(namesIn(found), [], query);
    }
  });

  it('another way round: a dry run of a refusal, and of a withdrawal', async () => {
    const [latest] = await listConsents(bench.instance, { patient: 'a' });
    assert.equal(latest?.state, 'in force');
    const shown = await showConsent(bench.instance, latest.handle);
    const identifier = shown.document.identifier?.[0]?.value?.slice('urn:uuid:'.length) ?? '';
    const later = new Date(Date.parse(shown.signedAt) + 1000).toISOString();
    const withdrawal = consentFor(wallet, { identifier, status: 'inactive', dateTime: later });
    const refusal = consentFor(wallet, { type: 'deny', actions: ['access'] });
    for (const unsigned of [withdrawal, refusal]) {
      const { visible, ifSigned } = await explainAccess(bench.instance, ask({ unsigned }));
      assert.equal(visible, 1);
      assert.deepEqual([ifSigned?.visible, ifSigned?.lost.length, ifSigned?.gained.length], [0, 1, 0]);
      assert(ifSigned?.records.every(({ reason }) => reason === 'refused' || reason === 'no-answer'));
    }
  });

  it('the patient sees all, a stranger nothing', async () => {
    const own = await explainAccess(bench.instance, ask({ requester: 'patient', purpose: 'PATRQT' }));
    assert.equal(own.visible, 2);
    assert.match(own.records[0]?.sentence ?? '', /the patient's right to the own record permits it\.$/);
    const stranger = await explainAccess(bench.instance, ask({ requester: 'Organization/nobody' }));
    assert.equal(stranger.visible, 0);
  });

  it('refuses what it cannot judge, naming it', async () => {
    const refused: [Partial<ExplainArgs>, string][] = [
      [{ patient: 'nobody' }, 'ADAPTER_NOT_FOUND'],
      [{ record: 'Observation/none' }, 'ADAPTER_NOT_FOUND'],
      [{ purpose: 'not a code' }, 'ADAPTER_USAGE'],
      [{ action: 'peruse' }, 'ADAPTER_USAGE'],
      [{ unsigned: { resourceType: 'Patient' } }, 'ADAPTER_UNPROCESSABLE'],
      [{ unsigned: null }, 'ADAPTER_UNPROCESSABLE'],
      [
        { unsigned: { ...consentFor(wallet), patient: { reference: 'Patient/another' } } },
        'ADAPTER_UNPROCESSABLE',
      ],
    ];
    for (const [more, code] of refused)
      await assert.rejects(explainAccess(bench.instance, ask(more)), { code }, JSON.stringify(more));
    await assert.rejects(showConsent(bench.instance, 'x'), { code: 'ADAPTER_NOT_FOUND' });
    await assert.rejects(showConsent(bench.instance, 'A'.repeat(43)), { code: 'ADAPTER_NOT_FOUND' });
  });
});
