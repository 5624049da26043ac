/**
 * The authority for people at browsers: who wants a certificate posts a request; two officers approve it by their own
 * signatures. The first approval stands where `ca enrol` stands, the second where `ca approve` does, so that both ways
 * end in the same rows and the same entry.
 */
import { createHash } from 'node:crypto';
import type { Appender } from '../../../ledger/custody/index.js';
import { fromPem, readCsr } from '../../../ledger/participants/index.js';
import type { Authority } from '../../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { sealRow } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import {
  ENROLMENT_APPROVAL_KIND,
  ENROLMENT_REFUSAL_KIND,
  JOINING_GROUPS,
  JOINING_ROLES,
  REVOCATION_KIND,
} from '../../http/contract/index.js';
import type {
  ApplicationAnswer,
  AuthorityDesk,
  EnrolmentApproval,
  EnrolmentRefusal,
  KnownOrganisations,
  Revocation,
  ShownApplication,
  ShownMember,
} from '../../http/contract/index.js';
import type { Logger } from '../../logger.js';
import { isSamePerson, newRequestId, pemOf, personOf, presentDer, presentOf } from '../ca/index.js';
import type { Certification, Certified, EnrolmentRequest, Within } from '../ca/index.js';
import { readSignedForm, requireFresh, unfit } from '../exceptional/documents.js';
import { requireCertified, signerOf } from '../exceptional/signing.js';
import type { DocumentSigner } from '../exceptional/signing.js';
import type { Person } from '../people/index.js';
import { RateLimiter } from '../tokens/index.js';
import { Applications } from './applications.js';
import type { ApplicationRow } from './applications.js';

export interface OfficersDeskOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly certification: Certification;
  readonly authority: Authority;
  /** Handle of the instance's own organisation. */
  readonly instance: string;
  /** Origin of the log. */
  readonly origin: string;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

interface Signed {
  readonly document: object;
  readonly jws: string;
}

/** Whoever reaches the server may ask: more than this wait for nobody. */
const APPLICATIONS_MAX = 1000;
/** One that no officer touched is forgotten, ms. */
const APPLICATION_MS = 30 * 86_400_000;
const CSR_CHARS_MAX = 8192;
const OF_CHARS_MAX = 64;
/** Evidence of an officer's act. */
const ACTS = 'ca/act/';

export class OfficersDesk {
  readonly #options: OfficersDeskOptions;
  readonly #applications: Applications;
  readonly #byAddress = new RateLimiter({ perSecond: 1, burst: 30 });

  constructor(options: OfficersDeskOptions) {
    this.#options = options;
    this.#applications = new Applications(options.store, options.keys.storage.indexKey);
  }

