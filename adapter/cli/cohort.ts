/** `cohort`: for researchers over HTTP with their own keys, and for the hospital's operator on its own instance. */
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import type { AggregateAnswer, ShownCohort, ShownExport } from '../http/contract/index.js';
import { COHORT_REQUEST_KIND } from '../services/cohorts/index.js';
import { decideCohort, listCohorts, showCohort } from '../services/cohorts/index.js';
import { CohortClient, hashOfFile } from './cohort-client.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { readText } from './read-text.js';
import { signingKey } from './signing-key.js';
import { createTerminal } from './terminal.js';

interface Json {
  readonly json?: boolean;
}

interface Remote extends Json {
  readonly server: string;
  readonly key: string;
  readonly certificate: string;
  readonly purpose: string;
}

interface ExportFlags extends Remote {
  readonly type?: readonly string[];
  readonly since?: string;
  readonly elements?: readonly string[];
}

/** What is read of a bulk manifest. */
interface Manifest {
  readonly output: readonly { readonly url: string; readonly type: string; readonly count?: number }[];
  readonly deleted: readonly { readonly url: string }[];
  readonly error: readonly { readonly url: string }[];
  readonly extension: {
    readonly 'urn:firebreak:export': {
      readonly handle: string;
      readonly proof: string;
      readonly files: readonly { readonly url: string }[];
    };
  };
}

const HOW = '--server https://hospital.example --key m.key --certificate m.pem';

export function addCohort(program: Command): void {
  const group = program
    .command('cohort')
    .description('de-identified cohorts: researchers define and pull them, hospitals approve them')
    .addHelpText(
      'after',
      `
Researchers work over HTTP with the key of their own organisation:
  firebreak cohort define heart.yaml ${HOW}
  firebreak cohort feasibility ID …    about how many there are, before anybody is asked
  firebreak cohort request ID …        ask the hospitals
  firebreak cohort export ID …         begin an export and wait for it
  firebreak cohort download EXPORT --to ./heart …
Hospitals decide on their own instance:
  firebreak cohort list
  firebreak cohort approve ID --by "Ann Lee"`,
    );
  addResearch(group);
  addExports(group);
  addHospital(group);
}

function addResearch(group: Command): void {
  remote(group, 'define', '<file>', 'keep a definition (YAML or JSON); prints the cohort’s id').action(
    async (file: string, flags: Remote) => {
      const body = readText(file);
      const shown = (await clientOf(flags).json('/cohorts', { method: 'POST', body })) as ShownCohort;
      print(flags, shown, `${shown.id}  ${shown.state}`);
    },
  );
  remote(group, 'feasibility', '<id>', 'about how many patients permit it, with noise').action(
    async (id: string, flags: Remote) => {
      const path = `/cohorts/${id}/feasibility`;
      const answer = (await clientOf(flags).json(path, { method: 'POST' })) as AggregateAnswer;
      print(flags, answer, told(answer));
    },
  );
  remote(group, 'request', '<id>', 'ask the hospitals; signed here with the own key').action(
    async (id: string, flags: Remote) => {
      const client = clientOf(flags);
      const cohort = (await client.json(`/cohorts/${id}`)) as ShownCohort;
      const vkey = await fetch(`${flags.server.replace(/\/$/, '')}/log/vkey`);
      const log = (await vkey.text()).split('+')[0] ?? '';
      const body = client.sign({
        kind: COHORT_REQUEST_KIND,
        log,
        signer: client.id,
        at: new Date().toISOString(),
        cohort: id,
        definition: cohort.definitionHash,
      });
      const shown = (await client.json('/cohorts/requests', { method: 'POST', body })) as ShownCohort;
      print(flags, shown, details(shown));
    },
  );
  remote(group, 'aggregate', '<id>', 'a question without rows, from a JSON file')
    .requiredOption('--question <file>', '{"kind": "count" | "histogram" | "table", "epsilon": …, …}')
    .action(async (id: string, flags: Remote & { question: string }) => {
      const body = readText(flags.question);
      const path = `/cohorts/${id}/aggregate`;
      const answer = (await clientOf(flags).json(path, { method: 'POST', body })) as AggregateAnswer;
      print(flags, answer, told(answer));
    });
}

