import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { REVOCATION_REASONS } from '../instance/clients.js';
import type { Instance } from '../instance/instance.js';
import {
  caApprove,
  caEnrol,
  caInit,
  caList,
  caParticipants,
  caRefuse,
  caRenew,
  caRevoke,
  caRotate,
  caShow,
} from '../services/ca/admin.js';
import type { ShownAuthority, ShownInFull, ShownList, ShownRequest } from '../services/ca/admin.js';
import { pemOf } from '../services/ca/index.js';
import { authorityText, listText, participantText, requestText } from './ca-output.js';
import { proofOf } from './ca-proof.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

type Args = Readonly<Record<string, unknown>>;

/** `ca`: who is certified, who no longer, and by whom. */
export function addCa(program: Command): void {
  const group = program
    .command('ca')
    .description('the certification authority: enrolments, certificates, revocations')
    .addHelpText(
      'after',
      `
Examples:
  firebreak keys new --out insurer
  firebreak ca enrol --csr insurer.csr --group payer --name "City Insurance" --by "Ann Lee"
  firebreak ca approve r-abcdefghijklmnop --by "Bo Rask"
  firebreak ca list`,
    );
  addEnrolment(group);
  addCertificates(group);
  addShowing(group);
}

interface EnrolFlags {
  readonly csr: string;
  readonly group?: string;
  readonly name?: string;
  readonly role?: string;
  readonly called?: string;
  readonly of?: string;
  readonly by: string;
  readonly certificate?: string;
  readonly chain?: string;
  readonly signature?: string;
}

function addEnrolment(group: Command): void {
  commandOf(group, 'init', 'make the authority of a new data folder, or show the one there is', [
    'firebreak ca init',
    'firebreak ca init --json',
  ]).action(async (flags: { json?: boolean }, command: Command) => {
    const shown = await ask<ShownAuthority>(command, 'ca-init', {}, caInit);
    print(flags, shown, authorityText(shown));
  });
  commandOf(
    group,
    'enrol',
    'ask for an organisation’s enrolment; another person approves it (see enrolmentApproval)',
    [
      'firebreak ca enrol --csr insurer.csr --group payer --name "City Insurance" --by "Ann Lee"',
      'firebreak ca enrol --csr doctor.csr --role clinician --called "Dr Cy Holm" --of p-abcdefghijklmnopqrstuvwxyz --by "Ann Lee"',
      'firebreak ca enrol --csr ministry.csr --group authority --name "Ministry of Health" --by "Ann Lee" --json',
      'firebreak ca enrol --csr new.csr --certificate health.pem --chain between.pem --signature new.sig --by "Ann Lee"',
    ],
  )
    .requiredOption('--csr <file>', 'PKCS#10 request of the organisation’s own keys (PEM)')
    .option('--group <group>', 'provider, authority or payer')
    .option('--name <name>', 'the organisation’s name')
    .option('--role <role>', 'clinician, staff or officer: a person of the organisation that --of names')
    .option('--called <name>', 'that person’s own name: patients see it where their record was read')
    .option('--of <id>', 'that organisation: a provider; of officers, the one that runs this instance')
    .requiredOption('--by <person>', 'who asks')
    .option('--certificate <file>', 'a certificate of an authority in trustAnchors: says name and group')
    .option('--chain <file>', 'what lies between that and the anchor (PEM)')
    .option('--signature <file>', 'of that certificate’s key over the DER of the request')
    .action(async (flags: EnrolFlags, command: Command) => {
      const { csr, group: within, name, role, of, called, by, certificate, chain, signature } = flags;
      const args = {
        csr: read(csr),
        by,
        ...(within === undefined ? {} : { group: within }),
        ...(role === undefined ? {} : { role }),
        ...(called === undefined ? {} : { called }),
        ...(of === undefined ? {} : { of }),
        ...(name === undefined ? {} : { name }),
        ...(certificate === undefined ? {} : { certificate: read(certificate) }),
        ...(chain === undefined ? {} : { chain: read(chain) }),
        ...(signature === undefined ? {} : { signature: readBytes(signature).toString('base64') }),
      };
      const shown = await ask<ShownRequest>(command, 'ca-enrol', args, (instance) => caEnrol(instance, args));
      print(flags, shown, requestText(shown));
    });
  commandOf(group, 'approve', 'approve a request, as another person than who asked; prints the certificate', [
    'firebreak ca approve r-abcdefghijklmnop --by "Bo Rask"',
  ])
    .argument('<id>', 'the request')
    .requiredOption('--by <person>', 'who approves')
    .action(async (id: string, flags: { by: string }, command: Command) => {
      const args = { id, by: flags.by };
      const shown = await ask<ShownRequest>(command, 'ca-approve', args, (one) => caApprove(one, args));
      print(flags, shown, requestText(shown));
    });
  commandOf(group, 'refuse', 'refuse a request', [
    'firebreak ca refuse r-abcdefghijklmnop --by "Bo Rask" --reason "fingerprint not confirmed by telephone"',
  ])
    .argument('<id>', 'the request')
    .requiredOption('--by <person>', 'who refuses')
    .requiredOption('--reason <text>', 'why; kept here, not on the log')
    .action(async (id: string, flags: { by: string; reason: string }, command: Command) => {
      const args = { id, by: flags.by, reason: flags.reason };
      const shown = await ask<ShownRequest>(command, 'ca-refuse', args, (one) => caRefuse(one, args));
      print(flags, shown, requestText(shown));
    });
}

