/** `patient`: wallets of patients as files, and what they sign about their own enrolments. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import {
  ACTS,
  APPOINTMENT_END_KIND,
  APPOINTMENT_KIND,
  LINK_KIND,
  RELATIONSHIPS,
  RENEWAL_KIND,
  ROTATION_KIND,
  UNLINK_KIND,
} from '../http/contract/index.js';
import type { Appointed, Enrolled, Unlinked } from '../http/contract/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { invitePatients } from '../services/wallets/index.js';
import { configOf, onInstance } from './open.js';
import { originOf } from './origin.js';
import { newPassphrase, passphraseOf } from './passphrase.js';
import { print, send } from './patient-send.js';
import type { Json } from './patient-send.js';
import { addStaff } from './patient-staff.js';
import { readText } from './read-text.js';
import { createTerminal } from './terminal.js';
import {
  digestOf,
  newWalletKeys,
  openedWallet,
  readEnrolled,
  readWalletFile,
  requestOf,
  requireNew,
  sealedWallet,
  signedByWallet,
  writeWalletFile,
} from './wallet-file.js';
import type { EnrolledWallet, WalletFile } from './wallet-file.js';
import { writeWhole } from './write-whole.js';

interface WalletFlags extends Json {
  readonly wallet: string;
}

export function addPatient(program: Command): void {
  const group = program
    .command('patient')
    .description('patients’ wallets as files: enrol, link, renew, rotate, recover; representatives')
    .addHelpText(
      'after',
      `
Examples:
  firebreak patient invite ward 4711
  firebreak patient enrol --invitation CODE --wallet ann.wallet
  firebreak patient link --invitation CODE --wallet ann.wallet --out ann-clinic.wallet`,
    );
  addEnrolling(group);
  addKeysOf(group);
  addRecovery(group);
  addRepresentatives(group);
  addStaff(group);
}

function addEnrolling(group: Command): void {
  group
    .command('invite')
    .description('invite patients whom a source knows; each code is good once, for a week')
    .argument('<source>', 'the source')
    .argument('<patients...>', 'ids of the patients at the source')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Example:
  firebreak patient invite ward 4711 4712
A parent or guardian who is no patient there is invited too, by an id of the hospital's own, such as the RelatedPerson's.`,
    )
    .action(async (source: string, patients: readonly string[], flags: Json, command: Command) => {
      const args = { source, patients };
      const invited = await onInstance<{ invitations: { patient: string; code: string }[] }>(
        configOf(command).config,
        { command: 'wallet-invite', args },
        () => undefined,
        (instance) => invitePatients(instance, args),
      );
      const lines = invited.invitations.map(({ patient, code }) => `${code}  ${patient}`);
      print(flags, invited, lines.join('\n'));
    });
  group
    .command('enrol')
    .description('make a wallet and enrol it by an invitation; asked again after a failure, it goes on')
    .requiredOption('--invitation <code>', 'as the hospital gave it')
    .requiredOption('--wallet <file>', 'where the wallet is kept: it holds private keys')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak patient enrol --invitation CODE --wallet ann.wallet')
    .action(async (flags: WalletFlags & { invitation: string }, command: Command) => {
      const { invitation } = flags;
      // Kept before it is sent: a lost answer is asked for again by the same request.
      const wallet = await keptWallet(flags.wallet);
      const body = JSON.stringify({ invitation, csr: await requestOf(wallet) });
      const enrolled = await send<Enrolled>(command, 'enrol', body);
      await writeWalletFile(flags.wallet, { ...wallet, enrolled });
      print(flags, enrolled, said('enrolled', enrolled));
    });
  group
    .command('link')
    .description('take another hospital’s record into a wallet, by that hospital’s invitation')
    .requiredOption('--invitation <code>', 'as that hospital gave it')
    .requiredOption('--wallet <file>', 'a wallet that is enrolled')
    .requiredOption('--out <file>', 'where the link is kept: the same keys, with a certificate of its own')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak patient link --invitation CODE --wallet ann.wallet --out ann-clinic.wallet',
    )
    .action(async (flags: WalletFlags & { invitation: string; out: string }, command: Command) => {
      requireNew(flags.out);
      const wallet = readEnrolled(flags.wallet);
      const { invitation } = flags;
      const csr = await requestOf(wallet);
      const asks = { kind: LINK_KIND, invitation: digestOf(invitation), csr: digestOf(csr) };
      const document = await documentOf(command, wallet, asks);
      const enrolled = await send<Enrolled>(
        command,
        'link',
        signedByWallet(wallet, document, { invitation, csr }),
      );
      const { signing, opening } = wallet;
      await writeWalletFile(flags.out, { signing, opening, enrolled });
      print(flags, enrolled, said('linked', enrolled));
    });
  group
    .command('unlink')
    .description('end an enrolment: its consents permit nothing any more; what the law obliges to keep stays')
    .requiredOption('--wallet <file>', 'the wallet, or link, that ends')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak patient unlink --wallet ann-clinic.wallet')
    .action(async (flags: WalletFlags, command: Command) => {
      const wallet = readEnrolled(flags.wallet);
      const document = await documentOf(command, wallet, { kind: UNLINK_KIND });
      const ended = await send<Unlinked>(command, 'unlink', signedByWallet(wallet, document));
      print(flags, ended, `ended ${ended.participant}  consents withdrawn: ${ended.withdrawn}`);
    });
}

function addKeysOf(group: Command): void {
  group
    .command('renew')
    .description('have the same keys certified for longer; before half of the time is over nothing changes')
    .requiredOption('--wallet <file>', 'the wallet')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak patient renew --wallet ann.wallet')
    .action(async (flags: WalletFlags, command: Command) => {
      const wallet = readEnrolled(flags.wallet);
      const document = await documentOf(command, wallet, { kind: RENEWAL_KIND });
      const enrolled = await send<Enrolled>(command, 'renew', signedByWallet(wallet, document));
      await writeWalletFile(flags.wallet, { ...wallet, enrolled });
      print(flags, enrolled, said('certified', enrolled));
    });
  group
    .command('rotate')
    .description('put new keys in the place of the wallet’s; the former sign nothing new')
    .requiredOption('--wallet <file>', 'the wallet')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak patient rotate --wallet ann.wallet')
    .action(async (flags: WalletFlags, command: Command) => {
      const wallet = readEnrolled(flags.wallet);
      // Kept before they are certified: a crash behind the answer must not lose the keys that hold the record.
      const next = wallet.next ?? newWalletKeys();
      await writeWalletFile(flags.wallet, { ...wallet, next });
      const csr = await requestOf(next);
      const document = await documentOf(command, wallet, { kind: ROTATION_KIND, csr: digestOf(csr) });
      const enrolled = await send<Enrolled>(command, 'rotate', signedByWallet(wallet, document, { csr }));
      await writeWalletFile(flags.wallet, { ...next, enrolled });
      print(flags, enrolled, said('rotated', enrolled));
    });
}

function addRecovery(group: Command): void {
  group
    .command('recovery')
    .description('write a recovery file: the wallet under a passphrase, in the age format')
    .requiredOption('--wallet <file>', 'the wallet')
    .requiredOption('--out <file>', 'the recovery file')
    .option('--passphrase-file <file>', 'read the passphrase from there (chmod 600); else it is typed')
    .addHelpText(
      'after',
      `
Example:
  firebreak patient recovery --wallet ann.wallet --out ann.age
Any age program opens it: age -d ann.age. Inside is JSON: format, the keys signing (Ed25519) and opening (X25519) as
base64url, and what the authority answered. The portal reads and writes the same.`,
    )
    .action(async (flags: WalletFlags & { out: string; passphraseFile?: string }) => {
      requireNew(flags.out);
      const wallet = readWalletFile(flags.wallet);
      const passphrase = await newPassphrase({ passphraseFile: flags.passphraseFile });
      await writeWhole(flags.out, await sealedWallet(wallet, passphrase), 0o600);
      createTerminal(false).print(`recovery file ${flags.out}: keep it apart from the passphrase`);
    });
  group
    .command('recover')
    .description('open a recovery file, of this program or of the portal')
    .argument('<file>', 'the recovery file')
    .requiredOption('--wallet <file>', 'where the wallet is kept')
    .option('--passphrase-file <file>', 'read the passphrase from there (chmod 600); else it is typed')
    .addHelpText('after', '\nExample:\n  firebreak patient recover ann.age --wallet ann.wallet')
    .action(async (file: string, flags: WalletFlags & { passphraseFile?: string }) => {
      requireNew(flags.wallet);
      const ask = passphraseOf({ passphraseFile: flags.passphraseFile });
      await writeWalletFile(flags.wallet, await openedWallet(readText(file), await ask()));
      createTerminal(false).print(`wallet ${flags.wallet}`);
    });
}

interface RepresentFlags extends WalletFlags {
  readonly representative: string;
  readonly relationship: string;
  readonly acts: string;
  readonly until: string;
}

function addRepresentatives(group: Command): void {
  group
    .command('represent')
    .description('appoint somebody to act for the patient whose wallet signs')
    .requiredOption('--wallet <file>', 'the patient’s wallet')
    .requiredOption('--representative <handle>', 'handle of a participant who is certified here')
    .requiredOption('--relationship <which>', RELATIONSHIPS.join(', '))
    .requiredOption('--acts <acts>', `with commas between: ${ACTS.join(', ')}`)
    .requiredOption('--until <time>', 'from this instant on it is over; ISO 8601')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak patient represent --wallet ann.wallet --representative HANDLE --relationship parent \\\n' +
        '    --acts read,decide --until 2027-06-30T00:00:00Z',
    )
    .action(async (flags: RepresentFlags, command: Command) => {
      const wallet = readEnrolled(flags.wallet);
      const { representative, relationship, acts, until } = flags;
      const document = await aboutPatient(command, wallet, {
        kind: APPOINTMENT_KIND,
        representative,
        relationship,
        acts: acts.split(',').map((act) => act.trim()),
        until,
      });
      const appointed = await send<Appointed>(command, 'appoint', signedByWallet(wallet, document));
      print(flags, appointed, `appointed ${appointed.handle}`);
    });
  group
    .command('unrepresent')
    .description('end an appointment at once: as the patient, or as who was appointed')
    .argument('<appointment>', 'its handle')
    .requiredOption('--wallet <file>', 'the wallet that signs')
    .option('--patient <reference>', 'Patient/… of the patient, where who was appointed signs')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak patient unrepresent HANDLE --wallet ann.wallet')
    .action(async (appointment: string, flags: WalletFlags & { patient?: string }, command: Command) => {
      const wallet = readEnrolled(flags.wallet);
      const { patient } = flags;
      const document = await aboutPatient(command, wallet, {
        kind: APPOINTMENT_END_KIND,
        appointment,
        ...(patient === undefined ? {} : { patient }),
      });
      const ended = await send<Appointed>(command, 'end-appointment', signedByWallet(wallet, document));
      print(flags, ended, `ended ${ended.handle}`);
    });
}

async function keptWallet(path: string): Promise<WalletFile> {
  try {
    readFileSync(path);
  } catch {
    const wallet = newWalletKeys();
    await writeWalletFile(path, wallet);
    return wallet;
  }
  const wallet = readWalletFile(path);
  if (wallet.enrolled === undefined) return wallet;
  throw new AdapterError('ADAPTER_CONFLICT', `the wallet ${path} is enrolled: firebreak patient link`);
}

async function documentOf(
  command: Command,
  { enrolled }: EnrolledWallet,
  more: JsonObject,
): Promise<JsonObject> {
  const log = await originOf(configOf(command).config);
  return { log, signer: enrolled.participant, at: new Date().toISOString(), ...more };
}

async function aboutPatient(
  command: Command,
  { enrolled }: EnrolledWallet,
  more: JsonObject,
): Promise<JsonObject> {
  const log = await originOf(configOf(command).config);
  return { log, at: new Date().toISOString(), patient: enrolled.patient.reference, ...more };
}

function said(what: string, { patient, custodian, participant }: Enrolled): string {
  return `${what} ${patient.reference} at ${custodian.display}\nparticipant ${participant}`;
}
