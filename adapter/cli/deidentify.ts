import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { Deidentifier, PROFILE_NAMES, profileNamed, writeExact } from '../../mappings/deidentify/index.js';
import type { DeidentifyReport, Profile } from '../../mappings/deidentify/index.js';
import type { JsonObject } from '../../mappings/index.js';
import { AdapterError, codeOf } from '../errors.js';
import { resourcesOfFile } from './deidentify-files.js';
import { EXIT } from './exit.js';
import { createTerminal } from './terminal.js';
import type { Terminal } from './terminal.js';
import { listViewFiles } from './view-files.js';
import { openViewOutput, ReaderGone } from './view-output.js';

interface Flags {
  readonly profile: string;
  readonly to?: string;
  readonly keyFile?: string;
  readonly base: string[];
  readonly report?: string;
  readonly json?: boolean;
}

const KEY_BYTES = 32;
/** Elements that the summary names; the report has all. */
const NAMED_MAX = 5;

/** `firebreak deidentify FILE… --profile P`. */
export function addDeidentify(program: Command): void {
  program
    .command('deidentify')
    .description('take out of FHIR resources what tells who the patients are')
    .argument('<path...>', 'NDJSON, Bundles or resources of one source, or folders of them, plain or .gz')
    .addOption(
      new Option('--profile <profile>', 'what may leave').choices(PROFILE_NAMES).makeOptionMandatory(),
    )
    .option('--to <file>', 'NDJSON file to write; without it the resources go to stdout')
    .option('--key-file <file>', 'the project’s key, made if absent; for all profiles but safe-harbor')
    .option('--base <url...>', 'the source’s FHIR address: absolute references under it stay whole', [])
    .option('--report <file>', 'write what was dropped and masked, as JSON')
    .option('--json', 'print that report on stdout; needs --to')
    .addHelpText(
      'after',
      `
Profiles:
  safe-harbor  years only, no age over 89, states and three-digit ZIP areas, pseudonyms drawn anew each run
  shifted      dates moved by one offset a patient, so that intervals hold; pseudonyms by the project's key
  limited      real dates and five-digit ZIP codes; for use under an agreement
  gdpr         as shifted, with years of birth alone and no area under the country

Examples:
  firebreak deidentify ./export --profile safe-harbor --to safe.ndjson
  firebreak deidentify bundle.json --profile shifted --key-file study-7.key --to out.ndjson --report report.json
  firebreak deidentify Patient.ndjson.gz --profile safe-harbor | gzip > Patient.safe.ndjson.gz
What no rule names is dropped: types, elements, extensions, contained resources, narratives, free text, attachments.
Who holds the key can find the patients again: keep it from those who get the file.
Exit status 1: nothing could be let out.`,
    )
    .action(async (paths: string[], flags: Flags) => {
      process.exitCode = await deidentify(paths, flags);
    });
}

async function deidentify(paths: readonly string[], flags: Flags): Promise<number> {
  const terminal = createTerminal(flags.json === true);
  if (flags.json === true && flags.to === undefined)
    throw new AdapterError('ADAPTER_USAGE', '--json needs --to: stdout has the resources');
  const profile = profileNamed(flags.profile);
  const files = await listViewFiles(paths.map((path) => resolve(path)));
  const engine = new Deidentifier({
    profile,
    key: await keyOf(profile, flags.keyFile, terminal),
    randomBytes,
    asOfYear: new Date().getUTCFullYear(),
    bases: flags.base.map((base) => (base.endsWith('/') ? base : `${base}/`)),
  });
  await run(engine, files, flags.to, terminal);
  const report = { profile: profile.name, ...engine.report() };
  const text = JSON.stringify(report, undefined, 2);
  if (flags.report !== undefined) await writeFile(flags.report, `${text}\n`);
  if (flags.json === true) terminal.print(text);
  else summary(report, terminal);
  return report.resourcesOut === 0 ? EXIT.negative : EXIT.success;
}

/** Twice over the files: a reference may go to a resource that comes later. */
async function run(
  engine: Deidentifier,
  files: readonly string[],
  to: string | undefined,
  terminal: Terminal,
): Promise<void> {
  for (const file of files)
    for await (const { resource, fullUrl } of resourcesOfFile(file)) engine.announce(resource, fullUrl);
  const output = openViewOutput<JsonObject>(to, { head: '', row: (row) => `${writeExact(row)}\n` });
  try {
    for (const [i, file] of files.entries()) {
      terminal.progress(`${i} of ${files.length} files`);
      for await (const { resource } of resourcesOfFile(file)) {
        const safe = engine.transform(resource);
        if (safe !== undefined) output.row(safe);
        await output.flush();
      }
    }
    await output.finish();
  } catch (error) {
    await output.discard();
    if (!(error instanceof ReaderGone)) throw error;
  }
}

/**
 * The project's key. Safe Harbor allows no code derived from a person, so there it is drawn and forgotten.
 *
 * @throws AdapterError ADAPTER_USAGE.
 */
async function keyOf(profile: Profile, path: string | undefined, terminal: Terminal): Promise<Uint8Array> {
  if (profile.pseudonyms === 'random') {
    if (path === undefined) return randomBytes(KEY_BYTES);
    throw new AdapterError('ADAPTER_USAGE', `the profile ${profile.name} takes no key`);
  }
  if (path === undefined)
    throw new AdapterError('ADAPTER_USAGE', `the profile ${profile.name} needs the project’s --key-file`);
  try {
    const fresh = randomBytes(KEY_BYTES);
    await writeFile(path, `${fresh.toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
    terminal.say(`made a new key: ${path}`);
    return fresh;
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST')
      throw new AdapterError('ADAPTER_USAGE', `cannot make the key ${path}`, { cause });
  }
  const text = (await readFile(path, 'utf8')).trim();
  const key = Buffer.from(text, 'base64url');
  if (key.length !== KEY_BYTES || key.toString('base64url') !== text)
    throw new AdapterError('ADAPTER_USAGE', `${path} holds no key of ${KEY_BYTES} bytes in base64url`);
  return key;
}

function summary(report: DeidentifyReport & { readonly profile: string }, terminal: Terminal): void {
  terminal.say(`${report.resourcesOut} of ${report.resourcesIn} resources by the profile ${report.profile}`);
  for (const [what, counts] of [
    ['types left out', report.typesLeftOut],
    ['elements dropped', report.dropped],
    ['elements masked', report.masked],
  ] as const) {
    const most = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
    if (most.length === 0) continue;
    const named = most.slice(0, NAMED_MAX).map(([name, count]) => `${name} ${count}`);
    const more = most.length > NAMED_MAX ? ` and ${most.length - NAMED_MAX} more` : '';
    terminal.say(`${what}: ${named.join(', ')}${more}`);
  }
}
