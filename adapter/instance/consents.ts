/**
 * Consents: taking a signed document in, keeping it sealed, and answering which policies speak for a patient.
 * What is decided on is compiled from the very bytes that were signed.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Consent } from 'fhir/r4.js';
import type { Policy } from '../../ledger/consent/index.js';
import { documentKid, verifyDocument, voicePolicy } from '../../ledger/consent/index.js';
import {
  consentEpoch,
  consentEpochWrite,
  consentsLostAt,
  consentsLostWrite,
  consentStanding,
  consentStatusWrite,
} from '../../ledger/custody/index.js';
import type { Appender, ControlStaged, StateView } from '../../ledger/custody/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { commitmentOf, mark, openRow, sealRow } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import {
  attestedBundleParts,
  bundledConsent,
  CLOCK_SKEW_MAX_MS,
  compileConsent,
  consentBundleParts,
  interval,
  parseJson,
} from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { Act } from '../http/contract/index.js';
import type { AttestedParts } from '../../mappings/index.js';
import { beyondPaper, speaksOfTreatment } from './paper.js';
import { RELEASE_PREFIX, releaseWrite } from './merges.js';
import type { Merges } from './merges.js';
import type { Representatives, Speaker } from '../services/representatives/index.js';
import type { Attestations, Attesting } from '../services/wallets/index.js';
import type { Sources } from './sources.js';
import type { Subject, Subjects } from './subjects.js';
import { newHandle } from '../handle.js';

/** What became of a submitted document. */
export interface ConsentOutcome {
  readonly handle: string;
  readonly outcome: 'signed' | 'withdrawn' | 'known';
  /** Waiting events that are judged again because of it. */
  readonly released: number;
}

/** The policies that speak for a patient, at one epoch of that patient's consents. */
export interface PolicySet {
  readonly epoch: number;
  readonly policies: readonly Policy[];
}

interface ConsentRow {
  readonly handle: string;
  readonly version: number;
  readonly identifier: string;
  readonly dateTimeMs: number;
  /** `dateTime` of the document that withdrew it. */
  readonly withdrawnMs?: number;
  /** Two of the hospital's staff testify to it. */
  readonly paper?: true;
  /** The Bundle as received: document, signature and all, base64. */
  readonly bundle: string;
  /** Opens the commitment on the log. */
  readonly salt: string;
}

/** A signed document of a patient, and what opens the commitment of its entry. */
export interface KeptDocument {
  /** Of the consent, which a withdrawal's entry names too. */
  readonly handle: string;
  readonly type: 'consent.signed' | 'consent.withdrawn';
  /** The Bundle as received. */
  readonly bytes: Buffer;
  /** 32 bytes. */
  readonly salt: Buffer;
}

/** Who speaks by a document: a key, or two of the hospital's staff for what is on paper. */
type Voice = { readonly speaker: Speaker } | { readonly attesting: Attesting };

type Appended = Omit<ConsentOutcome, 'released'>;

/** Policy sets kept compiled. */
const CACHE_MAX = 20_000;

/** Consents of one patient that are read: far beyond what a person signs; more are refused. */
const CONSENTS_MAX = 1000;

export interface ConsentsOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly subjects: Subjects;
  readonly sources: Sources;
  readonly merges: Merges;
  /** What stands in for a patient's word: emergencies, and duties by law. */
  readonly exceptional: (subjectKey: string, source: string) => Promise<readonly Policy[]>;
  /** Who speaks for a patient by which certificate, and since when no longer. */
  readonly representatives: Representatives;
  /** What two of a hospital's staff say. */
  readonly attestations: Attestations;
  /** Reference by which consents name this instance, such as `Organization/p-…`. */
  readonly instanceReference: string;
  readonly nowMs: () => number;
  /** Told of each patient who signed something. */
  readonly onSigned: (subjectKey: string) => void;
  /**
   * Judges a patient's waiting events again; called once the consent is committed.
   *
   * @param begun - Rows whose deletion, with the moved events, ends the release.
   */
  readonly release: (subjectKey: string, begun: readonly string[]) => Promise<number>;
}

