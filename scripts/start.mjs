/**
 * `npm start`: set-up, then the command line. With no command it is `firebreak up --demo`; `npm start -- verify DIR`
 * is `firebreak verify DIR`.
 */
import { join } from 'node:path';
import { runInOurPlace } from './run.mjs';
import { main } from './say.mjs';
import { ROOT, setUp } from './setup.mjs';

await main(async () => {
  await setUp();
  const given = process.argv.slice(2);
  const isCommand = given[0] !== undefined && !given[0].startsWith('-');
  // Help and version are asked of the whole, not of the demo.
  const isAsking = ['-h', '--help', '-V', '--version'].includes(given[0] ?? '');
  const args = isCommand || isAsking ? given : ['up', '--demo', ...given];
  // npm has changed to the project's folder; paths that were typed are meant from where they were typed.
  const isByNpm = process.env['npm_lifecycle_event'] === 'start' && process.cwd() === ROOT;
  const cwd = (isByNpm ? process.env['INIT_CWD'] : undefined) ?? process.cwd();
  return runInOurPlace(process.execPath, [join(ROOT, 'dist', 'adapter', 'cli', 'main.js'), ...args], { cwd });
});
