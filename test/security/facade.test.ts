/** Attacks on reading over the facade, by number of the catalogue of attacks; each over HTTP, on a real instance. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Bundle, CapabilityStatement } from 'fhir/r4.js';
import type { Wallet } from '../support/wallet.js';
import {
  consenting,
  hook,
  issueOf,
  openBench,
  push,
  readLog,
  refusalOf,
  sign,
  typesSince,
} from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { facadeIdOf, json, linkIn, namesIn, readerOf, withToken } from '../adapter/support/facade.js';
import type { Reader } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { enrolClient, tokenFor } from '../support/client.js';
import { distance, Z_MAX } from '../support/rank-test.js';
import { drain } from '../../adapter/services/drain.js';

/** Ends of next links are rounded to this. */
const LINK_ROUND_MS = 15 * 60_000;
const NEVER = 'a'.repeat(32);
const NOT_FOUND = '404 not-found ADAPTER_NOT_FOUND';

/** Of another kind than a heart rate. */
function hiv(id: string, subject: string, more: object = {}): { resourceType: string; id: string } {
  const coding = [{ system: 'http://loinc.org', code: '75622-1' }];
  return { ...heartRate(id, subject, 1, { version: '1', minute: 1 }), code: { coding }, ...more } as never;
}

/** What a caller sees of an answer, but for the time of day. */
function seen({ status, headers, body }: Answer): object {
  const { date: _date, ...rest } = headers;
  return { status, headers: rest, body: body.toString('utf8') };
}

/** A permit for codes, which leaves all else hidden. */
function onlyCodes(...codes: readonly string[]): object {
  return {
    provision: {
      code: [{ coding: codes.map((code) => ({ system: 'http://loinc.org', code })) }],
    },
  };
}

