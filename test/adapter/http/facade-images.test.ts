/** Images over the facade: byte for byte, whatever their size, and gated like everything else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Binary, Bundle, DocumentReference } from 'fhir/r4.js';
import { drain } from '../../../adapter/services/drain.js';
import { consenting, hook, openBench } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { facadeIdOf, json, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';

describe('images over the facade', () => {
  const small = randomBytes(1001);
  const large = randomBytes(5 * 1024 * 1024 + 1);
  let bench: Bench;
  let reader: Reader;
  let patient: string;

  before(async () => {
    bench = await openBench({ imageBytesMax: 24 * 1024 * 1024, bodyBytesMax: 8 * 1024 * 1024 });
    patient = (await consenting(bench, 'p')).enrolled.patient.reference;
    reader = await readerOf(bench, { source: bench.source.id });
    const headers = { 'content-type': 'image/png', 'x-security-context': 'Patient/p' };
    for (const [id, body] of [
      ['small', small],
      ['large', large],
    ] as const)
      await hook(bench, `/Binary/${id}`, { method: 'PUT', body, headers });
    const body = JSON.stringify({
      resourceType: 'DocumentReference',
      id: 'doc',
      status: 'current',
      masterIdentifier: { system: 'urn:doc', value: '1' },
      subject: { reference: 'Patient/p' },
      content: [
        { attachment: { contentType: 'image/png', data: large.toString('base64'), title: 'first' } },
        { attachment: { data: small.toString('base64') } },
        { attachment: { url: 'Binary/large' } },
      ],
    });
    await hook(bench, '', { body });
    await drain(bench.instance);
  });
  after(() => bench.close());

  const path = (type: string, id: string): string => `${type}/${facadeIdOf(bench, type, id)}`;

  it('a Binary leaves as its content, unless the resource is asked for', async () => {
    for (const [id, bytes] of [
      ['small', small],
      ['large', large],
    ] as const) {
      const native = await reader.get(path('Binary', id));
      assert.deepEqual([native.status, native.headers['content-type']], [200, 'image/png']);
      assert.equal(native.headers['content-security-policy'], "sandbox; default-src 'none'");
      assert.equal(native.headers['x-content-type-options'], 'nosniff');
      assert.ok(native.body.equals(bytes), id);
      const resource = await reader.get(path('Binary', id), { headers: { accept: 'application/fhir+json' } });
      const binary = json<Binary>(resource);
      assert.equal(`${binary.resourceType}/${binary.id}`, path('Binary', id));
      assert.equal(binary.contentType, 'image/png');
      assert.ok(Buffer.from(binary.data ?? '', 'base64').equals(bytes), id);
    }
  });

  it('a large resource leaves with the facade’s ids and its data as it came', async () => {
    const answer = await reader.get(path('DocumentReference', 'doc'));
    const document = json<DocumentReference>(answer);
    assert.equal(`DocumentReference/${document.id}`, path('DocumentReference', 'doc'));
    assert.equal(document.subject?.reference, patient);
    const [first, second, third] = document.content.map(({ attachment }) => attachment);
    assert.ok(Buffer.from(first?.data ?? '', 'base64').equals(large));
    assert.equal(first?.title, 'first');
    assert.ok(Buffer.from(second?.data ?? '', 'base64').equals(small));
    assert.equal(third?.url, path('Binary', 'large'));
  });

  it('in a Bundle what is large says that its data is elsewhere', async () => {
    const found = json<Bundle<DocumentReference>>(
      await reader.get(`DocumentReference?patient=${patient}&identifier=urn:doc|1`),
    );
    const attachment = found.entry?.[0]?.resource?.content[0]?.attachment as
      Record<string, unknown> | undefined;
    assert.deepEqual(Object.keys(attachment ?? {}), ['contentType', '_data', 'title']);
    const everything = await reader.get(`${patient}/$everything`);
    assert.ok(everything.body.length < 20_000);
    const binaries = json<Bundle<Binary>>(everything).entry?.flatMap(({ resource }) =>
      resource?.resourceType === 'Binary' ? [resource] : [],
    );
    assert.deepEqual(
      binaries?.map(({ data }) => data === undefined || Buffer.from(data, 'base64').equals(small)),
      [true, true],
    );
  });

  it('to a stranger there is none of it', async () => {
    const stranger = await readerOf(bench);
    for (const name of [path('Binary', 'large'), path('Binary', 'small'), path('DocumentReference', 'doc')])
      assert.equal((await stranger.get(name)).status, 404);
  });
});
