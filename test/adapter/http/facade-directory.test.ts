import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Bundle, Organization, PractitionerRole } from 'fhir/r4.js';
import { drain } from '../../../adapter/services/drain.js';
import { addImportSource } from '../../support/instance.js';
import { consenting, hook, openBench, push, readLog, refusalOf, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { facadeIdOf, json, linkIn, namesIn, readerOf, withToken } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

const WARD = 'urn:uuid:5b1d7c1e-90a7-4f0c-8f1a-1f1f6c7a00aa';

function organization(id: string, more: object = {}): object {
  return { resourceType: 'Organization', id, name: `ward ${id}`, ...more };
}

describe('the directory over the facade', () => {
  let bench: Bench;
  let own: Reader;
  let stranger: Reader;
  let a: string;

  before(async () => {
    bench = await openBench();
    a = (await consenting(bench, 'a')).enrolled.patient.reference;
    own = await readerOf(bench, { source: bench.source.id });
    stranger = await readerOf(bench);
    await push(
      bench,
      organization('o1', {
        meta: { versionId: '7', lastUpdated: '2026-01-01T00:02:00Z' },
        identifier: [{ system: 'urn:oid:1.2', value: 'w1' }],
        partOf: { reference: 'Organization/o2' },
      }),
      organization('o2'),
      organization('o3'),
      { resourceType: 'Practitioner', id: 'p1', name: [{ family: 'Synthetic' }] },
      { resourceType: 'Device', id: 'd1', status: 'active' },
      patient('a'),
      { ...heartRate('h1', 'a', 70), performer: [{ reference: 'PractitionerRole/r1' }] },
    );
    const role = {
      resourceType: 'PractitionerRole',
      id: 'r1',
      practitioner: { reference: 'Practitioner/p1' },
      organization: { reference: WARD },
    };
    const entry = [{ resource: role }, { fullUrl: WARD, resource: organization('o1b') }];
    await hook(bench, '', { body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }) });
    await drain(bench.instance);
  });
  after(() => bench.close());

  const name = (type: string, id: string): string => `${type}/${facadeIdOf(bench, type, id)}`;
  const size = (): number => bench.instance.engine.head().size;

  it('reads a resource as it is now, with ids and references exchanged, and leaves a receipt without a tag', async () => {
    const begun = size();
    const answer = await own.get(name('Organization', 'o1'));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.etag, 'W/"7"');
    assert.equal(answer.headers['last-modified'], 'Thu, 01 Jan 2026 00:02:00 GMT');
    const served = json<Organization>(answer);
    assert.equal(`Organization/${served.id}`, name('Organization', 'o1'));
    assert.equal(served.partOf?.reference, name('Organization', 'o2'));
    assert.equal(served.name, 'ward o1');
    assert.deepEqual(await typesSince(bench.instance, begun), ['disclosure']);
    assert.deepEqual((await readLog(bench.instance)).at(-1)?.tags, []);
    const role = json<PractitionerRole>(await own.get(name('PractitionerRole', 'r1')));
    assert.equal(
      role.organization?.reference,
      name('Organization', 'o1b'),
      'what its Bundle named by urn:uuid',
    );
    const unchanged = await own.get(name('Organization', 'o1'), { headers: { 'if-none-match': 'W/"7"' } });
    assert.equal(unchanged.status, 304);
    const failed = await own.get(name('Organization', 'o1'), { headers: { 'if-match': 'W/"6"' } });
    assert.equal(refusalOf(failed), '412 conflict ADAPTER_PRECONDITION_FAILED');
  });

  it('finds resources by what the type takes, in pages', async () => {
    const all = ['o1', 'o1b', 'o2', 'o3'].map((id) => name('Organization', id)).toSorted();
    assert.deepEqual(namesIn(await own.get('Organization')), all);
    assert.deepEqual(namesIn(await own.get('Organization?identifier=urn:oid:1.2|w1')), [
      name('Organization', 'o1'),
    ]);
    assert.deepEqual(namesIn(await own.get('Organization?identifier=other')), []);
    const paged: string[] = [];
    let next: string | undefined = 'Organization?_count=3';
    while (next !== undefined) {
      const page = await own.get(next);
      paged.push(...namesIn(page));
      next = linkIn(page, 'next');
    }
    assert.deepEqual(paged, all);
    const newest = namesIn(await own.get('Organization?_sort=_lastUpdated'));
    assert.equal(newest[0], name('Organization', 'o1'), 'the one whose time lies back');
    assert.deepEqual(namesIn(await own.get(`Device?_id=${facadeIdOf(bench, 'Device', 'd1')}`)), [
      name('Device', 'd1'),
    ]);
    assert.equal(refusalOf(await own.get(`Organization?patient=${a}`)), '400 invalid ADAPTER_BAD_REQUEST');
    assert.equal(refusalOf(await own.get('Organization?name=ward')), '400 invalid ADAPTER_BAD_REQUEST');
  });

  it('goes with what refers to it in $everything, and with what that refers to', async () => {
    const answer = await own.get(`${a}/$everything`);
    const { entry = [] } = json<Bundle>(answer);
    const modes = new Map(
      entry.map(({ fullUrl, search }) => [fullUrl?.split('/').slice(-2).join('/'), search?.mode]),
    );
    assert.deepEqual(
      [...modes],
      [
        [a, 'match'],
        [name('Observation', 'h1'), 'match'],
        [name('PractitionerRole', 'r1'), 'include'],
        [name('Practitioner', 'p1'), 'include'],
        [name('Organization', 'o1b'), 'include'],
      ],
    );
    const some = await own.get(`${a}/$everything?_type=Observation,Practitioner`);
    assert.deepEqual(namesIn(some), [name('Observation', 'h1')], 'not through a type that is left out');
    const narrow = await withToken(bench, own, { scope: 'system/Patient.rs system/Observation.rs' });
    assert.deepEqual(namesIn(await narrow.get(`${a}/$everything`)), [a, name('Observation', 'h1')]);
  });

  it('is of its source: to others it is as if it were not', async () => {
    const { status, body } = await stranger.get(name('Organization', 'o1'));
    const never = await stranger.get(`Organization/${'a'.repeat(32)}`);
    assert.deepEqual([status, body.toString()], [404, never.body.toString()]);
    assert.deepEqual(namesIn(await stranger.get('Organization')), []);
    const research = await withToken(bench, own, { purpose_of_use: 'HRESCH' }).catch(() => undefined);
    if (research !== undefined) assert.equal((await research.get(name('Organization', 'o1'))).status, 404);
    await addImportSource(bench.instance, 'other');
    const second = await readerOf(bench, { source: 'other' });
    assert.equal((await second.get(name('Organization', 'o1'))).status, 404);
    assert.equal((await own.get(name('Organization', 'o1'))).status, 200);
  });

  it('what is deleted at its source is gone here, and may come again', async () => {
    const path = name('Organization', 'o3');
    await hook(bench, '/Organization/o3', { method: 'DELETE' });
    await drain(bench.instance);
    assert.equal((await own.get(path)).status, 404);
    assert.ok(!namesIn(await own.get('Organization')).includes(path));
    await push(bench, organization('o3', { name: 'again' }));
    assert.equal(json<Organization>(await own.get(path)).name, 'again');
  });

  it('a store without its index gets it', async () => {
    const { store, directory, sources } = bench.instance;
    const ids = sources.list().map(({ id }) => id);
    assert.equal(await directory.complete(store, ids), undefined, 'a new store is complete');
    const rows = async (prefix: string): Promise<string[]> =>
      (await store.iterator({ gte: prefix, lt: `${prefix}~` }).all()).map(([key]) => key);
    const prefixes = ['facade-directory/', 'directory-of/'];
    const written = (await Promise.all(prefixes.map(rows))).flat();
    assert.ok(written.length > 0);
    for (const left of [0, 3]) {
      const del = [...written.slice(left), 'facade-directory-complete'].map((key) => ({
        type: 'del' as const,
        key,
      }));
      await store.batch(del);
      assert.equal(await directory.complete(store, ids), written.length / 2);
      assert.deepEqual((await Promise.all(prefixes.map(rows))).flat(), written);
    }
    assert.equal((await own.get(name('Organization', 'o1'))).status, 200);
  });
});
