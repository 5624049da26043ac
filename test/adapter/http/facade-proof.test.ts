import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Bundle, Observation, Provenance } from 'fhir/r4.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { checkProof, proofTrust, PROOF_MEDIA_TYPE } from '../../../ledger/proofs/index.js';
import type { ProofVerdict } from '../../../ledger/proofs/index.js';
import { readConsentDocument } from '../../../mappings/index.js';
import { consenting, openBench, push, refusalOf, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { facadeIdOf, json, linkIn, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

const ASKED = { headers: { 'firebreak-proof': '1' } };

describe('proofs beside what is served', () => {
  let bench: Bench;
  let own: Reader;
  let a: string;
  let check: (provenance: Provenance) => ProofVerdict;

  before(async () => {
    bench = await openBench();
    const wallet = await consenting(bench, 'a');
    a = wallet.enrolled.patient.reference;
    own = await readerOf(bench, { source: bench.source.id });
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 71, { version: '2', minute: 2 }));
    for (let i = 0; i < 60; i++) await push(bench, heartRate(`m${i}`, 'a', 60 + i));
    const { engine, authority } = bench.instance;
    const vkeys = ((await engine.read('vkey'))?.toString('utf8') ?? '').trim().split('\n');
    const trust = proofTrust(
      { vkeys, caRoot: authority.root, readConsent: readConsentDocument },
      nodeProofCrypto,
    );
    check = (provenance) => checkProof(Buffer.from(provenance.signature?.[0]?.data ?? '', 'base64'), trust);
  });
  after(() => bench.close());

  const path = (id: string): string => `Observation/${facadeIdOf(bench, 'Observation', id)}`;

  /** Resources and their proofs; each proof was checked, and says the resource's bytes. */
  function provenIn(body: Buffer): { resources: string[]; proofs: Map<string, string> } {
    const { entry = [] } = JSON.parse(body.toString('utf8')) as Bundle;
    const resources: string[] = [];
    const proofs = new Map<string, string>();
    for (const { resource, fullUrl } of entry) {
      if (resource?.resourceType !== 'Provenance') {
        resources.push(fullUrl?.split('/').slice(-2).join('/') ?? '');
        continue;
      }
      const provenance = resource as Provenance;
      const verdict = check(provenance);
      assert.ok(verdict.ok, verdict.ok ? '' : verdict.code);
      assert.equal(provenance.signature?.[0]?.sigFormat, PROOF_MEDIA_TYPE);
      assert.match(fullUrl ?? '', /^urn:uuid:/);
      const file = JSON.parse(
        Buffer.from(provenance.signature?.[0]?.data ?? '', 'base64').toString('utf8'),
      ) as { opening: { plaintext: string } };
      proofs.set(
        provenance.target[0]?.reference ?? '',
        Buffer.from(file.opening.plaintext, 'base64url').toString('utf8'),
      );
    }
    return { resources, proofs };
  }

  it('a read comes with the file that proves its bytes, by header or parameter', async () => {
    const begun = bench.instance.engine.head().size;
    for (const answer of [await own.get(path('h1'), ASKED), await own.get(`${path('h1')}?_proof=true`)]) {
      assert.equal(answer.status, 200);
      const bundle = json<Bundle>(answer);
      assert.equal(bundle.type, 'collection');
      const { resources, proofs } = provenIn(answer.body);
      assert.deepEqual(resources, [path('h1')]);
      const text = proofs.get(`${path('h1')}/_history/2`) ?? '';
      const received = JSON.parse(text) as Observation;
      assert.deepEqual([received.id, received.subject?.reference], ['h1', 'Patient/a'], 'as received');
      assert.equal(received.valueQuantity?.value, 71);
    }
    const left = await typesSince(bench.instance, begun);
    assert.deepEqual(left, ['disclosure', 'disclosure'], 'one receipt an answer, the proof within');
    const plain = await own.get(`${path('h1')}?_proof=false`);
    assert.equal(json(plain).resourceType, 'Observation');
  });

  it('so does a version', async () => {
    const { proofs } = provenIn((await own.get(`${path('h1')}/_history/1`, ASKED)).body);
    const received = JSON.parse(proofs.get(`${path('h1')}/_history/1`) ?? '') as Observation;
    assert.equal(received.valueQuantity?.value, 70);
  });

  it('and each resource of a search and of $everything, on smaller pages', async () => {
    for (const first of [`Observation?patient=${a}&_proof=true`, `${a}/$everything?_proof=true`]) {
      let next: string | undefined = first;
      const found: string[] = [];
      while (next !== undefined) {
        const answer = await own.get(next);
        assert.equal(answer.status, 200);
        const { resources, proofs } = provenIn(answer.body);
        assert.ok(resources.length <= 50);
        assert.deepEqual(
          [...proofs.keys()].map((target) => target.replace(/\/_history\/.*$/, '')),
          resources,
        );
        found.push(...resources);
        next = linkIn(answer, 'next');
      }
      assert.equal(new Set(found).size, first.includes('everything') ? 62 : 61);
      assert.equal(found.length, new Set(found).size);
    }
  });

  it('none comes unasked', async () => {
    const answer = await own.get(path('h1'), { headers: { 'firebreak-proof': '0' } });
    assert.equal(json(answer).resourceType, 'Observation');
    assert.match(answer.headers.vary ?? '', /Firebreak-Proof/);
  });

  it('what is asked wrongly, or where there are none, is refused', async () => {
    const bad = '400 invalid ADAPTER_BAD_REQUEST';
    assert.equal(refusalOf(await own.get(path('h1'), { headers: { 'firebreak-proof': 'yes' } })), bad);
    for (const query of ['_proof=1', '_proof=true&_proof=true', '_proof='])
      assert.equal(refusalOf(await own.get(`${path('h1')}?${query}`)), bad, query);
    assert.equal(refusalOf(await own.get(`${path('h1')}/_history`, ASKED)), bad);
  });

  it('to whom a resource is hidden, its proof is too', async () => {
    const stranger = await readerOf(bench);
    const hidden = await stranger.get(path('h1'), ASKED);
    const never = await stranger.get(`Observation/${'a'.repeat(32)}`, ASKED);
    assert.deepEqual([hidden.status, hidden.body.toString()], [404, never.body.toString()]);
    const found = await stranger.get(`Observation?patient=${a}&_proof=true`);
    assert.equal(json<Bundle>(found).entry, undefined);
  });

  it('the rows that say where records stand are made anew when they are lost or wrong', async () => {
    const { store } = bench.instance;
    const rows = await store.iterator({ gte: 'record-leaf', lt: 'record-leaf~' }).all();
    assert.ok(rows.length > 60);
    await store.batch(rows.map(([key]) => ({ type: 'del' as const, key })));
    assert.equal(provenIn((await own.get(path('h1'), ASKED)).body).proofs.size, 1);
    const wrong = rows.map(([key]) => ({ type: 'put' as const, key, value: Buffer.from('1') }));
    await store.batch(wrong.filter(({ key }) => key !== 'record-leaf-next'));
    assert.equal(provenIn((await own.get(path('h1'), ASKED)).body).proofs.size, 1, 'found on the log itself');
    assert.deepEqual(
      (await store.iterator({ gte: 'record-leaf/', lt: 'record-leaf/~' }).all()).map(([key]) => key),
      rows.map(([key]) => key).filter((key) => key !== 'record-leaf-next'),
    );
  });
});