function addExports(group: Command): void {
  remote(group, 'export', '<id>', 'begin an export and wait until it is there; prints its address')
    .option('--type <type...>', 'only these resource types')
    .option('--elements <path...>', 'only these elements, such as Observation.code')
    .option('--since <time>', 'only what changed since (ISO 8601); not with safe-harbor')
    .action(async (id: string, flags: ExportFlags) => {
      const query = new URLSearchParams({
        ...(flags.type === undefined ? {} : { _type: flags.type.join(',') }),
        ...(flags.elements === undefined ? {} : { _elements: flags.elements.join(',') }),
        ...(flags.since === undefined ? {} : { _since: flags.since }),
      }).toString();
      const terminal = createTerminal(flags.json === true);
      const path = `/fhir/Group/${id}/$export${query === '' ? '' : `?${query}`}`;
      const found = (await clientOf(flags).exported(path, (said) => terminal.progress(said))) as {
        location: string;
        manifest: Manifest;
      };
      print(flags, found, found.location);
    });
  remote(group, 'download', '<export>', 'write the files of an export, each compared with its manifest')
    .requiredOption('--to <folder>', 'where; files that lie there whole are not read again')
    .action(async (name: string, flags: Remote & { to: string }) => {
      const ok = await download(name, flags);
      process.exitCode = ok ? EXIT.success : EXIT.negative;
    });
}

async function download(name: string, flags: Remote & { to: string }): Promise<boolean> {
  const client = clientOf(flags);
  const terminal = createTerminal(flags.json === true);
  const to = resolve(flags.to);
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const path = name.startsWith('http') ? name : `/fhir/bulk/${name}`;
  const bulk = (await client.json(path)) as Manifest;
  const { files, proof } = bulk.extension['urn:firebreak:export'];
  const at = (url: string): string => join(to, basename(new URL(url).pathname));
  const own = files.find(({ url }) => url.endsWith('/manifest.json'));
  if (own === undefined) throw new AdapterError('ADAPTER_UNPROCESSABLE', 'the export has no manifest');
  await client.download(own.url, at(own.url));
  await client.download(proof, at(proof));
  const { document } = JSON.parse(await readFile(at(own.url), 'utf8')) as {
    document: { files: { name: string; sha256: string }[] };
  };
  const hashes = new Map(document.files.map((file) => [file.name, file.sha256]));
  const differing: string[] = [];
  const all = [...bulk.output, ...files.filter((file) => file !== own)];
  for (const [i, { url }] of all.entries()) {
    const file = at(url);
    terminal.progress(`${i} of ${all.length} files`);
    const wanted = hashes.get(basename(file));
    const found = (await hashOfFile(file)) === wanted ? wanted : await client.download(url, file);
    if (wanted === undefined || found !== wanted) differing.push(basename(file));
  }
  for (const { url } of [...bulk.deleted, ...bulk.error]) await client.download(url, at(url));
  const result = { files: all.length, differing, stopped: bulk.error.length > 0, to };
  print(
    flags,
    result,
    differing.length === 0
      ? `${all.length} files in ${to}, each as the manifest says`
      : `not as the manifest says: ${differing.join(', ')}`,
  );
  return differing.length === 0;
}

