/**
 * A small ledger for tests: an authority, an instance and a hospital with certificates, and a legal log of theirs.
 */
// oxlint-disable-next-line import/no-unassigned-import -- x509 wants it loaded before itself
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import {
  buildSubmission,
  encodeVkey,
  generateSeed,
  publicKey,
  privateKeyObject,
  sign,
} from '../../../ledger/log/index.js';
import type { Draft, EntryType, JsonObject, Submission } from '../../../ledger/log/index.js';
import { emptyStateRoot } from '../../../ledger/state/index.js';
import type { Store } from '../../../ledger/store.js';

export const ORIGIN = 'firebreak.test/log';

/** A participant with a certificate. */
export interface Holder {
  readonly seed: Buffer;
  readonly der: Buffer;
  /** base64url SHA-256 of the DER. */
  readonly actor: string;
  readonly sign: (message: Buffer) => Buffer;
}

export interface Cast {
  readonly ca: Holder;
  readonly instance: Holder;
  readonly hospital: Holder;
}

const NOT_BEFORE = new Date(0);
const NOT_AFTER = new Date('2100-01-01T00:00:00Z');

async function webKeys(seed: Buffer): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = privateKeyObject(seed).export({ format: 'der', type: 'pkcs8' });
  const { subtle } = webcrypto;
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, { name: 'Ed25519' }, true, ['sign']),
    publicKey: await subtle.importKey('raw', publicKey(seed), { name: 'Ed25519' }, true, ['verify']),
  };
}

function holder(seed: Buffer, der: Buffer): Holder {
  const key = privateKeyObject(seed);
  const actor = createHash('sha256').update(der).digest('base64url');
  return { seed, der, actor, sign: (message) => sign(key, message) };
}

/** An authority and its certificate, which it signs itself. */
export async function makeAuthority(name: string): Promise<Holder> {
  x509.cryptoProvider.set(webcrypto);
  const seed = generateSeed();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: await webKeys(seed),
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    signingAlgorithm: { name: 'Ed25519' },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return holder(seed, Buffer.from(certificate.rawData));
}

/** A participant, or an authority below it, certified by an authority. */
export async function makeHolder(
  authority: Holder,
  authorityName: string,
  name: string,
  notAfter: Date = NOT_AFTER,
  isAuthority = false,
  seed: Buffer = generateSeed(),
): Promise<Holder> {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: `CN=${authorityName}`,
    publicKey: (await webKeys(seed)).publicKey,
    signingKey: (await webKeys(authority.seed)).privateKey,
    notBefore: NOT_BEFORE,
    notAfter,
    signingAlgorithm: { name: 'Ed25519' },
    extensions: [new x509.BasicConstraintsExtension(isAuthority, undefined, true)],
  });
  return holder(seed, Buffer.from(certificate.rawData));
}

let cast: Promise<Cast> | undefined;

/** The authority, instance and hospital of all tests of a process. */
export function theCast(): Promise<Cast> {
  cast ??= (async () => {
    const ca = await makeAuthority('Test authority');
    return {
      ca,
      instance: await makeHolder(ca, 'Test authority', 'instance'),
      hospital: await makeHolder(ca, 'Test authority', 'hospital'),
    };
  })();
  return cast;
}

/** 32 random bytes, base64url. */
export function random32(): string {
  return randomBytes(32).toString('base64url');
}

/** A draft with random nonce. */
export function draft(actor: string, type: EntryType, body: JsonObject, tags: readonly string[] = []): Draft {
  return { v: 1, type, actor, tags, nonce: randomBytes(16).toString('base64url'), body };
}

/** Drafts of one holder as a submission. */
export function submit(by: Holder, drafts: readonly Draft[], origin: string = ORIGIN): Submission {
  const nonce = randomBytes(16).toString('base64url');
  return buildSubmission({ origin, actor: by.actor, sign: by.sign, drafts, nonce });
}

/** The enrolment of an organisation, submitted by the authority. */
export function enrolment(by: Holder, group: string, whose: Holder, role?: string): Draft {
  const body = {
    handle: random32(),
    group,
    name: 'An organisation',
    certificate: whose.der.toString('base64'),
  };
  return draft(by.actor, 'participant.enrolled', role === undefined ? body : { ...body, role });
}

/** The first submission of a log: the authority, the instance and the hospital. */
export function genesis({ ca, instance, hospital }: Cast): Submission {
  return submit(ca, [
    enrolment(ca, 'ca', ca),
    enrolment(ca, 'provider', instance, 'instance'),
    enrolment(ca, 'provider', hospital, 'organisation'),
  ]);
}

