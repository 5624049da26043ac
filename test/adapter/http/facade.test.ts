import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Bundle, CapabilityStatement, Observation } from 'fhir/r4.js';
import {
  ask,
  consenting,
  hook,
  issueOf,
  openBench,
  push,
  readLog,
  refusalOf,
  typesSince,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { drain } from '../../../adapter/services/drain.js';
import { facadeIdOf, json, linkIn, namesIn, readerOf, withToken } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

describe('reading over the facade', () => {
  let bench: Bench;
  let reader: Reader;
  let a: string;

  before(async () => {
    bench = await openBench();
    const wallet = await consenting(bench, 'a');
    a = wallet.enrolled.patient.reference;
    reader = await readerOf(bench, { source: bench.source.id });
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 71, { version: '2', minute: 2 }));
    await push(bench, heartRate('h2', 'a', 80, { version: '1', minute: 3 }));
  });
  after(() => bench.close());

  const id = (type: string, name: string): string => facadeIdOf(bench, type, name);
  const size = (): number => bench.instance.engine.head().size;

  it('reads the current version, with its tag, and leaves one receipt first', async () => {
    const begun = size();
    const answer = await reader.get(`Observation/${id('Observation', 'h1')}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.etag, 'W/"2"');
    assert.equal(answer.headers['last-modified'], 'Thu, 01 Jan 2026 00:02:00 GMT');
    assert.equal(answer.headers['content-type'], 'application/fhir+json; charset=utf-8');
    const observation = json<Observation>(answer);
    assert.equal(observation.id, id('Observation', 'h1'));
    assert.equal(observation.subject?.reference, a);
    assert.equal(observation.valueQuantity?.value, 71);
    assert.deepEqual(await typesSince(bench.instance, begun), ['disclosure']);
    const receipt = (await readLog(bench.instance)).findLast(({ type }) => type === 'disclosure');
    assert.equal(receipt?.tags.length, 1);
  });

  it('differs from what was received in ids and references alone', async () => {
    const text =
      '{ "resourceType": "Observation",\n  "id": "exact", "contained": [ { "resourceType": "Device", "id": "d" } ],' +
      ' "status":"final", "code": {"text":"µ \\u00fc"}, "device": {"reference":"#d"}, "subject": {"reference":"Patient\\/a"},' +
      ' "hasMember":[{"reference":"Observation/h1/_history/2"},{"reference":"http://elsewhere.example/Observation/9"}],' +
      ' "extension":[{"url":"Binary/7","valueReference":{"reference":"Patient/a"}}], "valueQuantity": {"value": 7.40} }';
    const { status } = await hook(bench, '', { body: text });
    assert.equal(status, 200);
    await drain(bench.instance);
    const answer = await reader.get(`Observation/${id('Observation', 'exact')}`);
    const h1 = id('Observation', 'h1');
    assert.equal(
      answer.body.toString('utf8'),
      text
        .replace('"exact"', `"${id('Observation', 'exact')}"`)
        .replace('"Patient\\/a"', `"${a}"`)
        .replace('"Observation/h1/_history/2"', `"Observation/${h1}/_history/2"`)
        .replace('"Patient/a"', `"${a}"`),
    );
  });

  it('resolves what a Bundle named by urn:uuid', async () => {
    const urn = 'urn:uuid:5b1d7c1e-90a7-4f0c-8f1a-1f1f6c7a0001';
    const one = { ...heartRate('u1', 'a', 60), hasMember: [{ reference: urn }] };
    const entry = [{ resource: one }, { fullUrl: urn, resource: heartRate('u2', 'a', 61) }];
    await hook(bench, '', { body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }) });
    await drain(bench.instance);
    const served = json<Observation>(await reader.get(`Observation/${id('Observation', 'u1')}`));
    assert.equal(served.hasMember?.[0]?.reference, `Observation/${id('Observation', 'u2')}`);
  });

  it('knows what a caller has already', async () => {
    const path = `Observation/${id('Observation', 'h1')}`;
    const unchanged = await reader.get(path, { headers: { 'if-none-match': 'W/"1", W/"2"' } });
    assert.deepEqual([unchanged.status, unchanged.body.length, unchanged.headers.etag], [304, 0, 'W/"2"']);
    assert.equal((await reader.get(path, { headers: { 'if-none-match': 'W/"1"' } })).status, 200);
    const since = { 'if-modified-since': 'Thu, 01 Jan 2026 00:02:00 GMT' };
    assert.equal((await reader.get(path, { headers: since })).status, 304);
    const failed = await reader.get(path, { headers: { 'if-match': 'W/"1"' } });
    assert.equal(refusalOf(failed), '412 conflict ADAPTER_PRECONDITION_FAILED');
    assert.equal((await reader.get(path, { headers: { 'if-match': 'W/"2"' } })).status, 200);
    const head = await reader.get(path, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length, head.headers.etag], [200, 0, 'W/"2"']);
  });

  it('shows versions and histories', async () => {
    const path = `Observation/${id('Observation', 'h1')}`;
    const first = json<Observation>(await reader.get(`${path}/_history/1`));
    assert.equal(first.valueQuantity?.value, 70);
    assert.equal((await reader.get(`${path}/_history/3`)).status, 404);
    const history = json<Bundle>(await reader.get(`${path}/_history`));
    assert.equal(history.type, 'history');
    assert.deepEqual(
      history.entry?.map(({ request, response }) => [request?.method, request?.url, response?.etag]),
      [
        ['PUT', path, 'W/"2"'],
        ['PUT', path, 'W/"1"'],
      ],
    );
    const ofType = json<Bundle>(
      await reader.get(`Observation/_history?patient=${a}&_since=2026-01-01T00:02:00Z`),
    );
    const etags = ofType.entry?.map(({ response }) => response?.etag);
    assert.ok(etags?.includes('W/"2"') && !etags.includes(undefined));
    assert.equal(refusalOf(await reader.get('Observation/_history')), '400 invalid ADAPTER_BAD_REQUEST');
  });

  it('shows what was deleted as that', async () => {
    await push(bench, heartRate('gone', 'a', 70, { version: '1', minute: 1 }));
    await hook(bench, `/Observation/gone`, { method: 'DELETE' });
    await drain(bench.instance);
    const path = `Observation/${id('Observation', 'gone')}`;
    assert.equal(refusalOf(await reader.get(path)), '410 deleted ADAPTER_GONE');
    const history = json<Bundle>(await reader.get(`${path}/_history`));
    assert.deepEqual(
      history.entry?.map(({ request }) => request?.method),
      ['DELETE', 'PUT'],
    );
    assert.equal((await reader.get(`${path}/_history/1`)).status, 200);
    assert.ok(!namesIn(await reader.get(`Observation?patient=${a}`)).includes(path));
  });

  it('searches by what the type takes', async () => {
    const h1 = `Observation/${id('Observation', 'h1')}`;
    const h2 = `Observation/${id('Observation', 'h2')}`;
    const found = async (query: string): Promise<string[]> => {
      const answer = await reader.get(`Observation?patient=${a}&${query}`);
      assert.equal(answer.status, 200, query);
      return namesIn(answer).filter((name) => name === h1 || name === h2);
    };
    const both = [h1, h2].toSorted();
    assert.deepEqual(await found('code=http://loinc.org|8867-4'), both);
    assert.deepEqual(await found('code=8867-4,other'), both);
    assert.deepEqual(await found('code=http://loinc.org|'), both);
    assert.deepEqual(await found('code=|8867-4'), []);
    assert.deepEqual(await found('code=8867-4&code=other'), []);
    assert.deepEqual(await found('status=final'), both);
    assert.deepEqual(await found('status=amended'), []);
    assert.deepEqual(await found('date=2026-01-01'), both);
    assert.deepEqual(await found('date=ge2026-01-01T08:00Z&date=lt2026-01-01T08:01Z'), both);
    assert.deepEqual(await found('date=gt2026-01-01'), []);
    assert.deepEqual(await found('_lastUpdated=ge2026-01-01T00:03:00Z'), [h2]);
    assert.deepEqual(await found('_sort=-_lastUpdated'), [h2, h1]);
    assert.deepEqual(await found('_sort=_lastUpdated'), [h1, h2]);
    assert.deepEqual(await found(`_id=${id('Observation', 'h1')}`), [h1]);
    assert.deepEqual(namesIn(await reader.get(`Observation?_id=${id('Observation', 'h2')},nobody`)), [h2]);
    assert.deepEqual(namesIn(await reader.get('Patient')), [a]);
    assert.deepEqual(namesIn(await reader.get(`Patient?_id=${a.slice(8)}`)), [a]);
    const posted = await reader.get('Observation/_search', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `patient=${encodeURIComponent(a)}&_id=${id('Observation', 'h1')}`,
    });
    assert.deepEqual(namesIn(posted), [h1]);
  });

  it('pages through all, each once', async () => {
    for (let i = 0; i < 7; i++)
      await push(bench, heartRate(`page${i}`, 'a', 60 + i, { version: '1', minute: 10 }));
    for (const start of [
      `Observation?patient=${a}&_count=3`,
      `Observation?patient=${a}&_count=3&_sort=-_lastUpdated`,
      `Patient/${a.slice(8)}/$everything?_count=3`,
      `Observation/_history?patient=${a}&_count=3`,
    ]) {
      const seen: string[] = [];
      let next: string | undefined = start;
      while (next !== undefined) {
        const answer = await reader.get(next);
        assert.equal(answer.status, 200);
        const entries = json<Bundle>(answer).entry ?? [];
        assert.ok(entries.length > 0 && entries.length <= 3);
        seen.push(
          ...entries.map(
            ({ fullUrl, request, response }) => `${fullUrl} ${request?.method} ${response?.etag}`,
          ),
        );
        next = linkIn(answer, 'next');
      }
      assert.equal(new Set(seen).size, seen.length, start);
      assert.ok(seen.length >= 9);
    }
  });

  it('hands everything over, the patient first', async () => {
    const answer = await reader.get(`Patient/${a.slice(8)}/$everything`);
    const names = namesIn(answer);
    assert.equal(names[0], a);
    assert.ok(names.includes(`Observation/${id('Observation', 'h1')}`));
    const patientOnly = await reader.get(`Patient/${a.slice(8)}/$everything?_type=Patient`);
    assert.deepEqual(namesIn(patientOnly), [a]);
    const later = await reader.get(`Patient/${a.slice(8)}/$everything?_type=Observation&start=2027-01-01`);
    assert.ok(!namesIn(later).includes(`Observation/${id('Observation', 'h1')}`));
  });

  it('keeps a token to its scopes, on the next page too', async () => {
    const narrow = await withToken(bench, reader, { scope: 'system/Patient.rs' });
    const path = `Observation/${id('Observation', 'h1')}`;
    assert.equal(refusalOf(await narrow.get(path)), '403 forbidden ADAPTER_FORBIDDEN');
    assert.equal(refusalOf(await narrow.get(`Observation?patient=${a}`)), '403 forbidden ADAPTER_FORBIDDEN');
    assert.deepEqual(namesIn(await narrow.get(`Patient/${a.slice(8)}/$everything`)), [a]);
    const next = linkIn(await reader.get(`Observation?patient=${a}&_count=1`), 'next') ?? '';
    assert.equal(refusalOf(await narrow.get(next)), '403 forbidden ADAPTER_FORBIDDEN');
  });

  it('answers JSON only, and asks for a token', async () => {
    const path = `Observation/${id('Observation', 'h1')}`;
    const xml = await reader.get(path, { headers: { accept: 'application/fhir+xml' } });
    assert.equal(refusalOf(xml), '406 not-supported ADAPTER_NOT_ACCEPTABLE');
    assert.equal((await reader.get(`${path}?_format=json`)).status, 200);
    const none = await ask(bench.url, `/fhir/${path}`);
    assert.equal(none.status, 401);
    assert.equal(issueOf(none).code, 'login');
  });

  it('says what it does, and nothing it does not', async () => {
    const statement = json<CapabilityStatement>(await ask(bench.url, '/fhir/metadata'));
    const rest = statement.rest?.[0];
    const observation = rest?.resource?.find(({ type }) => type === 'Observation');
    assert.deepEqual(
      observation?.interaction?.map(({ code }) => code),
      ['read', 'vread', 'history-instance', 'history-type', 'search-type', 'create', 'update', 'delete'],
    );
    for (const { type, searchParam = [] } of rest?.resource ?? [])
      for (const { name, type: kind } of searchParam) {
        const value = kind === 'date' ? '2020' : kind === 'reference' ? 'abc' : 'abc';
        const scope = searchParam.some((one) => one.name === 'patient') ? `patient=${a}&` : '';
        const answer = await reader.get(`${type}?${scope}${name === 'patient' ? '' : `${name}=${value}`}`);
        assert.equal(answer.status, 200, `${type}?${name}`);
      }
  });
});