describe('what a caller may see', () => {
  let bench: Bench;
  let own: Reader;
  let stranger: Reader;
  let wallets: Record<'a' | 'b', Wallet>;
  let a: string;
  let b: string;

  before(async () => {
    bench = await openBench();
    wallets = { a: await consenting(bench, 'a'), b: await consenting(bench, 'b') };
    a = wallets.a.enrolled.patient.reference;
    b = wallets.b.enrolled.patient.reference;
    own = await readerOf(bench, { source: bench.source.id });
    stranger = await readerOf(bench, { name: 'Elsewhere' });
    for (const name of ['a', 'b']) {
      await push(bench, patient(name, { version: '1', minute: 1 }));
      await push(bench, heartRate(`${name}1`, name, 70, { version: '1', minute: 1 }));
      await push(bench, heartRate(`${name}1`, name, 71, { version: '2', minute: 2 }));
    }
  });
  after(() => bench.close());

  const id = (name: string, type = 'Observation'): string => facadeIdOf(bench, type, name);

  const time = async (path: string): Promise<number> => {
    const start = performance.now();
    await stranger.get(path);
    return performance.now() - start;
  };

  const identified = async (value: string): Promise<string[]> =>
    namesIn(await own.get(`Observation?patient=${a}&identifier=${encodeURIComponent(value)}`));

  const receipts = async (path: string): Promise<number[]> => {
    const begun = bench.instance.engine.head().size;
    await own.get(path);
    const entries = (await readLog(bench.instance)).slice(begun).filter(({ type }) => type !== 'submission');
    assert.ok(
      entries.every(({ type }) => type === 'disclosure'),
      path,
    );
    return entries.map(({ tags }) => tags.length).toSorted((x, y) => x - y);
  };

  it('33: another patient’s id is answered as one that never was', async () => {
    for (const [hidden, unknown] of [
      [`Observation/${id('b1')}`, `Observation/${NEVER}`],
      [b, `Patient/${NEVER}`],
      [`${b}/$everything`, `Patient/${NEVER}/$everything`],
      [`Condition/${id('b1')}`, `Condition/${NEVER}`],
    ] as const) {
      const answer = await stranger.get(hidden);
      assert.equal(refusalOf(answer), NOT_FOUND);
      assert.deepEqual(seen(answer), seen(await stranger.get(unknown)), hidden);
    }
    // The source's own ids name nothing here.
    assert.equal((await own.get('Observation/a1')).status, 404);
    assert.equal((await own.get(`Condition/${id('a1')}`)).status, 404);
  });

  it('33: and in the same time', async () => {
    const paths = [`Observation/${id('b1')}`, `Observation/${NEVER}`] as const;
    const times: [number[], number[]] = [[], []];
    for (let i = 0; i < 40; i++) for (const k of [0, 1] as const) times[k].push(await time(paths[k]));
    const z = distance(...times);
    assert.ok(Math.abs(z) <= Z_MAX, `${z.toFixed(1)} standard deviations`);
  });

  it('34: a guessed index of the log shows a commitment only', async () => {
    const begun = bench.instance.engine.head().size;
    await own.get(`Observation/${id('a1')}`);
    const entries = (await readLog(bench.instance)).slice(begun);
    const receipt = entries.find(({ type }) => type === 'disclosure');
    assert.deepEqual(Object.keys(receipt?.body ?? {}).toSorted(), ['commitment', 'handle']);
  });

  it('35: versions and histories go through the gate too', async () => {
    for (const rest of ['/_history/1', '/_history/2', '/_history']) {
      const hidden = await stranger.get(`Observation/${id('b1')}${rest}`);
      assert.equal(refusalOf(hidden), NOT_FOUND);
      assert.deepEqual(seen(hidden), seen(await stranger.get(`Observation/${NEVER}${rest}`)));
    }
    const history = await stranger.get(`Observation/_history?patient=${b}`);
    const unknown = await stranger.get(`Observation/_history?patient=Patient/${NEVER}`);
    assert.equal(history.body.toString('utf8').replace(b.slice(8), NEVER), unknown.body.toString('utf8'));
  });

  it('35: each version is judged by what it says itself', async () => {
    const wallet = await consenting(bench, 'v', { actions: ['collect'] });
    await sign(bench, wallet, { actions: ['access'], ...onlyCodes('8867-4') });
    await push(bench, heartRate('turned', 'v', 70, { version: '1', minute: 1 }));
    const path = `Observation/${id('turned')}`;
    assert.equal((await own.get(path)).status, 200);
    await push(bench, hiv('turned', 'v', { meta: { versionId: '2', lastUpdated: '2026-01-01T00:05:00Z' } }));
    assert.equal(refusalOf(await own.get(path)), NOT_FOUND);
    assert.equal(refusalOf(await own.get(`${path}/_history/2`)), NOT_FOUND);
    assert.equal((await own.get(`${path}/_history/1`)).status, 200);
    const history = json<Bundle>(await own.get(`${path}/_history`));
    assert.deepEqual(
      history.entry?.map(({ response }) => response?.etag),
      ['W/"1"'],
    );
    assert.deepEqual(namesIn(await own.get(`Observation?patient=${wallet.enrolled.patient.reference}`)), []);
  });

  it('36: a client has no way to the administration', async () => {
    for (const path of ['/admin', '/clients', '/sources', '/dead-letters'])
      assert.equal((await own.get(`${bench.url}${path}`)).status, 404);
    assert.equal(
      (await own.get(`${bench.url}/sources/ward/invitations`, { method: 'POST', body: '{}' })).status,
      401,
    );
  });

  it('38: the patient’s permit alone opens nothing to whom the custodian has not permitted', async () => {
    await sign(bench, wallets.b, { actor: stranger.reference });
    assert.equal(refusalOf(await stranger.get(`Observation/${id('b1')}`)), NOT_FOUND);
    assert.deepEqual(namesIn(await stranger.get(`Observation?patient=${b}`)), []);
  });

  it('50, 54: withdrawn between two pages: the next page is 403', async () => {
    const wallet = await consenting(bench, 'w', {
      identifier: '5e0b4a5e-58f4-4f0c-9d3c-0d8f6f1f9a77',
      dateTime: new Date(Date.now() - 5000).toISOString(),
    });
    for (const name of ['w1', 'w2', 'w3']) await push(bench, heartRate(name, 'w', 70));
    const { reference } = wallet.enrolled.patient;
    const first = await own.get(`Observation?patient=${reference}&_count=1`);
    const next = linkIn(first, 'next') ?? '';
    const everything = linkIn(await own.get(`${reference}/$everything?_count=1`), 'next') ?? '';
    const history = linkIn(await own.get(`Observation/_history?patient=${reference}&_count=1`), 'next') ?? '';
    const second = await own.get(next);
    assert.equal(namesIn(second).length, 1);
    const path = namesIn(second)[0] ?? '';
    await sign(bench, wallet, { identifier: '5e0b4a5e-58f4-4f0c-9d3c-0d8f6f1f9a77', status: 'inactive' });
    for (const link of [next, linkIn(second, 'next') ?? '', everything, history])
      assert.equal(refusalOf(await own.get(link)), '403 forbidden ADAPTER_FORBIDDEN');
    assert.equal(refusalOf(await own.get(path)), NOT_FOUND);
  });

  it('52: a withdrawal that races reads: none stands on the log behind it', async () => {
    const identifier = '5e0b4a5e-58f4-4f0c-9d3c-0d8f6f1f9a78';
    const wallet = await consenting(bench, 'r', {
      identifier,
      dateTime: new Date(Date.now() - 5000).toISOString(),
    });
    await push(bench, heartRate('r1', 'r', 70));
    const path = `Observation/${id('r1')}`;
    const reads: Promise<Answer>[] = [];
    for (let i = 0; i < 20; i++) reads.push(own.get(path));
    const withdrawn = sign(bench, wallet, { identifier, status: 'inactive' });
    for (let i = 0; i < 20; i++) {
      reads.push(own.get(path));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const answers = await Promise.all(reads);
    await withdrawn;
    const entries = await readLog(bench.instance);
    const end = entries.findLast(({ type }) => type === 'consent.withdrawn')?.leaf ?? 0;
    const tagged = entries.filter(
      ({ type, tags, leaf }) => type === 'disclosure' && tags.length > 0 && leaf > end,
    );
    assert.deepEqual(tagged, []);
    assert.ok(answers.every(({ status }) => status === 200 || status === 404));
    assert.equal((await own.get(path)).status, 404);
  });

  it('53: expired and future consents permit nothing', async () => {
    const past = { start: '2020-01-01', end: '2021-01-01' };
    const future = { start: '2090-01-01' };
    for (const [name, period] of [
      ['past', past],
      ['future', future],
    ] as const) {
      const wallet = await consenting(bench, name, { actions: ['collect'] });
      await push(bench, heartRate(`${name}1`, name, 70));
      await sign(bench, wallet, { actions: ['access'], provision: { period } });
      assert.equal(refusalOf(await own.get(`Observation/${id(`${name}1`)}`)), NOT_FOUND, name);
    }
  });

  it('55: a token without a purpose, or with two, is not given', async () => {
    const client = await enrolClient(bench.instance);
    for (const purpose of ['', 'TREAT ETREAT', 'TREAT,ETREAT'])
      await assert.rejects(tokenFor(client, bench.url, { purpose_of_use: purpose }), /400/);
  });

  it('56, 57: a permit for treatment is none for break-glass, nor for trials', async () => {
    for (const purpose of ['ETREAT', 'CLINTRL', 'COC']) {
      const other = await withToken(bench, own, { purpose_of_use: purpose });
      assert.equal(refusalOf(await other.get(`Observation/${id('a1')}`)), NOT_FOUND, purpose);
      assert.deepEqual(namesIn(await other.get(`Observation?patient=${a}`)), []);
    }
    await assert.rejects(tokenFor(own.client, bench.url, { purpose_of_use: 'BTG' }), /400/);
  });

  it('66, 68: unlabelled data under a label rule, and sensitive parts inside, are withheld', async () => {
    const confidentiality = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
    const wallet = await consenting(bench, 'l', { actions: ['collect'] });
    await sign(bench, wallet, {
      actions: ['access'],
      provision: { securityLabel: [{ system: confidentiality, code: 'N' }] },
    });
    const labelled = (name: string, code?: string, more: object = {}): object => ({
      ...heartRate(name, 'l', 70),
      ...(code === undefined ? {} : { meta: { security: [{ system: confidentiality, code }] } }),
      ...more,
    });
    const inside = {
      resourceType: 'Condition',
      id: 'c',
      meta: { security: [{ system: confidentiality, code: 'R' }] },
    };
    await push(
      bench,
      labelled('l-none'),
      labelled('l-n', 'N'),
      labelled('l-r', 'R'),
      labelled('l-inside', 'N', { contained: [inside] }),
    );
    assert.equal((await own.get(`Observation/${id('l-n')}`)).status, 200);
    for (const name of ['l-none', 'l-r', 'l-inside'])
      assert.equal(refusalOf(await own.get(`Observation/${id(name)}`)), NOT_FOUND, name);
    const found = await own.get(`Observation?patient=${wallet.enrolled.patient.reference}`);
    assert.deepEqual(namesIn(found), [`Observation/${id('l-n')}`]);
  });

  it('70–73, 75, 76: what would tell of hidden data is refused', async () => {
    const scope = `patient=${a}&`;
    for (const query of [
      '_has:Observation:patient:code=8867-4',
      'subject:Patient.name=x',
      'patient.name=x',
      'subject.birthdate=1950',
      '_include=Observation:subject',
      '_include:iterate=Observation:subject',
      '_revinclude=Provenance:target',
      '_revinclude:iterate=Provenance:target',
      '_total=accurate',
      '_total=none',
      '_summary=count',
      '_summary=true',
      '_elements=id',
      '_filter=code eq x',
      '_query=x',
      '_text=x',
      '_content=x',
      '_sort=subject',
      '_sort=code',
      '_sort=-value-quantity',
      '_sort=_id,patient.name',
      'value-quantity=gt1',
      'note=x',
      'code:not=8867-4',
      'code:in=http://x',
      'code:text=x',
      'date:missing=true',
      '_id:exact=x',
      'patient:identifier=x|y',
      '__proto__=x',
      'constructor=x',
      'hasOwnProperty=x',
    ]) {
      const answer = await own.get(`Observation?${scope}${query.replaceAll(' ', '%20')}`);
      assert.equal(refusalOf(answer), '400 invalid ADAPTER_BAD_REQUEST', query);
    }
    assert.equal(refusalOf(await own.get('Observation?code=8867-4')), '400 invalid ADAPTER_BAD_REQUEST');
    assert.equal(refusalOf(await own.get('Patient?patient=x')), '400 invalid ADAPTER_BAD_REQUEST');
  });

  it('74: another’s next link is as one that never was, and so is an altered one', async () => {
    const next = linkIn(await own.get(`Observation/_history?patient=${a}&_count=1`), 'next') ?? '';
    assert.equal((await own.get(next)).status, 200);
    const other = await readerOf(bench, { source: bench.source.id });
    const otherPurpose = await withToken(bench, own, { purpose_of_use: 'ETREAT' });
    const reference = seen(await other.get('_page/nothing'));
    assert.equal((reference as { status: number }).status, 404);
    assert.deepEqual(seen(await other.get(next)), reference);
    assert.deepEqual(seen(await otherPurpose.get(next)), reference);
    const token = next.slice(next.lastIndexOf('/') + 1);
    for (let i = 0; i < token.length; i += 17) {
      const altered = `${token.slice(0, i)}${token[i] === 'A' ? 'B' : 'A'}${token.slice(i + 1)}`;
      assert.deepEqual(seen(await own.get(`_page/${altered}`)), reference);
    }
    for (const text of [`${token}=`, token.slice(0, -2), `${token}AAAA`])
      assert.deepEqual(seen(await own.get(`_page/${text}`)), reference);
  });

  it('77: commas, pipes, escapes and SQL are literal', async () => {
    const odd = String.raw`x,y|z$\w' OR 1=1 --`;
    await push(bench, {
      ...heartRate('odd', 'a', 70),
      identifier: [{ system: 'urn:odd', value: odd }],
    });
    const escaped = odd.replaceAll(/[\\,|$]/g, String.raw`\$&`);
    assert.deepEqual(await identified(escaped), [`Observation/${id('odd')}`]);
    assert.deepEqual(await identified(`urn:odd|${escaped}`), [`Observation/${id('odd')}`]);
    assert.deepEqual(await identified(`' OR 1=1 --`), []);
    assert.deepEqual(await identified('x,y'), []);
    for (const value of ['%', '*', '.*', '(a+)+$', ' ']) assert.deepEqual(await identified(value), [], value);
    for (const value of ['a|b|c', '|', ',', 'a,', String.raw`a\b`])
      assert.equal(
        refusalOf(await own.get(`Observation?patient=${a}&identifier=${encodeURIComponent(value)}`)),
        '400 invalid ADAPTER_BAD_REQUEST',
        value,
      );
  });

  it('78: repeated parameters are intersected', async () => {
    const both = `Observation?patient=${a}&patient=${b}`;
    assert.deepEqual(namesIn(await own.get(both)), []);
    assert.deepEqual(namesIn(await own.get(`Observation?_id=${id('a1')}&_id=${id('b1')}`)), []);
    assert.deepEqual(namesIn(await own.get(`Observation?_id=${id('a1')},${id('b1')}&_id=${id('b1')}`)), [
      `Observation/${id('b1')}`,
    ]);
    for (const query of ['_count=1&_count=2', '_sort=_id&_sort=date'])
      assert.equal(
        refusalOf(await own.get(`Observation?patient=${a}&${query}`)),
        '400 invalid ADAPTER_BAD_REQUEST',
      );
  });

  it('100, 103: a huge _count is capped, and paths in ids are refused', async () => {
    const answer = await own.get(`Observation?patient=${a}&_count=999999999`);
    assert.equal(answer.status, 200);
    for (const count of ['0', '-1', '1e9', 'x', '9'.repeat(20)])
      assert.equal(
        refusalOf(await own.get(`Observation?patient=${a}&_count=${count}`)),
        '400 invalid ADAPTER_BAD_REQUEST',
      );
    for (const path of [
      'Observation/..%2f..%2fkeys',
      'Observation/%00',
      'Observation/a%20b',
      `Observation/${'x'.repeat(65)}`,
    ])
      assert.equal(refusalOf(await own.get(path)), '400 invalid ADAPTER_BAD_REQUEST', path);
  });

  it('95, 96, 98: XML, a huge form and the prototype’s name are refused', async () => {
    const bad = '400 invalid ADAPTER_BAD_REQUEST';
    const xml = await own.get(`Observation/${id('a1')}`, { headers: { accept: 'application/fhir+xml' } });
    assert.equal(refusalOf(xml), '406 not-supported ADAPTER_NOT_ACCEPTABLE');
    const search = (body: string, type: string): Promise<Answer> =>
      own.get('Observation/_search', { method: 'POST', body, headers: { 'content-type': type } });
    assert.equal((await search('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'application/xml')).status, 415);
    const form = 'application/x-www-form-urlencoded';
    assert.equal((await search(`code=${'x'.repeat(70_000)}`, form)).status, 413);
    for (const name of ['__proto__', 'constructor', 'toString', '__proto__[x]'])
      assert.equal(refusalOf(await search(`patient=${NEVER}&${name}=1`, form)), bad, name);
    assert.equal(({} as Record<string, unknown>)['x'], undefined);
  });

  it('99: what would be a slow expression is a literal text, and costs no more', async () => {
    const startedAt = performance.now();
    const text = encodeURIComponent(`(a+)+$${'a'.repeat(2000)}!`);
    assert.deepEqual(namesIn(await own.get(`Observation?patient=${a}&code=${text}`)), []);
    assert.ok(performance.now() - startedAt < 5000);
  });

  it('101: line ends in addresses reach neither headers nor the log as such', async () => {
    const line = '%0d%0aSet-Cookie:%20stolen=1%0d%0a{"level":"error"}';
    for (const path of [
      `Observation/${line}`,
      `Observation?code=${line}&patient=${NEVER}`,
      `_page/${line}`,
    ]) {
      const answer = await own.get(path);
      assert.equal(answer.headers['set-cookie'], undefined, path);
      assert.ok(!answer.body.includes('\r'), path);
    }
    for (const text of bench.logged().trim().split('\n')) assert.ok(!text.includes('stolen'));
  });

  it('102: a script in a narrative leaves as text that no browser runs', async () => {
    const div = '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></div>';
    const text = { status: 'generated', div };
    await push(bench, { ...heartRate('script', 'a', 70), text });
    const answer = await own.get(`Observation/${id('script')}`, { headers: { accept: '*/*' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/fhir+json; charset=utf-8');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  });

  it('every answer leaves its receipt: one a patient, and one without a tag for nothing', async () => {
    assert.deepEqual(await receipts(`Observation/${id('a1')}`), [1]);
    assert.deepEqual(await receipts(`Observation/${id('a1')}/_history`), [1]);
    assert.deepEqual(await receipts(`Observation?patient=${a}`), [1]);
    assert.deepEqual(await receipts(`Observation?patient=${a},${b}`), [1, 1]);
    assert.deepEqual(await receipts(`${a}/$everything`), [1]);
    assert.deepEqual(await receipts(`Observation/${NEVER}`), [0]);
    assert.deepEqual(await receipts(`Observation?patient=${NEVER}`), [0]);
    assert.deepEqual(await receipts('_page/nothing'), [0]);
    assert.deepEqual(await receipts(`Observation?patient=${a}&_has:x=1`), []);
  });

  it('112: where the receipt cannot be written, nothing is shown', async () => {
    const { appender } = bench.instance;
    const store = bench.instance.store as unknown as { batch: unknown };
    const real = store.batch;
    assert.ok(appender.waitingCount === 0);
    store.batch = () => Promise.reject(new Error('no space left on device'));
    try {
      for (const path of [`Observation/${id('a1')}`, `Observation?patient=${a}`, `Observation/${NEVER}`]) {
        const answer = await own.get(path);
        assert.equal(answer.status, 503, path);
        assert.equal(issueOf(answer).severity, 'error');
      }
    } finally {
      store.batch = real;
    }
  });
});

describe('105: a flood', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 1 });
  });
  after(() => bench.close());

  it('costs its sender its turn, with the time to wait, and nobody else', async () => {
    const flooding = await readerOf(bench);
    const other = await readerOf(bench);
    const begun = bench.instance.engine.head().size;
    const answers = await Promise.all(Array.from({ length: 25 }, () => flooding.get(`Observation/${NEVER}`)));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 15, `${refused.length} of 25 were refused`);
    for (const answer of refused) {
      assert.equal(refusalOf(answer), '429 throttled ADAPTER_TOO_MANY_REQUESTS');
      assert.ok(Number(answer.headers['retry-after']) >= 1);
    }
    // What was refused looked at nothing, and left nothing on the log.
    const left = (await typesSince(bench.instance, begun)).filter((type) => type === 'disclosure');
    assert.equal(left.length, answers.length - refused.length);
    assert.equal((await other.get(`Observation/${NEVER}`)).status, 404);
  });
});

describe('82: hidden data changes not one byte of an answer', () => {
  let bench: Bench;
  let own: Reader;
  let reference: string;

  before(async () => {
    bench = await openBench();
    // The patient lets the hospital collect all, and its system see heart rates and the Patient alone.
    const wallet = await consenting(bench, 'p', { actions: ['collect'] });
    reference = wallet.enrolled.patient.reference;
    own = await readerOf(bench, { source: bench.source.id });
    await sign(bench, wallet, { actions: ['access'], actor: own.reference, ...onlyCodes('8867-4') });
    await sign(bench, wallet, {
      actions: ['access'],
      actor: own.reference,
      provision: { class: [{ system: 'http://hl7.org/fhir/resource-types', code: 'Patient' }] },
    });
    await push(bench, patient('p', { version: '1', minute: 1 }));
    for (let i = 0; i < 5; i++)
      await push(bench, heartRate(`p${i}`, 'p', 60 + i, { version: '1', minute: i }));
  });
  after(() => bench.close());

  const paths = (): string[] => {
    const id = (name: string): string => facadeIdOf(bench, 'Observation', name);
    const scope = `patient=${reference}`;
    return [
      `Observation/${id('p0')}`,
      `Observation/${id('p0')}/_history`,
      `Observation/${id('p0')}/_history/1`,
      `Observation/${id('hidden')}`,
      `Observation/${id('hidden')}/_history`,
      `Observation/${id('hidden')}/_history/1`,
      `Observation?${scope}`,
      `Observation?${scope}&_count=2`,
      `Observation?${scope}&_count=5`,
      `Observation?${scope}&_sort=date`,
      `Observation?${scope}&_sort=-date&_count=2`,
      `Observation?${scope}&_sort=-_lastUpdated&_count=3`,
      `Observation?${scope}&code=75622-1`,
      `Observation?${scope}&code=8867-4,75622-1`,
      `Observation?${scope}&category=secret`,
      `Observation?${scope}&status=final&_count=4`,
      `Observation?${scope}&date=ge2026`,
      `Observation?${scope}&_lastUpdated=ge2020`,
      `Observation?${scope}&encounter=${NEVER}`,
      `Observation?${scope}&identifier=urn:secret|1`,
      `Observation?_id=${id('hidden')}`,
      `Observation?_id=${id('hidden')},${id('p1')}`,
      `Observation?_id=${id('p1')}&${scope}`,
      `Condition?${scope}`,
      `Condition?${scope}&code=hidden`,
      `Condition/${facadeIdOf(bench, 'Condition', 'hidden-condition')}`,
      `Condition/_history?${scope}`,
      `Observation/_history?${scope}`,
      `Observation/_history?${scope}&_count=2`,
      'Patient',
      `Patient?_id=${reference.slice(8)}`,
      `Patient?identifier=urn:mrn|hidden`,
      `Patient?_count=1`,
      reference,
      `${reference}/_history`,
      `${reference}/$everything`,
      `${reference}/$everything?_count=2`,
      `${reference}/$everything?_type=Condition`,
      `Patient/${facadeIdOf(bench, 'Patient', 'q')}`,
      `Patient/${facadeIdOf(bench, 'Patient', 'q')}/$everything`,
      `Observation?patient=${facadeIdOf(bench, 'Patient', 'q')}`,
      `Observation?patient=${facadeIdOf(bench, 'Patient', 'q')},${reference}`,
    ];
  };

  /** Every parameter that the statement promises, by what it says of its type, and each order that it can be asked in. */
  const promised = async (): Promise<string[]> => {
    const { rest = [] } = json<CapabilityStatement>(await own.get('metadata'));
    const values: Readonly<Record<string, string>> = {
      token: 'hidden',
      date: 'ge2020',
      reference: `Encounter/${NEVER}`,
    };
    return (rest[0]?.resource ?? []).flatMap(({ type, searchParam = [] }) => {
      const scope = searchParam.some(({ name }) => name === 'patient') ? `patient=${reference}&` : '';
      return searchParam
        .filter(({ name }) => name !== 'patient')
        .map(({ name, type: kind }) => `${type}?${scope}${name}=${values[kind] ?? 'hidden'}`);
    });
  };

  /** Each address, and all pages behind it. */
  const walk = async (addresses: readonly string[] = paths()): Promise<object[]> => {
    const answers: object[] = [];
    for (const path of addresses) {
      let next: string | undefined = path;
      while (next !== undefined) {
        const answer: Answer = await own.get(next);
        answers.push({ path, ...seen(answer) });
        const isBundle = answer.status === 200 && json<Bundle>(answer).resourceType === 'Bundle';
        next = isBundle ? linkIn(answer, 'next') : undefined;
      }
    }
    return answers;
  };

  it('over every search path, page by page', async () => {
    const all = await promised();
    assert.ok(all.length > 150, String(all.length));
    const promisedWithout = await walk(all);
    // Links end at round times: both walks must fall between two of them.
    const leftMs = LINK_ROUND_MS - (Date.now() % LINK_ROUND_MS);
    if (leftMs < 60_000) await new Promise((resolve) => setTimeout(resolve, leftMs));
    const without = await walk();
    assert.equal(JSON.stringify(await walk()), JSON.stringify(without), 'an answer is the same twice');
    // A patient that nobody may see, and records of the visible one that are hidden.
    await consenting(bench, 'q', { actions: ['collect'] });
    await push(bench, { ...patient('q'), identifier: [{ system: 'urn:mrn', value: 'hidden' }] });
    await push(bench, heartRate('q1', 'q', 70));
    await push(
      bench,
      hiv('hidden', 'p', {
        identifier: [{ system: 'urn:secret', value: '1' }],
        category: [{ coding: [{ code: 'secret' }] }],
        encounter: { reference: 'Encounter/e' },
      }),
      ...Array.from({ length: 12 }, (_, i) => hiv(`hidden${i}`, 'p')),
      {
        resourceType: 'Condition',
        id: 'hidden-condition',
        subject: { reference: 'Patient/p' },
        code: { coding: [{ code: 'hidden' }] },
      },
    );
    await hook(bench, '/Observation/hidden3', { method: 'DELETE' });
    await drain(bench.instance);
    const kept = await bench.instance.store.keys({ gte: 'facade-record/', lt: 'facade-record/~' }).all();
    assert.ok(kept.length >= 20, 'the hidden data is there');
    assert.deepEqual(await walk(), without);
    // None of these has a second page, so no link ends while they are asked.
    assert.deepEqual(await walk(all), promisedWithout);
    assert.ok((await typesSince(bench.instance, 0)).filter((type) => type === 'disclosure').length > 100);
  });
});
