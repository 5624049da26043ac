import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { LedgerError } from '../../ledger/errors.js';
import { verifyLog } from '../../ledger/verify/index.js';
import type { VaultView, VerifyReport } from '../../ledger/verify/index.js';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import { EXIT } from './exit.js';
import { bar, createTerminal } from './terminal.js';
import { openLogSource } from './verify-source.js';
import { Pace, renderVerification } from './verify-output.js';

interface VerifyFlags {
  readonly vkey?: string;
  readonly since?: string;
  readonly state?: string;
  readonly cache?: string;
  readonly json?: boolean;
}

/** Has the report say that the vault was not judged. */
const NO_VAULT: VaultView = { size: 0, rows: [] };

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('re-derive a log from its published bytes: a data folder, an exported log, or an address')
    .argument('<log>', 'folder or URL')
    .option('--vkey <key>', 'the log’s verifier key; without it the log’s own is believed and shown')
    .option('--since <checkpoint>', 'file of a checkpoint verified before: read only what is new')
    .option(
      '--state <file>',
      'go on from what this file remembers, and remember there; judges all that is new',
    )
    .option('--cache <dir>', 'keep what is fetched from an address: an interrupted run goes on from there')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak verify ./.firebreak
  firebreak verify http://127.0.0.1:8707/log --vkey demo.firebreak.example/…+…
  firebreak verify https://log.example/log --cache ./log-cache --state ./log.state
  firebreak verify ./public-log --since ./checkpoint.yesterday --json
A data folder is compared with its vault too: what was logged and not erased must lie there (openings).
With --since alone the tree, the forms and the submissions’ roots of new entries are checked; what they mean by
earlier entries is not judged, and the report says so. With --state all of it is: the first run reads the whole log.
Exits 1 and names the check, the leaf, the rule and the two values when anything does not fit.`,
    )
    .action(async (log: string, flags: VerifyFlags) => {
      const report = await verify(log, flags);
      createTerminal(false).print(flags.json === true ? JSON.stringify(report) : renderVerification(report));
      process.exitCode = report.ok ? EXIT.success : EXIT.negative;
    });
}

async function verify(log: string, flags: VerifyFlags): Promise<VerifyReport> {
  if (flags.since !== undefined && flags.state !== undefined)
    throw new AdapterError('ADAPTER_USAGE', '--state knows since when: leave out --since');
  const terminal = createTerminal(flags.json === true);
  const since = flags.since === undefined ? undefined : readNamed(flags.since, '--since');
  const stateFile = flags.state === undefined ? undefined : resolve(flags.state);
  const state = stateFile === undefined ? undefined : readIfThere(stateFile);
  const { reader, vault, close } = await openLogSource(log, flags.cache);
  try {
    const pace = new Pace(performance.now());
    const report = await verifyLog(reader, {
      nowMs: Date.now(),
      ...(flags.vkey === undefined ? {} : { vkeys: [flags.vkey] }),
      ...(since === undefined ? {} : { since }),
      ...(state === undefined ? {} : { state }),
      ...(stateFile === undefined ? {} : { onState: (parts) => writeWhole(stateFile, parts) }),
      // Seen before the log is read, so that the log is at least as long as it; a part of a log does not tell of it.
      ...(vault === undefined
        ? {}
        : { vault: since === undefined && state === undefined ? await vault() : NO_VAULT }),
      onProgress: (done, total) => {
        const line = pace.line(done, total, performance.now());
        terminal.progress(`verifying ${bar(done, total)} ${line}`);
      },
    });
    if (state !== undefined && report.since === undefined && report.ok)
      terminal.say('the state was left by another version of the rules: the whole log was verified anew');
    if (!report.ok && flags.cache !== undefined)
      terminal.say(`some of it may come from ${flags.cache}: without --cache all is fetched anew`);
    return report;
  } catch (error) {
    if (stateFile !== undefined && error instanceof LedgerError && error.code === 'LEDGER_CORRUPT')
      throw new LedgerError(
        'LEDGER_CORRUPT',
        `${stateFile}: ${error.message}; remove it to verify the whole log`,
        {
          cause: error,
        },
      );
    throw error;
  } finally {
    await close();
  }
}

/** A state has some hundred bytes an entry; what cannot be read is an error, what is not there is a first run. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new AdapterError('ADAPTER_USAGE', `--state ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function readNamed(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${flag} ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** The state as it was, or as it is: nothing between. */
function writeWhole(path: string, parts: readonly Buffer[]): void {
  const temporary = `${path}.tmp`;
  try {
    const file = openSync(temporary, 'w', 0o600);
    try {
      for (const part of parts) {
        for (let at = 0; at < part.length;) at += writeSync(file, part, at);
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    throw new LedgerError('LEDGER_WRITE_FAILED', `the state cannot be written to ${path}`, { cause });
  }
}
