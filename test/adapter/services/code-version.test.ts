import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { codeVersion } from '../../../adapter/services/code-version.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';

const DIST = join(process.cwd(), 'dist');
const folder = temporaryFolder();
after(() => removeFolder(folder));

/** What a copy of the code calls itself, in a process of its own. */
function versionIn(root: string): string {
  const url = pathToFileURL(join(root, 'adapter/services/code-version.js')).href;
  const script = `import('${url}').then(({ codeVersion }) => process.stdout.write(codeVersion()))`;
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
}

test('code is named by the version and by what it computes: a copy alike, one changed byte otherwise', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  assert.match(codeVersion(), /^\d+\.\d+\.\d+\+[0-9a-f]{24}$/);
  assert.ok(codeVersion().startsWith(`${version}+`));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const part of ['adapter/services/code-version.js', 'analytics', 'mappings/views'])
    cpSync(join(DIST, part), join(folder, part), { recursive: true });
  assert.equal(versionIn(folder), codeVersion());
  const table = join(folder, 'analytics/features/families.json');
  writeFileSync(table, readFileSync(table, 'utf8').replace('mmol/L', 'mmol/l'));
  assert.notEqual(versionIn(folder), codeVersion());
});