function addCertificates(group: Command): void {
  commandOf(group, 'renew', 'certify the same keys for longer; no new enrolment', [
    'firebreak ca renew p-abcdefghijklmnopqrstuvwxyz',
    'firebreak ca renew p-abcdefghijklmnopqrstuvwxyz --csr insurer.csr --json',
  ])
    .argument('<participant>', 'id, handle or fingerprint')
    .option('--csr <file>', 'a request of the same keys (PEM)')
    .action(async (id: string, flags: { csr?: string }, command: Command) => {
      const args = { id, ...(flags.csr === undefined ? {} : { csr: read(flags.csr) }) };
      const shown = await ask<ShownInFull>(command, 'ca-renew', args, (one) => caRenew(one, args));
      print(flags, shown, participantText(shown));
    });
  commandOf(group, 'rotate', 'put another key in the place of the certified one, which ends at once', [
    'firebreak keys new --out insurer-2',
    'firebreak ca proof --key insurer.key --csr insurer-2.csr --out insurer-2.sig',
    'firebreak ca rotate p-abcdefghijklmnopqrstuvwxyz --csr insurer-2.csr --signature insurer-2.sig',
  ])
    .argument('<participant>', 'id, handle or fingerprint')
    .requiredOption('--csr <file>', 'PKCS#10 request of the new keys (PEM)')
    .requiredOption(
      '--signature <file>',
      'of the present key over the DER of that request: 64 bytes, or base64',
    )
    .action(async (id: string, flags: { csr: string; signature: string }, command: Command) => {
      const args = { id, csr: read(flags.csr), signature: readSignature(flags.signature) };
      const shown = await ask<ShownInFull>(command, 'ca-rotate', args, (one) => caRotate(one, args));
      print(flags, shown, participantText(shown));
    });
  group
    .command('proof')
    .description('sign the request for a new key by the present one; needs no instance')
    .requiredOption('--key <file>', 'the present private key (PEM); it is only read')
    .requiredOption('--csr <file>', 'the request of the new keys (PEM)')
    .requiredOption('--out <file>', 'writes the signature, base64')
    .addHelpText(
      'after',
      `
Examples:
  firebreak ca proof --key insurer.key --csr insurer-2.csr --out insurer-2.sig
The same by OpenSSL:
  openssl req -in insurer-2.csr -outform DER -out insurer-2.der
  openssl pkeyutl -sign -rawin -inkey insurer.key -in insurer-2.der -out insurer-2.sig`,
    )
    .action((flags: { key: string; csr: string; out: string }) => {
      const signature = proofOf(read(flags.key), read(flags.csr));
      write(flags.out, `${signature.toString('base64')}\n`);
      createTerminal(false).print(`${flags.out} proves the present key; send it with the new request`);
    });
  commandOf(group, 'revoke', 'end a participant: from now on its certificates are good for nothing new', [
    'firebreak ca revoke p-abcdefghijklmnopqrstuvwxyz --reason keyCompromise',
  ])
    .argument('<participant>', 'id, handle or fingerprint; of a patient the handle')
    .requiredOption('--reason <reason>', `on the log and the list: ${REVOCATION_REASONS.join(', ')}`)
    .action(async (id: string, flags: { reason: string }, command: Command) => {
      const args = { id, reason: flags.reason };
      const shown = await ask<ShownInFull>(command, 'ca-revoke', args, (one) => caRevoke(one, args));
      print(flags, shown, participantText(shown));
    });
}

