/**
 * Sessions of people: who signs a challenge with a certified key gets a token for a quarter of an hour. It ends at once
 * when it is ended, and when its certificate ends or is revoked. There is no prolonging it but by signing anew.
 */
import { createHash, randomBytes } from 'node:crypto';
import { verifyDocument } from '../../../ledger/consent/index.js';
import { consentStanding, consentStatusWrite } from '../../../ledger/custody/index.js';
import type { Appender } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { PERSON_ROLES } from '../../../ledger/participants/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import type { Store } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { SIGN_IN_KIND } from '../../http/contract/index.js';
import type { PersonAnswer, SignedIn, SignInChallenge, SignInDocument } from '../../http/contract/index.js';
import type { Subjects } from '../../instance/subjects.js';
import type { Logger } from '../../logger.js';
import { presentOf } from '../ca/index.js';
import type { Certified, CertifiedRows } from '../ca/index.js';
import type { Representatives } from '../representatives/index.js';
import { GROUP_PURPOSES, prunedRows, purposeCoding, RateLimiter, timedRows } from '../tokens/index.js';
import { CHALLENGE_MS, challengeEnd, newChallenge } from './challenge.js';

/** Somebody who is signed in. */
export interface Person {
  /** Handle of `participant.enrolled`. */
  readonly participant: string;
  /** Id in the certificate. */
  readonly id: string;
  /** Of the certificate that the session was opened with. */
  readonly fingerprint: string;
  readonly group: Certified['group'];
  readonly role?: string;
  readonly organisation?: string;
  /** Of a person of a provider: the organisation's id. */
  readonly memberOf?: string;
  /** A patient's record. */
  readonly patient?: { readonly subjectKey: string; readonly reference: string; readonly source: string };
  /** Of a representative, by which that record is read. */
  readonly appointment?: string;
  /** As policies name it: code system and code. */
  readonly purpose: string;
  readonly expiresAt: number;
  /** Certified, 32 bytes. */
  readonly x25519: Buffer;
}

export interface SessionsOptions {
  readonly store: Store;
  readonly keys: Pick<InstanceKeys, 'storage'>;
  readonly appender: Appender;
  readonly certified: CertifiedRows;
  readonly subjects: Subjects;
  /** Who acts for a patient. */
  readonly representatives: Representatives;
  /** Origins under which this instance is reached. */
  readonly origins: () => readonly string[];
  readonly logger: Logger;
  readonly nowMs: () => number;
}

interface SessionRow {
  readonly participant: string;
  readonly fingerprint: string;
  readonly purpose: string;
  readonly expiresAt: number;
  readonly subjectKey?: string;
  /** Handle of a representative's appointment, by which the record is another's. */
  readonly appointment?: string;
  /** Handle of the organisation of a person of one: its end is the session's. */
  readonly employer?: string;
}

/** Answer where one asks too often. */
export interface SlowDown {
  readonly retryAfterS: number;
}

const SESSION_MS = 15 * 60_000;
const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const TEXT_CHARS_MAX = 512;
const REFUSED = 'the sign-in does not hold';
/** What patients read their own record for. */
const PATIENT_PURPOSES = ['PATRQT'];
/** An enrolment stands for the patient's own reach in this one version. */
const SELF_VERSION = 1;
/** Checked in place of a key that is not known, so that the answer takes as long. */
const NOBODYS_KEY = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');

export class Sessions {
  readonly #options: SessionsOptions;
  /** A whole hospital may come from one address. */
  readonly #challenges = new RateLimiter({ perSecond: 20, burst: 60 });
  readonly #openings = new RateLimiter({ perSecond: 20, burst: 60 });

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** A challenge, the same kind of answer for everybody. */
  challenge(address: string): SignInChallenge | SlowDown {
    const { keys, nowMs } = this.#options;
    const retryAfterS = this.#challenges.take(address, nowMs());
    if (retryAfterS > 0) return { retryAfterS };
    return {
      challenge: newChallenge(keys.storage.markKey, nowMs()),
      expiresInS: CHALLENGE_MS / 1000,
    };
  }

