import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import type { ImageMemory } from '../support/image-process.js';

const MIB = 1024 * 1024;
const LARGE_BYTES = 200 * MIB;
/** What a process may grow by for an image of any size. */
const GROWTH_MAX = 64 * MIB;

/** Sends a Binary whose data is so long, piece by piece, as it is asked for. @returns Bytes of its JSON. */
async function send(url: string, secret: string, id: string, dataBytes: number): Promise<number> {
  const { port } = new URL(url);
  const head = Buffer.from(
    `{"resourceType":"Binary","id":"${id}","securityContext":{"reference":"Patient/p1"},"contentType":"image/png","data":"`,
  );
  const tail = Buffer.from('"}');
  const bytes = head.length + dataBytes + tail.length;
  const headers = {
    'content-type': 'application/fhir+json',
    authorization: `Bearer ${secret}`,
    'content-length': String(bytes),
  };
  const request = httpRequest({ port, path: `/hooks/ward/Binary/${id}`, method: 'PUT', headers });
  const answered = once(request, 'response');
  const piece = Buffer.alloc(MIB, 'iVBORw0KGgo');
  request.write(head);
  for (let sent = 0; sent < dataBytes; sent += MIB)
    await new Promise<void>((next) => request.write(piece, () => next()));
  request.end(tail);
  const [response] = (await answered) as [{ statusCode?: number; resume(): void }];
  response.resume();
  assert.equal(response.statusCode, 200);
  return bytes;
}

async function measure(child: ChildProcess): Promise<ImageMemory> {
  const answered = once(child, 'message');
  child.send('measure');
  const [answer] = (await answered) as [ImageMemory];
  return answer;
}

test('an image of 200 MiB is received, kept and read back in memory that does not grow with it', async (t) => {
  const dir = temporaryFolder();
  const child = fork(fileURLToPath(new URL('../support/image-process.js', import.meta.url)), [dir]);
  try {
    const [{ url, secret }] = (await once(child, 'message')) as [{ url: string; secret: string }];
    const small = await send(url, secret, 'small', 8 * MIB);
    const before = await measure(child);
    assert.equal(before.readBack, small);
    const large = await send(url, secret, 'large', LARGE_BYTES);
    const after = await measure(child);
    assert.equal(after.readBack, small + large);
    const growth = after.peak - before.peak;
    t.diagnostic(`grew by ${(growth / MIB).toFixed(1)} MiB over ${(before.peak / MIB).toFixed(0)} MiB`);
    assert.ok(growth < GROWTH_MAX, `grew by ${growth} bytes`);
    const gone = once(child, 'exit');
    child.send('close');
    await gone;
  } finally {
    child.kill('SIGKILL');
    removeFolder(dir);
  }
});
