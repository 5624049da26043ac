/** `npm run bench`: set-up, then the benches; `-- --json` and `-- --only NAME` are passed on. */
import { join } from 'node:path';
import { runInOurPlace } from './run.mjs';
import { main } from './say.mjs';
import { ROOT, setUp } from './setup.mjs';

await main(async () => {
  await setUp({ needsPrivateRedis: true });
  const bench = join(ROOT, 'dist', 'test', 'bench', 'main.js');
  return runInOurPlace(process.execPath, [bench, ...process.argv.slice(2)], { cwd: ROOT });
});
