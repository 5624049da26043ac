import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serveHttp } from '../../adapter/services/server.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../support/instance.js';

const readme = readFileSync('README.md', 'utf8');
const folders: string[] = [];
after(() => folders.forEach(removeFolder));

/** What an example prints. */
async function printed(name: string, ...args: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  return (await promisify(execFile)(process.execPath, [file, ...args])).stdout;
}

/** The text block of the README that follows an example's code. */
function promised(name: string): string {
  const code = readFileSync(`test/examples/${name}.ts`, 'utf8').trim();
  const from = readme.indexOf(code);
  assert.notEqual(from, -1, `the README shows ${name}.ts`);
  const block = /^```text\n([\s\S]*?)^```$/m.exec(readme.slice(from + code.length));
  return block?.[1] ?? '';
}

test('the example of the gate prints what the README says', async () => {
  assert.equal(await printed('gate'), promised('gate'));
});

test('the example that reads a log prints what the README says of a new one', async () => {
  const folder = temporaryFolder();
  folders.push(folder);
  const opened = await openTestInstance(folder);
  try {
    const server = await serveHttp(opened.instance, () => undefined);
    try {
      assert.equal(await printed('read-log', `${server.address}/log`), promised('read-log'));
    } finally {
      await server.close();
    }
  } finally {
    await opened.close();
  }
});