  /**
   * Opens a session.
   *
   * @param body - JSON `{document, jws}`: see {@link SignInDocument}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE for what is no sign-in at all; ADAPTER_UNAUTHORIZED, the same for all
   * that can be wrong with one: an unknown or ended certificate, another's signature, a challenge that was used.
   */
  async open(body: Buffer, address: string): Promise<SignedIn | SlowDown> {
    const { store, keys, appender, nowMs, logger } = this.#options;
    const now = nowMs();
    const retryAfterS = this.#openings.take(address, now);
    if (retryAfterS > 0) return { retryAfterS };
    const { document, jws } = readSignIn(body);
    const judged = await this.#judge(document, jws);
    if (typeof judged === 'string') {
      logger.warn('sign-in refused', { reason: judged });
      throw new AdapterError('ADAPTER_UNAUTHORIZED', REFUSED);
    }
    const { certified, row, challengeUntil } = judged;
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const key = tokenKey(token);
    const used = `auth-challenge/${createHash('sha256').update(document.challenge).digest('base64url')}`;
    const value = sealRow(keys.storage.indexKey, key, Buffer.from(JSON.stringify(row), 'utf8'));
    const pruned = await prunedRows(store, now);
    // The challenge is used up by the batch that opens the session: a crash leaves neither or both.
    const isFresh = await appender.writeRows((view) => {
      const isUsed = view.get(used) !== undefined;
      const isInForce = this.#isInForce(row, view);
      if (isUsed || !isInForce) return { writes: [], value: false };
      const isOwn = row.subjectKey !== undefined && row.appointment === undefined;
      const isFirst = isOwn && consentStanding(view, certified.handle) === undefined;
      const standing = consentStatusWrite(certified.handle, { version: SELF_VERSION, status: 'in-force' });
      const writes = [
        ...pruned,
        ...timedRows(used, Buffer.alloc(0), challengeUntil),
        ...timedRows(key, value, row.expiresAt),
      ];
      // The sequencer knows an enrolment as standing from its first use on.
      return { writes: isFirst ? [...writes, standing] : writes, value: true };
    });
    if (!isFresh) {
      logger.warn('sign-in refused', { reason: 'used' });
      throw new AdapterError('ADAPTER_UNAUTHORIZED', REFUSED);
    }
    const person = this.#personOf(row, certified);
    if (person === undefined) throw new AdapterError('ADAPTER_UNAUTHORIZED', REFUSED);
    return { token, expiresInS: Math.floor((row.expiresAt - now) / 1000), person: answerOf(person) };
  }

  /** Whose session a token is; `undefined` when it is none, over or ended, or its certificate is no longer in force. */
  personOf(token: string): Person | undefined {
    if (!TOKEN.test(token)) return undefined;
    const key = tokenKey(token);
    const sealed = this.#options.store.getSync(key);
    if (sealed === undefined) return undefined;
    const row = JSON.parse(
      openRow(this.#options.keys.storage.indexKey, key, sealed).toString('utf8'),
    ) as SessionRow;
    if (row.expiresAt <= this.#options.nowMs() || !this.#isInForce(row)) return undefined;
    const certified = this.#options.certified.get(row.participant);
    return certified === undefined ? undefined : this.#personOf(row, certified);
  }

  /** Ends a session; what is none is left as it is. */
  async end(token: string): Promise<void> {
    if (!TOKEN.test(token)) return;
    const key = tokenKey(token);
    await this.#options.appender.writeRows((view) => ({
      writes: view.get(key) === undefined ? [] : [{ type: 'del', key }],
      value: undefined,
    }));
  }

  async #judge(
    document: SignInDocument,
    jws: string,
  ): Promise<{ certified: Certified; row: SessionRow; challengeUntil: number } | string> {
    const { keys, nowMs, origins } = this.#options;
    const now = nowMs();
    const certified = await this.#certified(document.participant);
    const present = certified === undefined ? undefined : presentOf(certified);
    const key = present?.publicKey ?? NOBODYS_KEY;
    const verdict = verifyDocument(document as unknown as JsonObject, jws, key, present?.fingerprint);
    if (certified === undefined || present === undefined) return 'unknown-participant';
    if (verdict !== 'ok') return verdict;
    if (!origins().includes(document.server)) return 'server';
    const challengeUntil = challengeEnd(keys.storage.markKey, document.challenge, now);
    if (challengeUntil === undefined) return 'challenge';
    const purposes = document.for === undefined ? purposesOf(certified) : PATIENT_PURPOSES;
    if (!purposes.includes(document.purpose)) return 'purpose';
    const reading = await this.#reading(document, certified, present.fingerprint);
    if (typeof reading === 'string') return reading;
    const employer = await this.#employerOf(certified);
    if (employer === 'none') return 'organisation';
    const row: SessionRow = {
      participant: certified.handle,
      fingerprint: present.fingerprint,
      purpose: document.purpose,
      expiresAt: Math.min(now + SESSION_MS, present.notAfter),
      ...reading,
      ...(employer === undefined ? {} : { employer }),
    };
    return { certified, row, challengeUntil };
  }

  /** Whose record is read by the session, if any; or why it is not. */
  async #reading(
    { for: patient }: SignInDocument,
    { group, handle }: Certified,
    fingerprint: string,
  ): Promise<Pick<SessionRow, 'subjectKey' | 'appointment'> | string> {
    if (patient === undefined) {
      if (group !== 'patient') return {};
      const subjectKey = this.#subjectOf(handle);
      return subjectKey === undefined ? 'unknown-patient' : { subjectKey };
    }
    const { subjects, representatives } = this.#options;
    const subject = await subjects.findByFacadeId(patient.slice('Patient/'.length));
    if (subject === undefined || patient !== `Patient/${subject.facadeId}`) return 'unknown-patient';
    const acts = representatives.actsFor(subject.key, { participant: handle, fingerprint }, 'read');
    if (acts === undefined || acts === 'self') return 'not-appointed';
    return { subjectKey: subject.key, appointment: acts.appointment };
  }

  async #certified(participant: string): Promise<Certified | undefined> {
    const { certified } = this.#options;
    return (
      certified.get(participant) ?? (await certified.organisations()).find(({ id }) => id === participant)
    );
  }

  /** Handle of the organisation of a person of one; `none` where it is not known, or no longer in force. */
  async #employerOf({ role, memberOf }: Certified): Promise<string | undefined> {
    if (!PERSON_ROLES.some((one) => one === role)) return undefined;
    const organisations = await this.#options.certified.organisations();
    const employer = organisations.find(({ id }) => id === memberOf);
    return employer === undefined || employer.revoked !== undefined ? 'none' : employer.handle;
  }

  /** Subject of a patient's enrolment. */
  #subjectOf(participant: string): string | undefined {
    const { store, keys } = this.#options;
    const key = `participant/${participant}`;
    const sealed = store.getSync(key);
    if (sealed === undefined) return undefined;
    const { subject } = JSON.parse(openRow(keys.storage.indexKey, key, sealed).toString('utf8')) as {
      subject?: string;
    };
    return subject;
  }

  #isInForce(
    { participant, fingerprint, employer, subjectKey, appointment }: SessionRow,
    view?: Parameters<CertifiedRows['get']>[1],
  ): boolean {
    const { certified, representatives, nowMs } = this.#options;
    if (employer !== undefined && certified.get(employer, view)?.revoked !== undefined) return false;
    if (subjectKey === undefined) return certified.certificateNow(participant, fingerprint, nowMs(), view).ok;
    const acts = representatives.actsFor(subjectKey, { participant, fingerprint }, 'read', view);
    if (appointment === undefined) return acts === 'self';
    return acts !== undefined && acts !== 'self' && acts.appointment === appointment;
  }

  #personOf(row: SessionRow, certified: Certified): Person | undefined {
    const { subjects } = this.#options;
    const { handle, id, group, role, name, memberOf } = certified;
    const { subjectKey, appointment } = row;
    const named = subjectKey === undefined ? undefined : subjects.nameOf(subjectKey);
    if (subjectKey !== undefined && named === undefined) return undefined;
    return {
      participant: handle,
      id,
      fingerprint: row.fingerprint,
      group,
      ...(role === undefined ? {} : { role }),
      ...(name === undefined ? {} : { organisation: name }),
      ...(memberOf === undefined ? {} : { memberOf }),
      ...(subjectKey === undefined || named === undefined
        ? {}
        : {
            patient: { subjectKey, reference: `Patient/${named.facadeId}`, source: named.source },
          }),
      ...(appointment === undefined ? {} : { appointment }),
      purpose: purposeCoding(row.purpose),
      expiresAt: row.expiresAt,
      x25519: presentOf(certified).x25519Public,
    };
  }
}

