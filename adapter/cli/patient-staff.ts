/** `patient`, for a hospital's staff: what two of them say together. The first signs into a file, the second sends it. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseJson, isJsonObject } from '../../mappings/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { AdapterError } from '../errors.js';
import {
  ACTS,
  APPOINTMENT_END_KIND,
  APPOINTMENT_KIND,
  RE_ENROLMENT_KIND,
  RELATIONSHIPS,
} from '../http/contract/index.js';
import { PAPER_DIGEST } from '../instance/paper.js';
import type { WalletAct } from '../services/wallets/index.js';
import { configOf } from './open.js';
import { originOf } from './origin.js';
import { paperBundle } from './paper-bundle.js';
import type { Testified } from './paper-bundle.js';
import { print, send } from './patient-send.js';
import { readText } from './read-text.js';
import { signingKey } from './signing-key.js';
import { createTerminal } from './terminal.js';
import { digestOf, requireNew } from './wallet-file.js';
import { writeWhole } from './write-whole.js';

interface StaffFlags {
  readonly key: string;
  readonly certificate: string;
}

interface OutFlags extends StaffFlags {
  readonly out: string;
}

export function addStaff(group: Command): void {
  withKeys(
    group.command('lost').description('say that a patient’s wallet is lost; a second person attests'),
    'firebreak patient lost ward 4711 --reason "telephone stolen" --key a.key --certificate a.pem --out lost.json',
  )
    .argument('<source>', 'the source that knows the patient')
    .argument('<patient>', 'id of the patient there')
    .requiredOption('--reason <text>', 'why; kept here, not on the log')
    .action(
      async (source: string, patient: string, flags: OutFlags & { reason: string }, command: Command) => {
        const { reason } = flags;
        await begin(flags, await dated(command, { kind: RE_ENROLMENT_KIND, source, patient, reason }));
      },
    );
  withKeys(
    group
      .command('guardian')
      .description('appoint somebody for a patient on a paper that was seen; a second person attests'),
    'firebreak patient guardian Patient/ID --representative HANDLE --relationship parent --acts read,consent \\\n' +
      '    --until 2031-04-01T00:00:00Z --evidence scan.pdf --key a.key --certificate a.pem --out guardian.json',
  )
    .argument('<patient>', 'Patient/… at the facade')
    .requiredOption('--representative <handle>', 'handle of a participant who is certified here')
    .requiredOption('--relationship <which>', RELATIONSHIPS.join(', '))
    .requiredOption('--acts <acts>', `with commas between: ${ACTS.join(', ')}`)
    .requiredOption('--until <time>', 'when it is over: of a minor, the day of coming of age')
    .requiredOption('--evidence <file>', 'the paper, scanned: its digest is kept')
    .action(async (patient: string, flags: OutFlags & GuardianFlags, command: Command) => {
      const { representative, relationship, until } = flags;
      const acts = flags.acts.split(',').map((act) => act.trim());
      const evidence = digestOfFile(flags.evidence);
      const said = { kind: APPOINTMENT_KIND, patient, representative, relationship, acts, until, evidence };
      await begin(flags, await dated(command, said));
    });
  withKeys(
    group.command('end-guardian').description('end an appointment that staff made; a second person attests'),
    'firebreak patient end-guardian Patient/ID HANDLE --key a.key --certificate a.pem --out end.json',
  )
    .argument('<patient>', 'Patient/… at the facade')
    .argument('<appointment>', 'its handle')
    .action(async (patient: string, appointment: string, flags: OutFlags, command: Command) => {
      await begin(flags, await dated(command, { kind: APPOINTMENT_END_KIND, patient, appointment }));
    });
  withKeys(
    group
      .command('paper')
      .description('testify to a consent that a patient without a wallet signed on paper, or withdrew so'),
    'firebreak patient paper consent.json --evidence scan.pdf --key a.key --certificate a.pem --out paper.json',
  )
    .argument('<consent>', 'the FHIR Consent: update and treatment at this hospital, no further')
    .requiredOption('--evidence <file>', 'the paper, scanned: its digest stands in the consent')
    .action(async (file: string, flags: OutFlags & { evidence: string }) => {
      await begin(flags, withDigest(objectIn(file), digestOfFile(flags.evidence)));
    });
  group
    .command('attest')
    .description('sign as the second person what another has signed, and send it')
    .argument('<file>', 'as the first wrote it; it is good for an hour')
    .requiredOption('--key <file>', 'your private key (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak patient attest lost.json --key b.key --certificate b.pem')
    .action(async (file: string, flags: StaffFlags & { json?: boolean }, command: Command) => {
      const half = halfIn(file);
      const whole = signedToo(half, flags);
      const { act, body } = sentAs(whole);
      const answer = await send<Readonly<Record<string, unknown>>>(command, act, body);
      const lines = Object.entries(answer).map(([name, value]) => `${name.padEnd(12)} ${String(value)}`);
      print(flags, answer, lines.join('\n'));
    });
}

interface GuardianFlags {
  readonly representative: string;
  readonly relationship: string;
  readonly acts: string;
  readonly until: string;
  readonly evidence: string;
}

function withKeys(command: Command, example: string): Command {
  return command
    .requiredOption('--key <file>', 'your private key (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .requiredOption('--out <file>', 'for the second person: firebreak patient attest')
    .addHelpText('after', `\nExample:\n  ${example}`);
}

async function dated(command: Command, said: JsonObject): Promise<JsonObject> {
  return { log: await originOf(configOf(command).config), at: new Date().toISOString(), ...said };
}

async function begin(flags: OutFlags, document: JsonObject): Promise<void> {
  requireNew(flags.out);
  const half = signedToo({ document, signatures: [] }, flags);
  await writeWhole(flags.out, `${JSON.stringify(half, null, 2)}\n`, 0o600);
  createTerminal(false).print(`${flags.out}: a second person attests it by firebreak patient attest`);
}

function signedToo({ document, signatures }: Testified, { key, certificate }: StaffFlags): Testified {
  const { id, sign } = signingKey(key, certificate);
  const { jws } = JSON.parse(sign(document)) as { jws: string };
  return { document, signatures: [...signatures, { signer: id, jws }] };
}

function halfIn(file: string): Testified {
  const { document, signatures } = objectIn(file);
  if (!isJsonObject(document) || !Array.isArray(signatures) || signatures.length !== 1)
    throw new AdapterError('ADAPTER_USAGE', `${file} is not what one person has signed`);
  return { document, signatures };
}

function objectIn(file: string): JsonObject {
  const value = parseJson(Buffer.from(readText(file), 'utf8'));
  if (isJsonObject(value)) return value as JsonObject;
  throw new AdapterError('ADAPTER_USAGE', `${file} holds no JSON object`);
}

function digestOfFile(file: string): string {
  try {
    return digestOf(readFileSync(file));
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${file} cannot be read`, { cause });
  }
}

function withDigest(consent: JsonObject, digest: string): JsonObject {
  if (consent['resourceType'] !== 'Consent')
    throw new AdapterError('ADAPTER_USAGE', 'the file holds no FHIR Consent');
  const { sourceAttachment } = consent;
  const before = isJsonObject(sourceAttachment) ? sourceAttachment : {};
  const extension = [{ url: PAPER_DIGEST, valueString: digest }];
  return { ...consent, sourceAttachment: { title: 'signed on paper', ...before, extension } };
}

/** Of which kind a document is. */
function sentAs(whole: Testified): { readonly act: WalletAct; readonly body: string } {
  const { document } = whole;
  if (document['resourceType'] === 'Consent')
    return { act: 'consent', body: JSON.stringify(paperBundle(whole)) };
  const body = JSON.stringify(whole);
  const act = ACTS_OF.get(document['kind']);
  if (act === undefined) throw new AdapterError('ADAPTER_USAGE', 'that is nothing to which two testify');
  return { act, body };
}

const ACTS_OF: ReadonlyMap<unknown, WalletAct> = new Map([
  [RE_ENROLMENT_KIND, 'lost'],
  [APPOINTMENT_KIND, 'appoint'],
  [APPOINTMENT_END_KIND, 'end-appointment'],
]);