function addShowing(group: Command): void {
  commandOf(group, 'crl', 'the revocation list in force; over HTTP it is /pki/issuing.crl', [
    'firebreak ca crl > issuing.crl.pem',
    'firebreak ca crl --der --out issuing.crl',
  ])
    .option('--der', 'DER instead of PEM')
    .option('--out <file>', 'write it to a file')
    .action(async (flags: { der?: boolean; out?: string; json?: boolean }, command: Command) => {
      const list = await ask<Awaited<ReturnType<typeof caList>>>(command, 'ca-crl', {}, caList);
      const der = Buffer.from(list.der, 'base64');
      const bytes = flags.der === true ? der : Buffer.from(pemOf(der, 'X509 CRL'));
      if (flags.out !== undefined) write(flags.out, bytes);
      else if (flags.der === true && flags.json !== true)
        throw new AdapterError('ADAPTER_USAGE', 'DER goes to a file: --out FILE');
      const text =
        flags.out === undefined
          ? bytes.toString('latin1').trimEnd()
          : `${flags.out}: list ${list.number}, next by ${list.nextUpdate}`;
      print(flags, list, text);
    });
  commandOf(group, 'list', 'requests that wait, and the organisations with the state of their certificates', [
    'firebreak ca list',
    'firebreak ca list --all --json',
  ])
    .option('--all', 'also the requests that were decided')
    .action(async (flags: { all?: boolean }, command: Command) => {
      const args = { all: flags.all === true };
      const shown = await ask<ShownList>(command, 'ca-list', args, (one) => caParticipants(one, args));
      print(flags, shown, listText(shown));
    });
  commandOf(group, 'show', 'all that is known of a request or a participant, its certificate included', [
    'firebreak ca show p-abcdefghijklmnopqrstuvwxyz',
    'firebreak ca show r-abcdefghijklmnop --json',
  ])
    .argument('<id>', 'request, or participant by id, handle or fingerprint')
    .action(async (id: string, flags: object, command: Command) => {
      const args = { id };
      const shown = await ask<ShownInFull | ShownRequest>(command, 'ca-show', args, (one) =>
        caShow(one, args),
      );
      print(flags, shown, shown.kind === 'request' ? requestText(shown) : participantText(shown));
    });
}

function commandOf(group: Command, name: string, description: string, examples: readonly string[]): Command {
  return group
    .command(name)
    .description(description)
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nExample${examples.length > 1 ? 's' : ''}:\n  ${examples.join('\n  ')}`);
}

async function ask<T>(
  command: Command,
  name: string,
  args: Args,
  local: (instance: Instance) => Promise<T>,
): Promise<T> {
  const { config } = configOf(command);
  return onInstance<T>(config, { command: name, args }, () => undefined, local);
}

function print(flags: object, shown: unknown, text: string): void {
  const isJson = (flags as { json?: boolean }).json === true;
  createTerminal(false).print(isJson ? JSON.stringify(shown) : text);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
}

const SIGNATURE_BYTES = 64;

/** As OpenSSL writes it, or as base64 text. Returns base64. */
function readSignature(path: string): string {
  const bytes = readBytes(path);
  if (bytes.length === SIGNATURE_BYTES) return bytes.toString('base64');
  const decoded = Buffer.from(bytes.toString('latin1').trim(), 'base64');
  if (decoded.length !== SIGNATURE_BYTES)
    throw new AdapterError('ADAPTER_USAGE', `${path} holds no Ed25519 signature`);
  return decoded.toString('base64');
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
}

function write(path: string, bytes: Buffer | string): void {
  try {
    writeFileSync(path, bytes);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be written`, { cause });
  }
}
