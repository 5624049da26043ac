/**
 * People whom a visitor of the demo may be: a patient of the demo hospital, who made the own keys, and members of each
 * group, who are enrolled when they are first asked for. Keys of nobody real; they lie in the demo's own folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { tagCount } from '../../ledger/custody/index.js';
import { generateSeed } from '../../ledger/log/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import type { DemoRole } from '../http/contract/index.js';
import type { Instance } from '../instance/instance.js';
import { pemOf, presentDer, presentOf } from './ca/index.js';

/** A wallet as the portal keeps it. */
interface PortalWallet {
  readonly format: 'firebreak-wallet/1';
  /** base64url of 32 bytes each. */
  readonly signing: string;
  readonly opening: string;
  readonly enrolled?: object;
  readonly certificate?: {
    readonly pem: string;
    readonly fingerprint: string;
    readonly id: string;
    readonly group: string;
    readonly organisation: string;
    readonly role: string;
  };
}

type Member = Exclude<DemoRole, 'patient'>;

interface StoredMember {
  readonly participant: string;
  readonly wallet: PortalWallet;
}

/** Who approves enrolments of the demo: two invented officers. */
const OFFICERS = ['Demo Officer One', 'Demo Officer Two'] as const;
const ORGANISATIONS = { authority: 'Demo Ministry of Health', payer: 'Demo Insurance' } as const;
/** Their invented names. */
const PEOPLE = {
  clinician: 'Dr Demo Clinician',
  staff: 'Demo Desk',
  officer: OFFICERS[0],
  'second-officer': OFFICERS[1],
} as const;
const FILE = 'people.json';

export class DemoPeople {
  readonly #instance: Instance;
  readonly #folder: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(instance: Instance) {
    this.#instance = instance;
    this.#folder = join(instance.config.dataDir, 'demo');
  }

  /** The wallet of somebody of a role; `undefined` while the demo hospital has no such patient yet. */
  wallet(role: DemoRole): Promise<object | undefined> {
    // One at a time: who is asked for twice at once is enrolled once.
    const turn = this.#turn.then(() => (role === 'patient' ? this.#patient() : this.#member(role)));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Of the patients who permit their care, the one with most on the log. */
  async #patient(): Promise<PortalWallet | undefined> {
    const { sources, subjects, store } = this.#instance;
    // A real instance never loads it.
    const { readWallets } = await import('../../demo/index.js');
    const view = { get: (key: string) => store.getSync(key) };
    let best: { readonly wallet: PortalWallet; readonly entries: number } | undefined;
    for (const { patient, keys, enrolment, documents } of readWallets(this.#folder)) {
      const latest = documents.filter(({ sent }) => sent).at(-1);
      if (enrolment === undefined || latest === undefined) continue;
      if (documents.some(({ status, kind }) => status === 'inactive' || kind === 'refusal')) continue;
      const { participant, certificate, fingerprint, patient: reference, custodian, instance } = enrolment;
      const entries = Math.max(
        ...sources.list().map(({ id }) => tagCount(view, subjects.keyOf(id, patient))),
      );
      if (best !== undefined && best.entries >= entries) continue;
      const enrolled = {
        participant,
        certificate,
        fingerprint,
        patient: { reference },
        custodian,
        instance: { reference: instance },
      };
      best = {
        entries,
        wallet: {
          format: 'firebreak-wallet/1',
          signing: keys.ed25519.d,
          opening: keys.x25519.d,
          enrolled,
        },
      };
    }
    return best?.wallet;
  }

  async #member(role: Member): Promise<PortalWallet> {
    const known = this.#stored();
    const stored = known[role];
    const { certification, nowMs } = this.#instance;
    const fingerprint = stored?.wallet.certificate?.fingerprint ?? '';
    if (
      stored !== undefined &&
      certification.rows.certificateNow(stored.participant, fingerprint, nowMs()).ok
    )
      return stored.wallet;
    const made = await this.#enrol(role);
    await this.#keep({ ...known, [role]: made });
    return made.wallet;
  }

  async #enrol(role: Member): Promise<StoredMember> {
    const { certification, sources, organisation } = this.#instance;
    const seed = generateSeed();
    const x25519 = generateX25519();
    const { pem } = await makeCsr({ seed, x25519Public: x25519PublicKey(x25519) });
    const [first, second] = OFFICERS;
    const hospital = sources.list().find(({ kind }) => kind === 'fhir')?.custodian ?? organisation;
    const asked =
      role === 'authority' || role === 'payer'
        ? { name: ORGANISATIONS[role], group: role }
        : role === 'officer' || role === 'second-officer'
          ? { role: 'officer', of: organisation.id, called: PEOPLE[role] }
          : { role, of: hospital.id, called: PEOPLE[role] };
    const { id: request } = await certification.enrol({ csr: pem, by: first, ...asked });
    const { handle = '' } = await certification.approve(request, second);
    const certified = certification.rows.get(handle);
    if (certified === undefined) throw new Error('the demo’s authority did not certify');
    const { id, group, name = '', role: certifiedRole = 'organisation' } = certified;
    return {
      participant: handle,
      wallet: {
        format: 'firebreak-wallet/1',
        signing: Buffer.from(seed).toString('base64url'),
        opening: Buffer.from(x25519).toString('base64url'),
        certificate: {
          pem: pemOf(presentDer(certified)),
          fingerprint: presentOf(certified).fingerprint,
          id,
          group,
          organisation: name,
          role: certifiedRole,
        },
      },
    };
  }

  #stored(): Partial<Record<Member, StoredMember>> {
    const file = join(this.#folder, FILE);
    return existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<Member, StoredMember>>)
      : {};
  }

  async #keep(people: Partial<Record<Member, StoredMember>>): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = join(this.#folder, FILE);
    await writeFile(`${file}.part`, JSON.stringify(people), { mode: 0o600 });
    await rename(`${file}.part`, file);
  }
}
