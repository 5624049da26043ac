/** Images by push: byte for byte, beyond what a body may hold, bounded, and without a trace where they are refused. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Media } from 'fhir/r4.js';
import { consenting, openBench, refusalOf } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { facadeIdOf, json, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { pusherOf, statesOf } from '../support/push.js';
import type { Pusher } from '../support/push.js';

const MIB = 1024 * 1024;
const SOURCE = 'city';

const media = (data: Buffer, id?: string): object => ({
  resourceType: 'Media',
  ...(id === undefined ? {} : { id }),
  status: 'completed',
  subject: { reference: 'Patient/p' },
  content: { contentType: 'image/png', data: data.toString('base64') },
});

const refusal = async (answer: ReturnType<Pusher['send']>): Promise<number> =>
  Number.parseInt(refusalOf(await answer), 10);

describe('images by push', () => {
  const image = randomBytes(6 * MIB + 1);
  let bench: Bench;
  let city: Pusher;
  let reader: Reader;
  let patient: string;

  before(async () => {
    bench = await openBench({ imageBytesMax: 16 * MIB, bodyBytesMax: 5 * MIB });
    city = await pusherOf(bench, { push: SOURCE });
    patient = (await consenting(bench, 'p', {}, SOURCE)).enrolled.patient.reference;
    reader = await readerOf(bench, { source: SOURCE });
  });
  after(() => bench.close());

  const native = { 'content-type': 'image/png', 'x-security-context': 'Patient/p' };
  const path = (type: string, id: string): string => `${type}/${facadeIdOf(bench, type, id, SOURCE)}`;
  const files = (): string[] =>
    readdirSync(join(bench.instance.config.dataDir, 'blobs'), {
      recursive: true,
      encoding: 'utf8',
    }).toSorted();

  it('a Binary as its content, larger than a body may be', async () => {
    const report = await city.became(await city.send('PUT', '/Binary/x-ray', image, { headers: native }));
    assert.deepEqual(statesOf(report), ['200 stored']);
    const served = await reader.get(path('Binary', 'x-ray'));
    assert.deepEqual([served.status, served.headers['content-type']], [200, 'image/png']);
    assert.ok(served.body.equals(image));
  });

  it('a resource with its data, put to its address and posted to its type', async () => {
    const put = await city.became(await city.send('PUT', '/Media/scan', media(image, 'scan')));
    assert.deepEqual(statesOf(put), ['200 stored']);
    const served = json<Media>(await reader.get(path('Media', 'scan')));
    assert.equal(served.subject?.reference, patient);
    assert.ok(Buffer.from(served.content.data ?? '', 'base64').equals(image));
    const posted = await city.became(await city.send('POST', '/Media', media(image)));
    assert.deepEqual(statesOf(posted), ['201 stored']);
  });

  it('the same image again is known', async () => {
    const kept = files();
    const again = await city.became(await city.send('PUT', '/Media/scan', media(image, 'scan')));
    assert.deepEqual(statesOf(again), ['200 same']);
    assert.deepEqual(files(), kept);
  });

  it('what is refused leaves no file', async () => {
    const kept = files();
    // Larger than an image may be, told and untold.
    const huge = Buffer.alloc(16 * MIB + 1);
    assert.equal(await refusal(city.send('PUT', '/Binary/huge', huge, { headers: native })), 413);
    // Another resource than the address names.
    assert.equal(await refusal(city.send('PUT', '/Media/other', media(image, 'scan'))), 400);
    assert.equal(
      await refusal(
        city.send('PUT', '/Media/scan', media(image, 'scan'), {
          headers: { 'content-type': 'application/fhir+xml' },
        }),
      ),
      415,
    );
    // Content itself has no type to be posted to, and only a Binary is its content.
    assert.equal(await refusal(city.send('POST', '/Binary', image, { headers: native })), 415);
    assert.equal(await refusal(city.send('PUT', '/Media/scan', image, { headers: native })), 415);
    // Too much beside the data, and no end.
    assert.equal(
      await refusal(
        city.send('PUT', '/Media/scan', image, { headers: { 'content-type': 'application/fhir+json' } }),
      ),
      413,
    );
    const half = Buffer.from(JSON.stringify(media(image, 'half'))).subarray(0, 7 * MIB);
    assert.equal(await refusal(city.send('PUT', '/Media/half', half)), 400);
    // What is no image is bounded as ever.
    const note = JSON.stringify({ ...media(image), resourceType: 'Observation', id: 'o' });
    assert.equal(await refusal(city.send('PUT', '/Observation/o', note)), 413);
    assert.deepEqual(files(), kept);
  });
});