  /** Organisations that people may be of; all of it stands on the log. */
  async organisations(): Promise<KnownOrganisations> {
    const { certification, instance } = this.#options;
    const all = await certification.rows.organisations();
    const organisations = all
      .filter((one) => one.group === 'provider' && one.memberOf === undefined && one.revoked === undefined)
      .map(({ id, name = '', handle }) => ({ id, name, isAuthority: handle === instance }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const recipients = all
      .flatMap(({ id, name = '', group, memberOf, revoked }) =>
        (group === 'authority' || group === 'payer') && memberOf === undefined && revoked === undefined
          ? [{ id, name, group }]
          : [],
      )
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return { organisations, recipients };
  }

  /**
   * Takes a request for a certificate; the same again is answered by what became of it.
   *
   * @param body - JSON {@link Application}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE, ADAPTER_TOO_MANY_REQUESTS, ADAPTER_CONFLICT for a key that is certified
   * or was ended; ParticipantError for a request that must not be certified.
   */
  async apply(body: Buffer, address: string): Promise<ApplicationAnswer> {
    const { certification, appender, nowMs } = this.#options;
    if (this.#byAddress.take(address, nowMs()) > 0)
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many requests from this address');
    const value = parseJson(body);
    const { csr, applicant, role, name, group, of } = isJsonObject(value) ? value : {};
    if (typeof csr !== 'string' || csr.length > CSR_CHARS_MAX)
      throw unfit('send {"csr": PEM, "applicant": …, "role": …}', 'csr');
    const { publicKey } = await readCsr(csr);
    const der = fromPem('CERTIFICATE REQUEST', csr) ?? Buffer.alloc(0);
    const csrSha256 = createHash('sha256').update(der).digest('hex');
    const before = this.#answer(csrSha256, der);
    if (before !== undefined) return before;
    const row: ApplicationRow = {
      id: newRequestId(),
      csr,
      csrSha256,
      applicant: nameOf(applicant),
      ...(await this.#joining({ role, name, group, of })),
      askedAt: nowMs(),
    };
    const waiting = await this.#waiting();
    if (waiting.length >= APPLICATIONS_MAX)
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many requests wait for the authority');
    await appender.writeRows((view) => {
      const known = this.#applications.get(csrSha256, view) ?? certification.requests.ofCsr(der, view);
      if (certification.keys.get(publicKey, view) !== undefined)
        throw new AdapterError('ADAPTER_CONFLICT', 'this key is certified already, or was ended');
      return { writes: known === undefined ? [this.#applications.put(row)] : [], value: undefined };
    });
    return { state: 'asked', csrSha256 };
  }

  /** What an officer sees. @throws AdapterError ADAPTER_FORBIDDEN */
  async shown(person: Person): Promise<AuthorityDesk> {
    if (person.role !== 'officer')
      throw new AdapterError('ADAPTER_FORBIDDEN', 'this is for officers of the authority');
    const { certification, authority } = this.#options;
    const requests = await certification.requests.all();
    const pending = requests.filter(({ state }) => state === 'pending');
    const posted = await this.#waiting();
    const ofRequest = new Map(posted.map((row) => [row.request, row]));
    const { number, nextUpdate } = await certification.revocations.list();
    const members = await certification.rows.organisations();
    return {
      applications: [
        ...posted.filter(({ request }) => request === undefined).map((row) => shownPosted(row)),
        ...pending.map((request) => shownPending(request, ofRequest.get(request.id), person.id)),
      ].toSorted((a, b) => (a.askedAt < b.askedAt ? -1 : 1)),
      members: members.map((one) => this.#member(one)).toSorted((a, b) => (a.notAfter < b.notAfter ? -1 : 1)),
      list: { number, nextUpdate: iso(nextUpdate), revoked: certification.revocations.count },
      authority: { fingerprint: authority.fingerprint, notAfter: iso(authority.notAfter) },
    };
  }

  /**
   * An officer's approval. Of a request that nobody has approved it is the first; the second certifies.
   *
   * @throws AdapterError ADAPTER_FORBIDDEN for who is no officer, or approved it before; ADAPTER_NOT_FOUND,
   * ADAPTER_CONFLICT for one that was decided; LedgerError as appending does.
   */
  async approve(body: Buffer): Promise<{ readonly state: 'approved-once' | 'approved' }> {
    const { certification } = this.#options;
    const signed = readSignedForm<EnrolmentApproval>(body, ENROLMENT_APPROVAL_KIND, {
      request: 'text',
      csr: 'text',
    });
    const { signer, within } = await this.#officer(signed, signed.document.at);
    const { request, csr } = signed.document;
    const posted = (await this.#waiting()).find(
      ({ id, request: became }) => id === request || became === request,
    );
    if (posted?.request === undefined && posted !== undefined) {
      requireSeen(posted.csrSha256, csr);
      const asked = await certification.enrol(inputOf(posted, signer.id), (view) => [
        ...within(view),
        this.#applications.put({ ...posted, request: posted.id }),
      ]);
      // Where one is enough, it is certified by now; a crash before this leaves a row that the next approval takes away.
      if (asked.state === 'approved')
        await this.#options.appender.writeRows(() => ({
          writes: [this.#applications.remove(posted.csrSha256)],
          value: undefined,
        }));
      return { state: asked.state === 'approved' ? 'approved' : 'approved-once' };
    }
    const pending = certification.requests.get(posted?.request ?? request);
    if (pending === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such request');
    requireSeen(digestOf(pending.csr), csr);
    await certification.approve(pending.id, signer.id, (view) => [
      ...within(view),
      this.#applications.remove(digestOf(pending.csr)),
    ]);
    return { state: 'approved' };
  }

  /** An officer's refusal: one is enough. @throws as {@link approve} */
  async refuse(body: Buffer): Promise<{ readonly state: 'refused' }> {
    const { certification } = this.#options;
    const signed = readSignedForm<EnrolmentRefusal>(body, ENROLMENT_REFUSAL_KIND, {
      request: 'text',
      csr: 'text',
      reason: 'text',
    });
    const { signer, within } = await this.#officer(signed, signed.document.at);
    const { request, csr, reason } = signed.document;
    const posted = (await this.#waiting()).find(
      ({ id, request: became }) => id === request || became === request,
    );
    if (posted !== undefined && posted.request === undefined) {
      requireSeen(posted.csrSha256, csr);
      await this.#options.appender.writeRows((view) => {
        const present = this.#applications.get(posted.csrSha256, view);
        if (present === undefined || present.request !== undefined)
          throw new AdapterError('ADAPTER_CONFLICT', 'the request was decided meanwhile; look again');
        return {
          writes: [this.#applications.put({ ...present, refused: reason }), ...within(view)],
          value: undefined,
        };
      });
      return { state: 'refused' };
    }
    const id = posted?.request ?? request;
    const pending = certification.requests.get(id);
    if (pending === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such request');
    requireSeen(digestOf(pending.csr), csr);
    await certification.refuse(id, signer.id, reason, (view) => [
      ...within(view),
      this.#applications.remove(digestOf(pending.csr)),
    ]);
    return { state: 'refused' };
  }

  /** An officer ends a participant. @throws AdapterError as `Certification.revoke` does, ADAPTER_FORBIDDEN */
  async revoke(body: Buffer): Promise<{ readonly handle: string; readonly state: 'revoked' }> {
    const signed = readSignedForm<Revocation>(body, REVOCATION_KIND, { participant: 'text', reason: 'text' });
    const { within } = await this.#officer(signed, signed.document.at);
    const { participant, reason } = signed.document;
    const { handle } = await this.#options.certification.revoke(participant, reason, within);
    return { handle, state: 'revoked' };
  }

  async #officer(
    signed: Signed & {
      readonly document: { readonly signer: string; readonly log: string; readonly at: string };
    },
    at: string,
  ): Promise<{ readonly signer: DocumentSigner; readonly within: Within }> {
    const { certification, logger, origin, nowMs, keys } = this.#options;
    const signer = await signerOf(certification.rows, signed, logger, 'officer');
    requireFresh({ log: signed.document.log, at }, origin, nowMs());
    const key = `${ACTS}${createHash('sha256').update(signed.jws).digest('base64url')}`;
    const plain = Buffer.from(JSON.stringify(signed), 'utf8');
    return {
      signer,
      within: (view): StoreWrite[] => {
        requireCertified(certification.rows, signer, nowMs(), view, logger);
        return [{ type: 'put', key, value: sealRow(keys.storage.indexKey, key, plain) }];
      },
    };
  }

  #answer(csrSha256: string, der: Buffer): ApplicationAnswer | undefined {
    const { certification } = this.#options;
    const request = certification.requests.ofCsr(der);
    if (request?.state === 'approved') {
      const certified = certification.rows.get(request.handle ?? '');
      if (certified === undefined) return undefined;
      return { state: 'approved', csrSha256, certificate: pemOf(presentDer(certified)) };
    }
    if (request?.state === 'refused') return { state: 'refused', csrSha256, reason: request.reason ?? '' };
    if (request !== undefined) return { state: 'approved-once', csrSha256 };
    const posted = this.#applications.get(csrSha256);
    if (posted?.refused !== undefined) return { state: 'refused', csrSha256, reason: posted.refused };
    return posted === undefined ? undefined : { state: 'asked', csrSha256 };
  }

  async #waiting(): Promise<ApplicationRow[]> {
    const oldest = this.#options.nowMs() - APPLICATION_MS;
    const all = await this.#applications.all();
    const stale = all.filter(({ askedAt }) => askedAt < oldest);
    if (stale.length > 0)
      await this.#options.appender.writeRows(() => ({
        writes: stale.map(({ csrSha256 }) => this.#applications.remove(csrSha256)),
        value: undefined,
      }));
    return all.filter(({ askedAt, refused }) => askedAt >= oldest && refused === undefined);
  }

  async #joining(asked: {
    readonly role: unknown;
    readonly name: unknown;
    readonly group: unknown;
    readonly of: unknown;
  }): Promise<Pick<ApplicationRow, 'role' | 'group' | 'name' | 'of'>> {
    const role = JOINING_ROLES.find((one) => one === asked.role);
    if (role === undefined) throw unfit(`the role is ${JOINING_ROLES.join(', ')}`, 'role');
    if (role === 'organisation') {
      const group = JOINING_GROUPS.find((one) => one === asked.group);
      if (group === undefined) throw unfit(`the group is ${JOINING_GROUPS.join(', ')}`, 'group');
      return { role, group, name: nameOf(asked.name) };
    }
    const { of } = asked;
    const { organisations } = await this.organisations();
    const found = organisations.find(({ id }) => id === of);
    if (typeof of !== 'string' || of.length > OF_CHARS_MAX || found === undefined)
      throw unfit('name the organisation by its id', 'of');
    if (role === 'officer' && !found.isAuthority)
      throw unfit('officers are of the organisation that runs this instance', 'of');
    return { role, group: 'provider', name: found.name, of };
  }

  #member(certified: Certified): ShownMember {
    const { handle, id, group, role = 'organisation', name = '', revoked } = certified;
    const { notAfter, fingerprint } = presentOf(certified);
    const isOver = notAfter < this.#options.nowMs();
    return {
      handle,
      id,
      group,
      role,
      name,
      state: revoked === undefined ? (isOver ? 'expired' : 'active') : 'revoked',
      notAfter: iso(notAfter),
      fingerprint,
      isEndable: revoked === undefined && handle !== this.#options.instance,
      ...(revoked === undefined ? {} : { revoked: { at: iso(revoked.at), reason: revoked.reason } }),
    };
  }
}

