import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { readUnsettled } from '../instance/unsettled.js';
import { readIdentities, restore, settle } from '../services/backup/index.js';
import type { Consequences, RestoreReport, SettleOptions } from '../services/backup/index.js';
import { configuredWitnesses } from '../services/witness/index.js';
import { EXIT } from './exit.js';
import { configOf } from './open.js';
import { passphraseOf } from './passphrase.js';
import { bar, createTerminal } from './terminal.js';
import { checkedVkey } from './witness-evidence.js';

interface RestoreFlags {
  readonly identity?: readonly string[];
  readonly log?: string;
  readonly vkey?: readonly string[];
  readonly catchUp?: boolean;
  readonly nothingPublishedSince?: boolean;
  readonly json?: boolean;
}

export function addRestore(program: Command): void {
  program
    .command('restore')
    .description('bring a backup back to life in an empty folder, as long as that forks no log')
    .argument('[file]', 'the backup; without it a folder that was restored before is settled')
    .option('--identity <file...>', 'age identity of the backup’s period (as “backup keys new” made it)')
    .option('--log <where>', 'the published log, to compare with: address, or folder of an exported log')
    .option('--vkey <key...>', 'the log’s verifier key; without it the backup’s own is believed and shown')
    .option('--catch-up', 'take the entries that the published log has and the backup has not')
    .option(
      '--nothing-published-since',
      'you know that nobody has seen an entry newer than the backup; if that is wrong, the log is forked for good',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak --data ./new restore ./backup.age --identity period.agekey --log https://firebreak.example/log
  firebreak --data ./new restore --log ./public-log --catch-up
The folder must be empty. It goes live only when the published log (--log), or the configured witnesses, have seen
nothing newer than the backup. If they have, nothing is lost: it waits, and --catch-up takes the newer entries, so that
the log goes on as the world knows it. Withdrawals, erasures and revocations among them take effect; the content of
records stored since is read again from their sources.
Exits 0 when it is live, 1 when it waits (the reason says what to do), 2 for wrong usage, 3 for a backup that is not whole.`,
    )
    .action(async (file: string | undefined, flags: RestoreFlags, command: Command) => {
      const { config } = configOf(command);
      const terminal = createTerminal(flags.json === true);
      const vkeys = flags.vkey?.map(checkedVkey);
      if (file === undefined && flags.identity !== undefined)
        throw new AdapterError('ADAPTER_USAGE', 'an identity opens a backup: name the file');
      if (file !== undefined && flags.identity === undefined)
        throw new AdapterError('ADAPTER_USAGE', 'name the identity that opens the backup: --identity FILE');
      const options: SettleOptions = {
        dataDir: config.dataDir,
        ...(flags.log === undefined
          ? {}
          : { log: /^https?:\/\//.test(flags.log) ? flags.log : resolve(flags.log) }),
        witnesses: configuredWitnesses(config),
        catchUp: flags.catchUp === true,
        nothingPublished: flags.nothingPublishedSince === true,
        nowMs: Date.now,
        passphrase: passphraseOf(config),
        onProgress: (line, done, total) => terminal.progress(`${line} ${bar(done, total)}`),
      };
      const report =
        file === undefined
          ? await settleKnown(options, vkeys)
          : await restore({
              ...options,
              file: resolve(file),
              identities: (
                await Promise.all((flags.identity ?? []).map((one) => readIdentities(resolve(one))))
              ).flat(),
              ...(vkeys === undefined ? {} : { vkeys }),
            });
      terminal.print(flags.json === true ? JSON.stringify(report) : render(report));
      process.exitCode = report.outcome === 'live' ? EXIT.success : EXIT.negative;
    });
}

async function settleKnown(
  options: SettleOptions,
  vkeys: readonly string[] | undefined,
): Promise<RestoreReport> {
  const mark = readUnsettled(options.dataDir);
  if (mark !== undefined && vkeys !== undefined && !vkeys.some((vkey) => mark.vkey.includes(vkey)))
    throw new AdapterError('ADAPTER_USAGE', 'the restored log has another key than the one given');
  return settle(options);
}

function render(report: RestoreReport): string {
  const { dataDir, origin, vkey, backedUp, size, madeAt } = report;
  const lines = [
    `origin ${origin}`,
    `vkey   ${vkey}`,
    `backup of ${new Date(madeAt).toISOString()}, ${backedUp} entries`,
    ...(report.consequences === undefined ? [] : consequenceLines(report.consequences, size - backedUp)),
  ];
  if (report.outcome === 'live') {
    return [
      ...lines,
      `${dataDir} is live with ${size} entries. Start it: firebreak --data ${dataDir} up`,
      'Look over what no log tells: clients (firebreak client list), legal holds and sources are as they were in the backup.',
    ].join('\n');
  }
  return [...lines, `${dataDir} is NOT live: ${waitingText(report)}`].join('\n');
}

function waitingText({
  waitsFor,
  published,
  backedUp,
  dataDir,
  silentWitnesses = [],
}: RestoreReport): string {
  const again = `firebreak --data ${dataDir} restore`;
  if (waitsFor === 'ahead') {
    const seen =
      published === undefined
        ? 'a witness has seen more of the log than the backup has'
        : `the published log has ${published} entries, the backup ${backedUp}`;
    return (
      `${seen}. Going on from the backup would tell the world a second history. ` +
      `Take the newer entries: ${again} --log URL|DIR --catch-up`
    );
  }
  if (waitsFor === 'fork')
    return (
      'the published log has another history than this backup. One of the two was forged or forked: neither may go on ' +
      'before it is known which. Use a backup of the published log, and delete this folder'
    );
  if (waitsFor === 'unsure')
    return (
      `too few witnesses answered to be sure that nothing newer was published (silent: ${silentWitnesses.join(', ')}). ` +
      `Try again, or compare with the published log: ${again} --log URL|DIR`
    );
  return (
    `it was not compared with what was published since. Do so: ${again} --log URL|DIR. If nothing was ever published, ` +
    `or nobody has seen anything newer: ${again} --nothing-published-since. If that is wrong, the log is forked for good`
  );
}

function consequenceLines(found: Consequences, taken: number): string[] {
  const lines: [number, string][] = [
    [taken, 'entries taken from the published log'],
    [found.consentsWithdrawn, 'consents withdrawn since: they count as withdrawn'],
    [
      found.patientsToSignAgain,
      'patients signed something since that is lost: nothing is permitted until they sign again',
    ],
    [found.recordsErased, 'records erased since: erased again'],
    [
      found.patientsErased,
      'patients of whom nothing is left after that: barred, as if all of them was erased',
    ],
    [found.clientsRevoked, 'clients revoked since: off'],
    [
      found.recordsLost,
      'records whose content is lost: read them again from their sources (firebreak source sync, import)',
    ],
    [found.resourcesChanged, 'resources whose current version is newer than the backup'],
  ];
  return lines.filter(([count]) => count > 0).map(([count, text]) => `${count} ${text}`);
}
