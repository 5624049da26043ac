import { resolve } from 'node:path';
import type { Command } from 'commander';
import { exportPublished } from '../services/export-published.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

export function addLog(program: Command): void {
  const log = program
    .command('log')
    .description('the published log')
    .addHelpText('after', '\nExample:\n  firebreak log export ./public-log');
  log
    .command('export')
    .description('write the log as files that any web server can host; a second export adds what is new')
    .argument('<dir>', 'folder to write to')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  firebreak log export ./public-log && firebreak verify ./public-log')
    .action(async (dir: string, options: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const target = resolve(dir);
      const exported = await onInstance(
        config,
        { command: 'log-export', args: { dir: target } },
        () => undefined,
        (instance) => exportPublished(instance, target),
      );
      const { size, filesWritten } = exported;
      createTerminal(false).print(
        options.json === true
          ? JSON.stringify(exported)
          : `${size} entries in ${target}, ${filesWritten} files written`,
      );
    });
}
