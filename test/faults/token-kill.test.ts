import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertionOf, postForm, tokenForm } from '../support/client.js';
import { startUp } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { Outsiders } from '../support/outsiders.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
after(() => removeFolder(folder));

/** A port that nobody listens on now: the audience of an assertion names it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

test('11: a jti that was used is refused by the next process too, though the first was killed', async () => {
  const port = ['--port', String(await freePort())];
  let up = await startUp(data, ...port);
  const outsiders = new Outsiders(folder, data, () => up.address);
  try {
    await outsiders.newKeys('Clinic');
    const { id, kid } = await outsiders.cli<{ id: string; kid: string }>(
      'client',
      'add',
      '--name',
      'Clinic',
      '--group',
      'provider',
      '--csr',
      outsiders.path('Clinic.csr'),
      '--scope',
      'system/*.rs',
    );
    const key = createPrivateKey(readFileSync(outsiders.path('Clinic.key')));
    const client = { id, kid, key, x25519: Buffer.alloc(0) };
    const url = `${up.address}/auth/token`;
    const [used, fresh] = [assertionOf(client, url), assertionOf(client, url)];
    assert.equal((await postForm(url, tokenForm(used))).status, 200);
    await up.kill();
    up = await startUp(data, ...port);
    assert.equal(`${up.address}/auth/token`, url);
    const again = await postForm(url, tokenForm(used));
    assert.deepEqual(
      [again.status, await again.json()],
      [
        401,
        {
          error: 'invalid_client',
          error_description: 'the client is unknown, or its assertion does not hold',
        },
      ],
    );
    // It is not the clock, nor the client: one made at the same time, and not used, is good.
    assert.equal((await postForm(url, tokenForm(fresh))).status, 200);
  } finally {
    await up.dispose();
  }
});
