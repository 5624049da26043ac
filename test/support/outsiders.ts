/** Those who know an instance by its address and command line alone: what each does with keys of its own. */
import assert from 'node:assert/strict';
import { createPrivateKey, sign as signBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SIGN_IN_KIND } from '../../adapter/http/contract/index.js';
import type { Enrolled, ShownAccess, SignedIn } from '../../adapter/http/contract/index.js';
import { documentBytes, signDocument } from '../../ledger/consent/index.js';
import { generateSeed } from '../../ledger/log/index.js';
import { makeCsr, readCertificate } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import { runFirebreak } from './firebreak-process.js';
import type { Wallet } from './wallet.js';

type Session = { readonly authorization: string };

export class Outsiders {
  readonly #folder: string;
  readonly #data: string;
  readonly #address: () => string;

  /**
   * @param folder - For keys and certificates.
   * @param data - The instance's own folder, which its operators' commands name.
   */
  constructor(folder: string, data: string, address: () => string) {
    this.#folder = folder;
    this.#data = data;
    this.#address = address;
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Runs a command and reads what it prints as JSON. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the script says what it expects where it reads it
  async cli<T>(...args: readonly string[]): Promise<T> {
    const ended = await runFirebreak('--data', this.#data, ...args, '--json');
    assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`);
    return JSON.parse(ended.stdout) as T;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as above
  async http<T>(where: string, init: RequestInit = {}, status = 200): Promise<T> {
    const response = await fetch(this.#address() + where, init);
    const text = await response.text();
    assert.equal(response.status, status, `${where}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** Makes keys: NAME.key and NAME.csr. */
  async newKeys(name: string): Promise<void> {
    const made = await runFirebreak('--data', this.#data, 'keys', 'new', '--out', this.path(name));
    assert.equal(made.code, 0, made.stderr);
  }

  /** Enrols an organisation: keys of its own, one person asks, another approves. @returns Its id. */
  async enrol(name: string, group: string): Promise<string> {
    await this.newKeys(name);
    const who = ['--group', group, '--name', name, '--by', 'Ann Lee'];
    const csr = this.path(`${name}.csr`);
    const asked = await this.cli<{ id: string }>('ca', 'enrol', '--csr', csr, ...who);
    const approved = await this.cli<{ certificate: string }>('ca', 'approve', asked.id, '--by', 'Bo Rask');
    writeFileSync(this.path(`${name}.pem`), approved.certificate);
    return this.#certificate(name).id;
  }

  /** Arguments by which a command signs for an organisation. */
  keysOf(name: string): string[] {
    return ['--key', this.path(`${name}.key`), '--certificate', this.path(`${name}.pem`)];
  }

  /** Enrols a patient by a hospital's invitation, with keys of the patient's own. @param secret - The hospital's. */
  async enrolPatient(source: string, id: string, secret: string): Promise<Wallet> {
    const { invitations } = await this.http<{ invitations: { code: string }[] }>(
      `/sources/${source}/invitations`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}` },
        body: JSON.stringify({ patients: [id] }),
      },
      201,
    );
    const seed = generateSeed();
    const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(generateX25519()) });
    const body = JSON.stringify({ invitation: invitations[0]?.code, csr: csr.pem });
    const enrolled = await this.http<Enrolled>('/pki/enrol', { method: 'POST', body }, 201);
    return { seed, enrolled };
  }

  /** A session of an organisation. */
  session(name: string, purpose: string): Promise<Session> {
    const { id, fingerprint } = this.#certificate(name);
    const key = createPrivateKey(readFileSync(this.path(`${name}.key`)));
    return this.#signIn(id, fingerprint, purpose, key);
  }

  /** A session of a patient. */
  patientSession({ seed, enrolled }: Wallet): Promise<Session> {
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    return this.#signIn(enrolled.participant, enrolled.fingerprint, 'PATRQT', key);
  }

  /** What a patient says to a request that the hospital has approved. */
  decide(
    { seed, enrolled }: Wallet,
    log: string,
    request: ShownAccess,
    outcome: string,
  ): Promise<{ state: string }> {
    const document = {
      kind: 'firebreak access decision',
      log,
      signer: enrolled.participant,
      at: new Date().toISOString(),
      request: request.id,
      task: request.taskHash,
      outcome,
    };
    const jws = signDocument(document, seed, enrolled.fingerprint);
    return this.http('/requests/decisions', { method: 'POST', body: JSON.stringify({ document, jws }) });
  }

  /** Name of the log and what its signatures are checked with. */
  async log(): Promise<{ readonly origin: string; readonly vkey: string }> {
    const vkey = (await (await fetch(`${this.#address()}/log/vkey`)).text()).trim();
    return { origin: vkey.split('+')[0] ?? '', vkey };
  }

  /** Arguments by which a proof file is checked. */
  async trust(): Promise<string[]> {
    const root = await fetch(`${this.#address()}/pki/root.crt`);
    writeFileSync(this.path('root.der'), Buffer.from(await root.arrayBuffer()));
    return ['--vkey', (await this.log()).vkey, '--ca', this.path('root.der')];
  }

  #certificate(name: string): ReturnType<typeof readCertificate> {
    const pem = readFileSync(this.path(`${name}.pem`), 'utf8');
    return readCertificate(Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'));
  }

  async #signIn(participant: string, fingerprint: string, purpose: string, key: KeyObject): Promise<Session> {
    const { challenge } = await this.http<{ challenge: string }>('/auth/challenge', { method: 'POST' });
    const document = { kind: SIGN_IN_KIND, server: this.#address(), challenge, participant, purpose };
    const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: fingerprint })).toString('base64url');
    const input = Buffer.from(`${header}.${documentBytes(document).toString('base64url')}`);
    const jws = `${header}..${signBytes(null, input, key).toString('base64url')}`;
    const body = JSON.stringify({ document, jws });
    const { token } = await this.http<SignedIn>('/auth/session', { method: 'POST', body }, 201);
    return { authorization: `Bearer ${token}` };
  }
}
