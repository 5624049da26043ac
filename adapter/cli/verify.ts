import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { folderReader, storeReader, urlReader, verifyLog } from '../../ledger/verify/index.js';
import type { LogReader, VerifyReport } from '../../ledger/verify/index.js';
import { AdapterError } from '../errors.js';
import { readRunning } from '../instance/running.js';
import { openStore } from '../instance/store.js';
import { EXIT } from './exit.js';
import { bar, createTerminal } from './terminal.js';

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('re-derive a log from its published bytes: a data folder, an exported log, or an address')
    .argument('<log>', 'folder or URL')
    .option('--vkey <key>', 'the log’s verifier key; without it the log’s own is believed and shown')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak verify ./.firebreak
  firebreak verify http://127.0.0.1:8707/log --vkey demo.firebreak.example/…+…
Exits 1 and names the leaf when anything does not fit.`,
    )
    .action(async (log: string, options: { vkey?: string; json?: boolean }) => {
      const terminal = createTerminal(options.json === true);
      const { reader, close } = await readerOf(log);
      try {
        const report = await verifyLog(reader, {
          ...(options.vkey === undefined ? {} : { vkeys: [options.vkey] }),
          onProgress: (done, total) =>
            terminal.progress(`verifying ${bar(done, total)} ${done} of ${total} entries`),
        });
        terminal.print(options.json === true ? JSON.stringify(report) : render(report));
        process.exitCode = report.ok ? EXIT.success : EXIT.negative;
      } finally {
        await close();
      }
    });
}

async function nothing(): Promise<void> {}

async function readerOf(log: string): Promise<{ reader: LogReader; close: () => Promise<void> }> {
  if (/^https?:\/\//.test(log)) {
    const base = log.replace(/\/+$/, '');
    return { reader: urlReader(base.endsWith('/log') ? base : `${base}/log`), close: nothing };
  }
  const dir = resolve(log);
  if (existsSync(join(dir, 'checkpoint'))) return { reader: folderReader(dir), close: nothing };
  if (!existsSync(join(dir, 'store'))) {
    throw new AdapterError(
      'ADAPTER_USAGE',
      `${log} is neither a data folder, nor an exported log, nor an address`,
    );
  }
  // A running instance has the store: what it publishes is read instead.
  const running = readRunning(dir);
  if (running?.address !== undefined) return { reader: urlReader(`${running.address}/log`), close: nothing };
  const store = await openStore(dir);
  return { reader: storeReader(store), close: () => store.close() };
}

function render(report: VerifyReport): string {
  const lines = report.checks.map(({ name, ok, checked, failure }) => {
    if (failure === undefined) return `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(12)} ${checked}`;
    const where = [
      failure.leaf === undefined ? '' : `leaf ${failure.leaf}`,
      failure.path === undefined ? '' : `in ${failure.path}`,
    ].filter((part) => part !== '');
    const values =
      failure.expected === undefined ? '' : ` (expected ${failure.expected}, found ${failure.found ?? '?'})`;
    return `FAIL ${name.padEnd(12)} ${[...where, failure.rule].join(', ')}${values}`;
  });
  const trust = report.vkeyTrust === 'given' ? '' : ' (believed at first sight; give it with --vkey)';
  return [
    ...lines,
    `origin ${report.origin}`,
    `size   ${report.size}`,
    `root   ${report.root}`,
    ...(report.vkey === undefined ? [] : [`vkey   ${report.vkey}${trust}`]),
    report.ok ? 'verified' : 'NOT verified',
  ].join('\n');
}
