import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { prove } from '../services/proofs/index.js';
import type { Proved, ProveArgs } from '../services/proofs/index.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface OutFlag {
  readonly out?: string;
}

export function addProve(program: Command): void {
  const command = program
    .command('prove')
    .description('make a proof file: one statement on the log, for anybody to check offline')
    .usage('[options] [statement] …')
    // Its options are those of its statements; `--out` behind a statement is the statement's.
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Examples:
  firebreak prove Observation/hr-1 --out hr-1.proof.json      this record is on the log, unaltered
  firebreak prove Observation/hr-1 --fact code                 the same, with one fact of it shown
  firebreak prove consent HANDLE                               this consent is in force
  firebreak prove withdrawal HANDLE --open                     it was withdrawn, and by this document
  firebreak prove absent tag TAG                               the log says nothing of it
  firebreak prove disclosure HANDLE                            this was disclosed, to whom and what for
  firebreak prove export HANDLE                                this cohort was exported, with these files
  firebreak prove participant HANDLE --leaf 120                its certificate was valid at that leaf
  firebreak prove entries Patient/1                            these are all the patient's entries
  firebreak prove denial Patient/1 --actor Organization/x --purpose HMARKT --action disclose
Without a word in front, a record is meant. “firebreak prove STATEMENT --help” tells more.
Statements on the state hold at an anchor, of which a fresh one is made.
Exits 1 when the statement is not true.`,
    );
  addRecord(command);
  addSimple(command);
  addLists(command);
}

function addRecord(parent: Command): void {
  parent
    .command('record', { isDefault: true })
    .description('this record version is on the log, unaltered')
    .argument('<record>', 'handle of a record version, or Type/id of a resource')
    .option('--source <id>', 'source of the resource, where several have one of that name')
    .option('--open', 'show the exact bytes of the record, if consents permit it')
    .option('--fact <name>', 'show one fact of the record, if consents permit it')
    .option('--purpose <code>', 'purpose of use to ask for (default TREAT)')
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Examples:
  firebreak prove Observation/hr-1 --out hr-1.proof.json
  firebreak prove record Observation/hr-1 --fact code > code.proof.json
Without --open and --fact the file shows nothing of the record’s content.`,
    )
    .action(async (record: string, { out, ...flags }: OutFlag & object, command: Command) =>
      make(command, { what: 'record', record, ...flags }, out),
    );
}

/** Anchors that the map no longer keeps are built anew from the log, which takes as long as reading it. */
const SIZE_FLAG = 'at the anchor of this size, which may be long ago (default: a fresh one)';

const OPENED = `
What --open shows is the patient's: it is shown to the patient, by the patient's own right, and leaves a receipt.`;

function addSimple(parent: Command): void {
  for (const [what, description] of [
    ['consent', 'this consent was in force, at a fresh anchor or one of the past'],
    ['withdrawal', 'this consent was withdrawn, at which leaf'],
  ] as const) {
    const statement = parent
      .command(what)
      .description(description)
      .argument('<handle>', 'handle of the consent')
      .option('--open', 'show the signed document')
      .option('--out <file>', 'write to a file instead of stdout')
      .addHelpText(
        'after',
        `
Examples:
  firebreak prove ${what} HANDLE --out ${what}.proof.json
  firebreak prove ${what} HANDLE --open --out ${what}.proof.json${OPENED}`,
      )
      .action(
        async (
          handle: string,
          { out, ...flags }: OutFlag & { open?: boolean; size?: number },
          command: Command,
        ) => make(command, { what, handle, ...flags }, out),
      );
    if (what === 'consent') statement.option('--size <n>', SIZE_FLAG, countIn);
  }
  parent
    .command('absent')
    .description('the log says nothing of this name, at a fresh anchor or one of the past')
    .argument('<of>', 'consent, participant or tag', (of: string) => {
      if (of === 'consent' || of === 'participant' || of === 'tag') return of;
      throw new InvalidArgumentError('consent, participant or tag is expected.');
    })
    .argument('<name>', 'handle or tag, 32 bytes in base64url')
    .option('--size <n>', SIZE_FLAG, countIn)
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Example:
  firebreak prove absent consent HANDLE --out absent.proof.json`,
    )
    .action(
      async (
        of: 'consent' | 'participant' | 'tag',
        name: string,
        { out, ...flags }: OutFlag & { size?: number },
        command: Command,
      ) => make(command, { what: 'absent', of, name, ...flags }, out),
    );
  parent
    .command('disclosure')
    .description('this disclosure was made, to this recipient, for this purpose')
    .argument('<handle>', 'handle of the disclosure')
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Example:
  firebreak prove disclosure HANDLE --out disclosure.proof.json
The file shows the receipt. It is shown to its patient, by the patient's own right, and leaves a receipt itself.`,
    )
    .action(async (handle: string, { out }: OutFlag, command: Command) =>
      make(command, { what: 'disclosure', handle }, out),
    );
  parent
    .command('export')
    .description('this cohort was exported, with this manifest')
    .argument('<handle>', 'handle of the export, as the manifest says it')
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Example:
  firebreak prove export HANDLE --out export.proof.json