/** A stored record of some patient. */
export function recordStored(actor: string, handle: string = random32()): Draft {
  const body = { handle, commitment: random32(), ciphertext: random32(), facts: random32() };
  return draft(actor, 'record.stored', body, [random32()]);
}

/** A submission of the instance with the daily types that may follow a genesis. */
export function everyType({ instance }: Cast): Submission {
  const { actor } = instance;
  const [first, second, consent, renewed, model] = [
    random32(),
    random32(),
    random32(),
    random32(),
    random32(),
  ];
  return submit(instance, [
    draft(actor, 'participant.enrolled', { handle: random32(), group: 'patient', commitment: random32() }, [
      random32(),
    ]),
    draft(actor, 'consent.signed', { handle: consent, start: 0, end: null, commitment: random32() }, [
      random32(),
    ]),
    draft(actor, 'consent.signed', {
      handle: renewed,
      replaces: consent,
      start: null,
      end: 4_102_444_800_000,
      commitment: random32(),
    }),
    recordStored(actor, first),
    recordStored(actor, second),
    draft(actor, 'record.superseded', { handle: first, by: second }, [random32()]),
    draft(actor, 'record.deleted', { handle: second, commitment: random32() }, [random32()]),
    draft(actor, 'model.published', {
      handle: model,
      commitment: random32(),
      cohort: random32(),
      metrics: random32(),
    }),
    draft(
      actor,
      'score.issued',
      { handle: random32(), model, commitment: random32(), ciphertext: random32(), facts: random32() },
      [random32()],
    ),
    draft(actor, 'consent.withdrawn', { handle: renewed, commitment: random32() }, [random32()]),
  ]);
}

/** Some key of the log, as vkey. */
const logKey = (): string => encodeVkey(ORIGIN, publicKey(generateSeed()));

/** A submission of the instance with the other types that it may sign. */
export function rarerTypes({ instance }: Cast): Submission {
  const { actor } = instance;
  const [patient, record, request, appointment, merge] = [
    random32(),
    random32(),
    random32(),
    random32(),
    random32(),
  ];
  const bare = (type: EntryType, handle = random32()): Draft =>
    draft(actor, type, { handle, commitment: random32() }, [random32()]);
  const decided = (by: string, outcome: string): Draft =>
    draft(actor, 'access.decided', { handle: request, by, outcome, commitment: random32() });
  return submit(instance, [
    draft(actor, 'participant.enrolled', { handle: patient, group: 'patient', commitment: random32() }),
    draft(actor, 'key.rotated', { key: 'participant', handle: patient, commitment: random32() }),
    draft(actor, 'participant.revoked', { handle: patient, reason: 'keyCompromise' }),
    draft(actor, 'key.rotated', {
      key: 'log',
      from: logKey(),
      to: logKey(),
      overlapUntil: 1_800_000_000_000,
    }),
    bare('representative.appointed', appointment),
    bare('representative.ended', appointment),
    bare('access.requested', request),
    decided('custodian', 'approved'),
    decided('patient', 'refused'),
    bare('record.merged', merge),
    bare('record.unmerged', merge),
    recordStored(actor, record),
    bare('record.erased', record),
    bare('disclosure'),
    bare('claim.attested'),
    bare('cohort.exported'),
    bare('aggregate.answered'),
    bare('source.reconciled'),
  ]);
}

/** The renewal of an organisation's certificate, by the authority. @param whose - Certified for the same key anew. */
export function renewal({ ca }: Cast, handle: string, whose: Holder): Submission {
  const body = { handle, certificate: whose.der.toString('base64') };
  return submit(ca, [draft(ca.actor, 'participant.renewed', body)]);
}

/** The anchor of the state before any entry: legal as long as no other anchor went before it. */
export function firstAnchor({ instance }: Cast): Submission {
  const root = emptyStateRoot().toString('base64url');
  return submit(instance, [draft(instance.actor, 'state.anchored', { size: 0, keys: 0, root })]);
}

/** `count` records in submissions of up to 256. */
export function records({ instance }: Cast, count: number): Submission[] {
  const submissions: Submission[] = [];
  for (let left = count; left > 0; left -= 256) {
    const drafts = Array.from({ length: Math.min(left, 256) }, () => recordStored(instance.actor));
    submissions.push(submit(instance, drafts));
  }
  return submissions;
}

/** A folder that is removed when the test ends. */
export async function scratchDir(context: { after: (done: () => Promise<void>) => void }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-test-'));
  context.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A store in a folder. */
export async function openStore(dir: string): Promise<Store> {
  const store: Store = new Level<string, Buffer>(join(dir, 'store'), {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
  });
  await store.open();
  return store;
}