/** What a person is told of the own session. */
export function answerOf({
  id,
  group,
  role,
  organisation,
  patient,
  appointment,
  purpose,
}: Person): PersonAnswer {
  return {
    id,
    group,
    ...(role === undefined ? {} : { role }),
    ...(organisation === undefined ? {} : { organisation }),
    ...(patient === undefined ? {} : { patient: patient.reference }),
    ...(appointment === undefined ? {} : { appointment }),
    purpose: purpose.slice(purpose.lastIndexOf('|') + 1),
  };
}

/** Only a clinician breaks the glass; staff who are none read nothing of patients. */
function purposesOf({ group, role }: Certified): readonly string[] {
  if (group === 'patient') return PATIENT_PURPOSES;
  if (role === 'clinician') return CLINICIAN_PURPOSES;
  return role === 'staff' || role === 'officer' ? STAFF_PURPOSES : GROUP_PURPOSES[group];
}

const CLINICIAN_PURPOSES = [...GROUP_PURPOSES.provider, 'BTG'];
const STAFF_PURPOSES = ['HOPERAT'];
const MEMBERS = ['kind', 'server', 'challenge', 'participant', 'purpose'];

/** @throws AdapterError ADAPTER_UNPROCESSABLE; MappingError for what is no JSON. */
function readSignIn(body: Buffer): { document: SignInDocument; jws: string } {
  const value = parseJson(body);
  const document = isJsonObject(value) ? value['document'] : undefined;
  const jws = isJsonObject(value) ? value['jws'] : undefined;
  const isWhole =
    isJsonObject(document) &&
    Object.keys(document).every((name) => MEMBERS.includes(name) || name === 'for') &&
    [...MEMBERS, ...(document['for'] === undefined ? [] : ['for'])].every((name) => {
      const member = document[name];
      return typeof member === 'string' && member.length <= TEXT_CHARS_MAX;
    });
  if (!isWhole || typeof jws !== 'string' || document['kind'] !== SIGN_IN_KIND)
    throw new AdapterError(
      'ADAPTER_UNPROCESSABLE',
      `send {"document": {${MEMBERS.join(', ')}}, "jws": …}, the kind being "${SIGN_IN_KIND}"`,
    );
  return { document: document as unknown as SignInDocument, jws };
}

/** A token's row has its hash for a name: who reads the store has no token. */
function tokenKey(token: string): string {
  return `auth-session/${createHash('sha256').update(token).digest('base64url')}`;
}