function shownPosted({
  id,
  role,
  group,
  name,
  applicant,
  askedAt,
  csrSha256,
}: ApplicationRow): ShownApplication {
  return { id, role, group, name, applicant, askedAt: iso(askedAt), csrSha256, isMine: true };
}

function shownPending(
  { id, group, name, person, askedBy, askedAt, csr }: EnrolmentRequest,
  posted: ApplicationRow | undefined,
  officer: string,
): ShownApplication {
  return {
    id,
    role: person?.role ?? 'organisation',
    group,
    name,
    ...(posted === undefined ? {} : { applicant: posted.applicant }),
    askedAt: iso(posted?.askedAt ?? askedAt),
    csrSha256: digestOf(csr),
    approvedBy: askedBy,
    isMine: !isSamePerson(askedBy, officer),
  };
}

function inputOf({ id, csr, role, group, name, of, applicant }: ApplicationRow, by: string) {
  return role === 'organisation' || of === undefined
    ? { id, csr, group, name, by }
    : { id, csr, role, of, called: applicant, by };
}

/** @throws AdapterError ADAPTER_CONFLICT when another request was seen than the one that is there. */
function requireSeen(present: string, seen: string): void {
  if (present !== seen) throw new AdapterError('ADAPTER_CONFLICT', 'the request is another than was shown');
}

function digestOf(csr: string): string {
  const der = fromPem('CERTIFICATE REQUEST', csr) ?? Buffer.alloc(0);
  return createHash('sha256').update(der).digest('hex');
}

function nameOf(text: unknown): string {
  try {
    return personOf(text);
  } catch (cause) {
    throw new AdapterError('ADAPTER_UNPROCESSABLE', 'a name has 1 to 64 characters', { cause });
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