Compare a file of the export with it by: firebreak check export.proof.json --exported Patient.1.ndjson …`,
    )
    .action(async (handle: string, { out }: OutFlag, command: Command) =>
      make(command, { what: 'export', handle }, out),
    );
  parent
    .command('participant')
    .description('this participant’s certificate was valid at a leaf, and not revoked')
    .argument('<handle>', 'handle of the participant')
    .option('--leaf <n>', 'index of the leaf (default: the newest)', countIn)
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Examples:
  firebreak prove participant HANDLE --out hospital.proof.json
  firebreak prove participant HANDLE --leaf 120
A patient's certificate is shown to the patient alone, and leaves a receipt.`,
    )
    .action(async (handle: string, { out, ...flags }: OutFlag & { leaf?: number }, command: Command) =>
      make(command, { what: 'participant', handle, ...flags }, out),
    );
}

const LIST_HELP = `
The file holds the patient's tag key, by which all entries of the patient are found, later ones too: it is for the
patient alone. Making it leaves a receipt.`;

function addLists(parent: Command): void {
  parent
    .command('entries')
    .description('these are all the entries of a patient, at a fresh anchor')
    .argument('<patient>', 'id of the Patient, ours or the source’s')
    .option('--source <id>', 'source of the patient, where several have one of that name')
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Example:
  firebreak prove entries Patient/1 --out entries.proof.json${LIST_HELP}`,
    )
    .action(async (patient: string, { out, ...flags }: OutFlag & { source?: string }, command: Command) =>
      make(command, { what: 'entries', patient, ...flags }, out),
    );
  parent
    .command('denial')
    .description('none of a patient’s consents permits this, at a fresh anchor')
    .argument('<patient>', 'id of the Patient, ours or the source’s')
    .requiredOption('--actor <reference...>', 'who would ask, such as Organization/x')
    .requiredOption('--purpose <code>', 'what for: a code of v3-ActReason, or system|code')
    .option('--action <action>', 'collect, access, use, disclose or correct', 'access')
    .option('--type <type>', 'resource type', 'Observation')
    .option('--id <id>', 'id of the resource')
    .option('--code <token...>', 'what it is about, system|code')
    .option('--label <token...>', 'its security labels, system|code')
    .option('--source <id>', 'source of the patient, where several have one of that name')
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Example:
  firebreak prove denial Patient/1 --actor Organization/insurer --purpose HPAYMT --action disclose \\
    --type Condition --out denial.proof.json
The consents are judged as if the custodian had permitted it: what is proved is what the patient did not.${LIST_HELP}`,
    )
    .action(
      async (
        patient: string,
        { out, ...flags }: OutFlag & { actor: readonly string[]; purpose: string },
        command: Command,
      ) => make(command, { what: 'denial', patient, ...flags }, out),
    );
}

async function make(command: Command, args: ProveArgs, out: string | undefined): Promise<void> {
  const { config } = configOf(command);
  const proved: Proved = await onInstance(
    config,
    { command: 'prove', args: { ...args } },
    () => undefined,
    (instance) => prove(instance, args),
  );
  const terminal = createTerminal(false);
  if (proved.proved && proved.uncosigned === true)
    terminal.say(
      'the witnesses’ quorum did not cosign in time: the log alone signed this file, and a check by their policy refuses it',
    );
  if (!proved.proved) {
    terminal.say(`not true: ${proved.code}`);
    process.exitCode = EXIT.negative;
    return;
  }
  if (out === undefined) {
    terminal.print(proved.file);
    return;
  }
  // It may show a patient's data: for this user's eyes, like the data folder.
  writeFileSync(resolve(out), proved.file, { mode: 0o600 });
  terminal.say(`proof written to ${out}`);
}

function countIn(text: string): number {
  if (/^(?:0|[1-9]\d{0,15})$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a count is expected.');
}