export class Consents {
  readonly #options: ConsentsOptions;
  readonly #cache = new Map<string, PolicySet>();
  /** Sets at work: a patient's events come by the hundred, and one reading serves them all. */
  #generation = 0;
  readonly #compiling = new Map<string, { readonly epoch: number; readonly set: Promise<PolicySet> }>();

  constructor(options: ConsentsOptions) {
    this.#options = options;
  }

  /** The policies of a patient and of the custodian. */
  async policies(subject: Subject): Promise<PolicySet> {
    const epoch = consentEpoch({ get: (key) => this.#options.store.getSync(key) }, subject.key);
    const known = this.#cache.get(subject.key);
    // A write whose answer was lost may have raised the epoch, and nobody was told.
    if (known?.epoch === epoch) return known;
    const begun = this.#compiling.get(subject.key);
    if (begun?.epoch === epoch) return begun.set;
    const compiling = { epoch, set: this.#policiesAt(subject, epoch) };
    this.#compiling.set(subject.key, compiling);
    try {
      return await compiling.set;
    } finally {
      if (this.#compiling.get(subject.key) === compiling) this.#compiling.delete(subject.key);
    }
  }

  /** Forgets all that is cached: what holds for every patient of a source has changed. */
  forgetAll(): void {
    this.#generation++;
    this.#cache.clear();
    this.#compiling.clear();
  }

  /** Forgets what is cached of a patient. */
  forget(subjectKey: string): void {
    this.#cache.delete(subjectKey);
  }

  async #policiesAt(subject: Subject, epoch: number): Promise<PolicySet> {
    const { store, sources, exceptional } = this.#options;
    const view = { get: (key: string) => store.getSync(key) };
    const generation = this.#generation;
    const policies: Policy[] = sources.policies(subject.source, this.#options.instanceReference);
    policies.push(...(await exceptional(subject.key, subject.source)));
    const { own, others } = this.#options.merges.voices(view, subject.key);
    policies.push(...(await this.#signedBy(own, subject.key)));
    for (const voice of others) {
      policies.push(voicePolicy(subject.key, voice));
      for (const policy of await this.#signedBy(voice, subject.key)) policies.push({ ...policy, voice });
    }
    const set = { epoch, policies };
    if (this.#cache.size >= CACHE_MAX) this.#cache.clear();
    // A consent committed while the rows were read has raised the epoch; then this set must not be kept.
    const isPresent = consentEpoch(view, subject.key) === epoch && generation === this.#generation;
    if (isPresent) this.#cache.set(subject.key, set);
    return set;
  }

  /** What a patient has signed, as it speaks for a subject: the same one, or one that turned out to be. */
  async #signedBy(signer: string, subjectKey: string): Promise<Policy[]> {
    const { store } = this.#options;
    const view = { get: (key: string) => store.getSync(key) };
    const lostAt = consentsLostAt(view, signer);
    const policies: Policy[] = [];
    for (const row of await this.#rows(signer)) {
      const policy = this.#compile(row, subjectKey);
      const standing = consentStanding(view, row.handle);
      if (policy === undefined || standing === undefined) continue;
      // Every version goes to the gate, which knows what a withdrawn or a replaced one still means.
      // A wallet's consent takes the place of one on paper under another identifier.
      const isOver =
        standing.status === 'withdrawn' || (row.paper === true && standing.status === 'replaced');
      if (isOver) policies.push({ ...policy, withdrawnAtLeaf: standing.version });
      else policies.push(row.version <= lostAt ? withoutPermits(policy, lostAt) : policy);
    }
    return policies;
  }

  /**
   * Judges anew what waits for patients who turned out to be one with another, or no longer are.
   *
   * @param subjectKeys - As {@link Merges.heard} named them.
   */
  async judgeAgain(subjectKeys: readonly string[]): Promise<void> {
    for (const subjectKey of subjectKeys) await this.#release(subjectKey);
  }

  /**
   * Takes a signed consent, refusal or withdrawal: a Bundle of a Consent and its Provenance.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE naming the element that is at fault, ADAPTER_NOT_FOUND for a patient
   * without wallet here, ADAPTER_CONFLICT for a document older than the one it would replace.
   */
  async submit(bytes: Buffer): Promise<ConsentOutcome> {
    const value = parseJson(bytes);
    const parts = consentBundleParts(value);
    if (!parts.ok) {
      const attested = attestedBundleParts(value);
      if (attested.ok) return this.#submitPaper(attested, bytes);
      throw unprocessable(parts.code, parts.expression);
    }
    const { consent, jws } = parts;
    const subject = await this.#signer(consent);
    const speaker = this.#options.representatives.speakerOf(subject, documentKid(jws));
    if (speaker === undefined && subject.wallet === undefined) throw notEnrolled();
    if (speaker === undefined) throw unprocessable('signature-jws-kid', SIGNATURE);
    const { certificate, fingerprint } = speaker;
    const verdict = verifyDocument(consent as unknown as JsonObject, jws, certificate.publicKey, fingerprint);
    if (verdict !== 'ok') throw unprocessable(`signature-${verdict}`, SIGNATURE);
    // The latest instant that it can mean: a date without a time is not before the enrolment of that day.
    const signedBy = interval(String(consent.dateTime))?.endMs;
    if (signedBy !== undefined && signedBy < certificate.notBefore - CLOCK_SKEW_MAX_MS) {
      throw unprocessable('backdated', 'Consent.dateTime');
    }
    return this.#take(subject, { speaker }, consent, bytes, jws);
  }

  /** Takes what a patient without a wallet has signed on paper, or withdrawn so; two of the hospital's staff testify. */
  async #submitPaper({ consent, signatures }: AttestedParts, bytes: Buffer): Promise<ConsentOutcome> {
    const subject = await this.#signer(consent);
    const [one, other] = signatures.map((jws) => ({ signer: documentKid(jws) ?? '', jws }));
    if (one === undefined || other === undefined) throw unprocessable('signature-jws-form', SIGNATURE);
    const document = consent as unknown as JsonObject;
    const attested = { document, signatures: [one, other] as const };
    const attesting = await this.#options.attestations.judge(attested, subject.source);
    return this.#take(subject, { attesting }, consent, bytes, signatures.toSorted().join(' '));
  }

  async #take(
    subject: Subject,
    voice: Voice,
    consent: Consent,
    bytes: Buffer,
    jws: string,
  ): Promise<ConsentOutcome> {
    const known = `consent-document/${mark(this.#options.keys.storage.markKey, 'consent', subject.key, jws)}`;
    const seen = this.#options.store.getSync(known);
    if (seen !== undefined) {
      // Sent again because its answer was lost: what was left undone then is done now.
      const released = await this.#release(subject.key);
      return { handle: seen.toString('latin1'), outcome: 'known', released };
    }
    for (;;) {
      const outcome = await this.#append(subject, voice, consent, bytes, known);
      if (outcome === 'overtaken') continue;
      this.#options.onSigned(subject.key);
      return { ...outcome, released: await this.#release(subject.key) };
    }
  }

  /** Ends the releases that a patient's consents have begun; none begun is none. */
  async #release(subjectKey: string): Promise<number> {
    const prefix = `${RELEASE}${subjectKey}/`;
    const begun = await this.#options.store.keys({ gte: prefix, lt: `${prefix}~` }).all();
    return begun.length === 0 ? 0 : this.#options.release(subjectKey, begun);
  }

  async #signer(consent: Consent): Promise<Subject> {
    const id = /^Patient\/([a-z2-7]{32})$/.exec(consent.patient?.reference ?? '')?.[1];
    if (id === undefined) throw unprocessable('patient', 'Consent.patient.reference');
    const subject = await this.#options.subjects.findByFacadeId(id);
    if (subject === undefined) throw notEnrolled();
    return subject;
  }

  /** `overtaken`: another consent of this patient came in between; look again. */
  async #append(
    subject: Subject,
    voice: Voice,
    consent: Consent,
    bytes: Buffer,
    known: string,
  ): Promise<Appended | 'overtaken'> {
    const now = this.#options.nowMs();
    const epoch = consentEpoch({ get: (key) => this.#options.store.getSync(key) }, subject.key);
    const identifier = identifierOf(consent);
    const handle = newHandle();
    const rows = await this.#rows(subject.key);
    if (rows.length >= CONSENTS_MAX)
      throw new AdapterError('ADAPTER_CONFLICT', `more than ${CONSENTS_MAX} consents`);
    const compiled = compileConsent(consent, {
      handle,
      version: 1,
      subject: subject.key,
      layer: 'patient',
      nowMs: now,
    });
    if (!compiled.ok) throw unprocessable(compiled.code, compiled.expression);
    const { policy } = compiled;
    const dateTimeMs = policy.dateTimeMs;
    const isPaper = 'attesting' in voice;
    const isActive = consent.status === 'active';
    if (isPaper && isActive) {
      const custodian = this.#options.sources.get(subject.source)?.custodian.id;
      const beyond = beyondPaper(consent, policy, `Organization/${custodian ?? ''}`);
      if (beyond !== undefined) throw unprocessable('beyond-paper', beyond);
    }
    const salt = randomBytes(32);
    const commitment = createHash('sha256')
      .update(salt)
      .update(createHash('sha256').update(bytes).digest())
      .digest('base64url');
    let concerned: readonly string[] = [];
    const stage = (view: StateView): ControlStaged<Appended | 'overtaken'> => {
      const seen = view.get(known);
      if (seen !== undefined) {
        return { drafts: [], writes: [], value: { handle: seen.toString('latin1'), outcome: 'known' } };
      }
      const version = consentEpoch(view, subject.key) + 1;
      if (version !== epoch + 1) return { drafts: [], writes: [], value: 'overtaken' };
      // Asked inside of the batch: the certificate is good at the very leaf that the document gets.
      this.#requireMaySpeak(subject, voice, isActive, view);
      const before = rows.filter((row) => row.identifier === identifier);
      // The withdrawn and the replaced count too: an older document must not undo what came after it.
      if (before.some((row) => Math.max(row.dateTimeMs, row.withdrawnMs ?? 0) >= dateTimeMs)) {
        throw new AdapterError(
          'ADAPTER_CONFLICT',
          'a consent of this identifier and as late a dateTime is on the log',
          {
            expression: 'Consent.dateTime',
          },
        );
      }
      const isStanding = ({ handle: name }: ConsentRow): boolean =>
        consentStanding(view, name)?.status === 'in-force';
      const onPaper = rows.find((row) => row.paper === true && isStanding(row));
      const replaced =
        before.find(isStanding) ?? (isPaper || !speaksOfTreatment(policy) ? undefined : onPaper);
      if (isPaper && isActive && onPaper !== undefined && replaced === undefined)
        throw new AdapterError('ADAPTER_CONFLICT', 'another consent on paper is in force; end it first', {
          expression: 'Consent.identifier',
        });
      if (isPaper && replaced !== undefined && replaced.paper !== true)
        throw unprocessable('not-on-paper', 'Consent.identifier');
      const merged = this.#options.merges.signed(view, subject.key, consent.status === 'active');
      const shared: StoreWrite[] = [
        consentEpochWrite(subject.key, version),
        releaseWrite(subject.key, version),
        ...merged.writes,
      ];
      concerned = merged.others;
      if (consent.status !== 'active') {
        if (replaced === undefined || replaced.identifier !== identifier)
          throw unprocessable('nothing-to-withdraw', 'Consent.identifier');
        return {
          drafts: [{ type: 'consent.withdrawn', body: { handle: replaced.handle, commitment } }],
          writes: [
            ...shared,
            this.#sealed(`${PREFIX}${subject.key}/${replaced.handle}`, {
              ...replaced,
              withdrawnMs: dateTimeMs,
            }),
            consentStatusWrite(replaced.handle, { version, status: 'withdrawn' }),
            this.#evidence(subject.key, replaced.handle, bytes, salt),
            { type: 'put', key: known, value: Buffer.from(replaced.handle, 'latin1') },
          ],
          value: { handle: replaced.handle, outcome: 'withdrawn' },
        };
      }
      const row: ConsentRow = {
        handle,
        version,
        identifier,
        dateTimeMs,
        ...(isPaper ? { paper: true } : {}),
        bundle: bytes.toString('base64'),
        salt: salt.toString('base64url'),
      };
      const { startMs, endMs } = policy.root.period ?? {};
      return {
        drafts: [
          {
            type: 'consent.signed',
            body: {
              handle,
              ...(replaced === undefined ? {} : { replaces: replaced.handle }),
              start: startMs ?? null,
              end: endMs ?? null,
              commitment,
            },
          },
        ],
        writes: [
          ...shared,
          this.#sealed(`${PREFIX}${subject.key}/${handle}`, row),
          consentStatusWrite(handle, { version, status: 'in-force' }),
          ...(replaced === undefined
            ? []
            : [consentStatusWrite(replaced.handle, { version, status: 'replaced' })]),
          { type: 'put', key: known, value: Buffer.from(handle, 'latin1') },
        ],
        value: { handle, outcome: 'signed' },
      };
    };
    const outcome = await this.#options.appender.appendControl({ subject }, stage);
    for (const key of concerned) await this.#release(key);
    return outcome.value;
  }

  #requireMaySpeak(subject: Subject, voice: Voice, isActive: boolean, view: StateView): void {
    const { representatives, attestations, subjects } = this.#options;
    if ('attesting' in voice) {
      attestations.requireInForce(voice.attesting, view);
      // Who has a wallet signs by it; what was on paper before may still be withdrawn so.
      if (isActive && subjects.walletOf(view, subject.key) !== undefined)
        throw unprocessable('has-a-wallet', 'Consent.patient');
      return;
    }
    const { speaker } = voice;
    const act: Act = isActive ? 'consent' : 'withdraw';
    const code = representatives.judge(speaker, view);
    if (code !== undefined) throw unprocessable(`certificate-${code}`, SIGNED_BY);
    if (representatives.actsFor(subject.key, speaker, act, view) === undefined)
      throw unprocessable('not-appointed', SIGNED_BY);
  }

  /**
   * Ends all that a patient's consents permit: each that permits is withdrawn, and of those that refuse the exceptions fall.
   *
   * @param evidence - What the patient signed: it opens the commitments of the withdrawals.
   * @param atMs - When, for documents that come later.
   * @param more - Entries and rows of the same batch, by the count of what was withdrawn; throws where it must not be.
   * @returns How many were withdrawn.
   */
  async endAll(
    subject: Subject,
    evidence: Buffer,
    atMs: number,
    more: (view: StateView, count: number) => Pick<ControlStaged<unknown>, 'drafts' | 'writes'>,
  ): Promise<number> {
    for (;;) {
      const epoch = consentEpoch({ get: (key) => this.#options.store.getSync(key) }, subject.key);
      const rows = await this.#rows(subject.key);
      const permitting = new Set(
        rows
          .filter((row) => this.#compile(row, subject.key)?.root.type !== 'deny')
          .map(({ handle }) => handle),
      );
      const stage = (view: StateView): ControlStaged<number | 'overtaken'> => {
        const version = consentEpoch(view, subject.key) + 1;
        if (version !== epoch + 1) return { drafts: [], writes: [], value: 'overtaken' };
        const ended = rows.filter(
          ({ handle }) => permitting.has(handle) && consentStanding(view, handle)?.status === 'in-force',
        );
        const withdrawals = ended.map((row) => {
          const salt = randomBytes(32);
          const commitment = commitmentOf(salt, evidence).toString('base64url');
          return { row, salt, body: { handle: row.handle, commitment } };
        });
        const beside = more(view, ended.length);
        return {
          drafts: [
            ...withdrawals.map(({ body }) => ({ type: 'consent.withdrawn', body }) as const),
            ...beside.drafts,
          ],
          writes: [
            consentEpochWrite(subject.key, version),
            consentsLostWrite(subject.key, version),
            ...withdrawals.flatMap(({ row, salt }) => [
              this.#sealed(`${PREFIX}${subject.key}/${row.handle}`, { ...row, withdrawnMs: atMs }),
              consentStatusWrite(row.handle, { version, status: 'withdrawn' }),
              this.#evidence(subject.key, row.handle, evidence, salt),
            ]),
            ...beside.writes,
          ],
          value: ended.length,
        };
      };
      const { value } = await this.#options.appender.appendControl({ subject }, stage);
      if (value !== 'overtaken') return value;
    }
  }

  /** The signed documents of a patient that are kept, the withdrawing ones included. */
  async documents(subjectKey: string): Promise<KeptDocument[]> {
    const signed = (await this.#rows(subjectKey)).map((row) => keptOf('consent.signed', row.handle, row));
    const prefix = `${EVIDENCE}${subjectKey}/`;
    const entries = await this.#options.store.iterator({ gte: prefix, lt: `${prefix}~` }).all();
    const withdrawing = entries.map(([key, value]) => {
      const plain = openRow(this.#options.keys.storage.indexKey, key, value).toString('utf8');
      const row = JSON.parse(plain) as Pick<ConsentRow, 'bundle' | 'salt'>;
      return keptOf('consent.withdrawn', key.slice(prefix.length), row);
    });
    return [...signed, ...withdrawing];
  }

  /** Finishes releases that a crash cut off between a consent's commit and the queue. */
  async resumeReleases(): Promise<number> {
    const keys = await this.#options.store.keys({ gte: RELEASE, lt: `${RELEASE}~` }).all();
    const subjects = new Set(keys.map((key) => key.slice(RELEASE.length, key.lastIndexOf('/'))));
    let released = 0;
    for (const subjectKey of subjects) released += await this.#release(subjectKey);
    return released;
  }

  async #rows(subjectKey: string): Promise<ConsentRow[]> {
    const prefix = `${PREFIX}${subjectKey}/`;
    const entries = await this.#options.store
      .iterator({ gte: prefix, lt: `${prefix}~`, limit: CONSENTS_MAX })
      .all();
    return entries.map(([key, value]) => {
      const plain = openRow(this.#options.keys.storage.indexKey, key, value);
      return JSON.parse(plain.toString('utf8')) as ConsentRow;
    });
  }

  #compile(row: ConsentRow, subjectKey: string): Policy | undefined {
    const consent = bundledConsent(parseJson(Buffer.from(row.bundle, 'base64')));
    if (consent === undefined) return undefined;
    // What was in time when it was signed stays so: the document is judged at its own moment.
    const nowMs = Math.max(this.#options.nowMs(), row.dateTimeMs);
    const context = {
      handle: row.handle,
      version: row.version,
      subject: subjectKey,
      layer: 'patient' as const,
      nowMs,
    };
    const compiled = compileConsent(consent, context);
    return compiled.ok ? compiled.policy : undefined;
  }

  #evidence(subjectKey: string, handle: string, bytes: Buffer, salt: Buffer): StoreWrite {
    return this.#sealed(`${EVIDENCE}${subjectKey}/${handle}`, {
      bundle: bytes.toString('base64'),
      salt: salt.toString('base64url'),
    });
  }

  #sealed(key: string, value: object): StoreWrite {
    const plain = Buffer.from(JSON.stringify(value), 'utf8');
    return { type: 'put', key, value: sealRow(this.#options.keys.storage.indexKey, key, plain) };
  }
}

const PREFIX = 'consent/';
const EVIDENCE = 'consent-evidence/';
const RELEASE = RELEASE_PREFIX;
/** FHIRPath of who signed a document. */
const SIGNED_BY = 'Bundle.entry.resource.signature.who';
const SIGNATURE = 'Bundle.entry.resource.signature.data';

/** A permit that a lost word of the patient may have ended permits nothing; a refusal refuses, without exceptions. */
function withoutPermits(policy: Policy, lostAt: number): Policy {
  if (policy.root.type !== 'deny') return { ...policy, withdrawnAtLeaf: lostAt };
  return { ...policy, root: { ...policy.root, provisions: [] } };
}

function keptOf(
  type: KeptDocument['type'],
  handle: string,
  { bundle, salt }: Pick<ConsentRow, 'bundle' | 'salt'>,
): KeptDocument {
  return { handle, type, bytes: Buffer.from(bundle, 'base64'), salt: Buffer.from(salt, 'base64url') };
}

function identifierOf(consent: Consent): string {
  const { system, value } = consent.identifier?.[0] ?? {};
  if (value === undefined || value === '') throw unprocessable('identifier', 'Consent.identifier');
  return `${system ?? ''}|${value}`;
}

function unprocessable(code: string, expression: string | undefined): AdapterError {
  return new AdapterError('ADAPTER_UNPROCESSABLE', `the consent is refused: ${code}`, {
    ...(expression !== undefined && { expression }),
  });
}

function notEnrolled(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such patient has a wallet here', {
    expression: 'Consent.patient.reference',
  });
}
