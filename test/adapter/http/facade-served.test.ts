/** Records remembered as they were served: who asks is judged each time, and what was erased or changed is not served. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Bundle, Observation } from 'fhir/r4.js';
import { eraseAsAsked } from '../../../adapter/services/erasure/index.js';
import { consenting, openBench, push, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { consentFor, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { facadeIdOf, json, namesIn, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

describe('records remembered as they were served', () => {
  let bench: Bench;
  let reader: Reader;
  let wallet: Wallet;
  let everything: string;

  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a');
    everything = `${wallet.enrolled.patient.reference}/$everything`;
    reader = await readerOf(bench, { source: bench.source.id });
    await push(bench, patient('a', { version: '1', minute: 1 }));
    for (let i = 0; i < 5; i++)
      await push(bench, heartRate(`h${i}`, 'a', 60 + i, { version: '1', minute: 2 }));
  });
  after(() => bench.close());

  const forms = () => bench.instance.servedForms;

  it('are the same bytes as those that were opened, with a receipt each time', async () => {
    const begun = bench.instance.engine.head().size;
    const first = await reader.get(everything);
    assert.ok(forms().bytes > 0);
    const again = await reader.get(everything);
    assert.deepEqual(again.body, first.body);
    assert.deepEqual(await typesSince(bench.instance, begun), ['disclosure', 'disclosure']);
    assert.equal(namesIn(first).length, 6);
  });

  it('are served by no read of another version', async () => {
    await reader.get(everything);
    await push(bench, heartRate('h1', 'a', 99, { version: '2', minute: 3 }));
    const path = `Observation/${facadeIdOf(bench, 'Observation', 'h1')}`;
    assert.equal(json<Observation>(await reader.get(path)).valueQuantity?.value, 99);
    assert.equal(json<Observation>(await reader.get(`${path}/_history/1`)).valueQuantity?.value, 61);
    const entry = json<Bundle>(await reader.get(everything)).entry ?? [];
    const found = entry.find(({ resource }) => `Observation/${resource?.id}` === path)?.resource;
    assert.equal((found as Observation).valueQuantity?.value, 99);
  });

  it('are forgotten when anything of the patient is erased, and what was erased is served to nobody', async () => {
    await reader.get(everything);
    assert.ok(forms().bytes > 0);
    const why = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true } as const;
    await eraseAsAsked(bench.instance, { name: 'Patient/a', ...why });
    assert.equal(forms().bytes, 0);
    assert.equal((await reader.get(everything)).status, 404);
    assert.equal(forms().bytes, 0);
  });

  it('serve nobody whose consent was withdrawn', async () => {
    const other = await consenting(bench, 'b');
    await push(bench, patient('b', { version: '1', minute: 1 }));
    const path = other.enrolled.patient.reference;
    assert.equal((await reader.get(path)).status, 200);
    const identifier = '8c0e8f0e-8b8f-4d3a-9f4e-0f3f0c1d2e3f';
    const refusal = consentFor(other, { identifier, type: 'deny', actions: ['access'] });
    await bench.instance.consents.submit(signedBundle(other, refusal));
    assert.equal((await reader.get(path)).status, 404);
  });
});