function addHospital(group: Command): void {
  group
    .command('list')
    .description('all cohorts of this instance; with --server the own ones there')
    .option('--server <url>', 'address of an instance')
    .option('--key <file>', 'the own private key (PKCS#8, PEM)')
    .option('--certificate <file>', 'and certificate (PEM)')
    .option('--purpose <code>', 'purpose of use', 'HRESCH')
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nExamples:\n  firebreak cohort list\n  firebreak cohort list ${HOW}`)
    .action(async (flags: Partial<Remote> & Json, command: Command) => {
      const found = isRemote(flags)
        ? ((await clientOf(flags).json('/cohorts')) as { cohorts: ShownCohort[] }).cohorts
        : await onInstance<ShownCohort[]>(
            configOf(command).config,
            { command: 'cohort-list', args: {} },
            () => undefined,
            (instance) => listCohorts(instance),
          );
      print(flags, found, found.length === 0 ? 'none' : found.map(line).join('\n'));
    });
  group
    .command('show')
    .description('one cohort: its definition, who has decided what, its exports')
    .argument('<id>', 'the cohort')
    .option('--server <url>', 'address of an instance')
    .option('--key <file>', 'the own private key (PKCS#8, PEM)')
    .option('--certificate <file>', 'and certificate (PEM)')
    .option('--purpose <code>', 'purpose of use', 'HRESCH')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak cohort show ID')
    .action(async (id: string, flags: Partial<Remote> & Json, command: Command) => {
      const shown = isRemote(flags)
        ? ((await clientOf(flags).json(`/cohorts/${id}`)) as ShownCohort)
        : await onInstance<ShownCohort>(
            configOf(command).config,
            { command: 'cohort-show', args: { id } },
            () => undefined,
            (instance) => showCohort(instance, { id }),
          );
      print(flags, shown, details(shown));
    });
  for (const [name, outcome, what] of [
    ['approve', 'approved', 'approve as the hospital; patients still decide for themselves'],
    ['refuse', 'refused', 'refuse as the hospital'],
    ['end', 'ended', 'take an approval back: nothing more is handed out'],
  ] as const)
    group
      .command(name)
      .description(what)
      .argument('<id>', 'the cohort')
      .requiredOption('--by <name>', 'the person who decides')
      .option('--json', 'print as JSON')
      .addHelpText('after', `\nExample:\n  firebreak cohort ${name} ID --by "Ann Lee"`)
      .action(async (id: string, flags: Json & { by: string }, command: Command) => {
        const args = { id, outcome, by: flags.by };
        const shown = await onInstance<ShownCohort>(
          configOf(command).config,
          { command: 'cohort-decide', args },
          () => undefined,
          (instance) => decideCohort(instance, args),
        );
        print(flags, shown, details(shown));
      });
}

/** A command of a researcher. */
function remote(group: Command, name: string, argument: string, what: string): Command {
  return group
    .command(name)
    .description(what)
    .argument(argument)
    .requiredOption('--server <url>', 'address of the instance')
    .requiredOption('--key <file>', 'the own private key (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .option('--purpose <code>', 'purpose of use, as the definition says', 'HRESCH')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `\nExample:\n  firebreak cohort ${name} ${argument === '<file>' ? 'heart.yaml' : 'ID'} ${HOW}`,
    );
}

function isRemote(flags: Partial<Remote> & Json): flags is Remote {
  const { server, key, certificate } = flags;
  if (server === undefined) return false;
  if (key === undefined || certificate === undefined)
    throw new AdapterError('ADAPTER_USAGE', '--server needs --key and --certificate');
  return true;
}

function clientOf({ server, key, certificate, purpose }: Remote): CohortClient {
  if (!/^https?:\/\//.test(server)) throw new AdapterError('ADAPTER_USAGE', `${server} is no address`);
  return new CohortClient(server, signingKey(key, certificate), purpose);
}

function print({ json }: Json, value: unknown, text: string): void {
  createTerminal(false).print(json === true ? JSON.stringify(value) : text);
}

function told({ counts, repeated, left }: AggregateAnswer): string {
  const lines = Object.entries(counts).map(
    ([bin, count]) => `${bin}: ${count === null ? 'too few to show' : `about ${count}`}`,
  );
  const first = repeated ? 'the answer of the first time, which cost nothing' : 'with noise';
  return [...lines, `(${first}; ${left} of ε is left)`].join('\n');
}

function line({ id, state, requester, definition }: ShownCohort): string {
  const { title } = definition as { title?: string };
  return `${id}  ${state}  ${requester.name} (${requester.id}): ${title ?? ''}`;
}

function details(shown: ShownCohort): string {
  const { definition, definitionHash, approvals, exports } = shown;
  return [
    line(shown),
    JSON.stringify(definition, undefined, 2),
    `hash: ${definitionHash}`,
    ...approvals.map(({ at, name, state }) => `${at}  ${name}: ${state}`),
    ...exports.map((one: ShownExport) => `${one.begunAt}  export ${one.id}: ${one.state}`),
  ].join('\n');
}
