/**
 * The certification authority at work: who is certified, for how long, by which key, and who is no longer. Each step
 * is one batch of its entry on the log and all rows that follow from it, the revocation list among them: a crash
 * leaves the step done or not begun.
 */
import type { Appender, ControlStaged, Signer, StateView } from '../../../ledger/custody/index.js';
import type { Engine } from '../../../ledger/engines/index.js';
import { publicKeyObject, verify } from '../../../ledger/log/index.js';
import {
  fromPem,
  newParticipantId,
  ORGANISATION_VALIDITY_MS,
  PERSON_ROLES,
  readCertificate,
  readCsr,
} from '../../../ledger/participants/index.js';
import type { Authority, IssuedCertificate, Role } from '../../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { REVOCATION_REASONS } from '../../instance/clients.js';
import type { ClientGroup, Clients, RevocationReason } from '../../instance/clients.js';
import { CertifiedRows, derOf, presentDer, presentOf } from './certified.js';
import type { Certified, CertifiedKeys } from './certified.js';
import { KeyRows } from './keys.js';
import { isSamePerson, personOf } from './people.js';
import { newRequestId, Requests } from './requests.js';
import type { EnrolmentRequest, PersonOf } from './requests.js';
import { Revocations } from './revocations.js';
import type { Revoked } from './revocations.js';
import { isRevokedThere, judgeVouching } from './vouching.js';
import type { Trusted, Vouched, Vouching } from './vouching.js';
import { newHandle } from '../../handle.js';

export interface CertificationOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly engine: Engine;
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  readonly clients: Clients;
  /** Handle of the instance's own organisation: it renews itself, and cannot end itself. */
  readonly instance: string;
  /** How many people an enrolment takes; `undefined`: two by `ca enrol`, one where it comes with a source or client. */
  readonly approval: 'two' | 'one' | undefined;
  /** Other authorities, whose certificates say who an organisation is. */
  readonly trusted: Trusted;
  /** Whether what they vouch for is admitted without a second person. */
  readonly admits: boolean;
  /** Rows of what ends with a participant, for the batch that revokes it; and what is done behind it. */
  readonly alsoEnds?: {
    readonly writes: (handle: string) => readonly StoreWrite[];
    readonly after: (handle: string) => Promise<void>;
  };
  readonly nowMs: () => number;
}

/** What is asked for, and by whom. */
export interface EnrolInput {
  /** Of the request, where it has one already. */
  readonly id?: string;
  /** PKCS#10, PEM. */
  readonly csr: string;
  /** Both may be left out where {@link vouching} says them; else they must be as it says. */
  readonly name?: string;
  readonly group?: string;
  /** `clinician` or `staff`: a person of the organisation that {@link of} names, which gives name and group. */
  readonly role?: string;
  /** Id, handle or fingerprint of that organisation. */
  readonly of?: string;
  /** That person's own name. */
  readonly called?: string;
  /** Another authority's certificate of the organisation. */
  readonly vouching?: Vouching;
  /** Its word is enough. */
  readonly alone?: true;
  readonly by: string;
}

/** Rows that stand or fall with an enrolment. */
export type Also = (certified: Certified) => readonly StoreWrite[];

/** Asked in the batch of a step: refuses it by throwing, or adds rows to it. */
export type Within = (view: StateView) => readonly StoreWrite[];

const NOTHING: Within = () => [];
/** Reasons that tell of a key, and nothing of the person who held it: a patient's revocation is public. */
const REASONS_OF_KEYS: readonly RevocationReason[] = ['unspecified', 'keyCompromise', 'superseded'];
/** Stands for the person where another authority's word is enough. */
const REGISTERED = 'registration';
const REFUSAL_CHARS_MAX = 500;

export class Certification {
  readonly rows: CertifiedRows;
  readonly keys: KeyRows;
  readonly requests: Requests;
  readonly revocations: Revocations;
  readonly #options: CertificationOptions;

  constructor(options: CertificationOptions) {
    const { store, keys, appender, authority, nowMs } = options;
    this.#options = options;
    this.keys = new KeyRows(store, keys.storage.markKey);
    this.rows = new CertifiedRows(store, keys.storage.indexKey, this.keys);
    this.requests = new Requests(store, keys.storage.indexKey);
    this.revocations = new Revocations({ store, authority, appender: () => appender, nowMs });
  }

  /**
   * Takes an organisation's request. It is checked at once; certified when a second person approves, or at once
   * where one person is enough. The same request again is answered by what there is.
   *
   * @throws ParticipantError for a request that must not be certified; AdapterError ADAPTER_USAGE, ADAPTER_CONFLICT
   * for a key that is certified or was ended, or a request that was made under another name; ADAPTER_FORBIDDEN for
   * another authority's certificate that does not count.
   */
  async enrol(input: EnrolInput, within: Within = NOTHING): Promise<EnrolmentRequest> {
    const { csr, vouching: shown } = input;
    const { publicKey } = await readCsr(csr);
    const vouched = shown === undefined ? undefined : await this.#judged(csr, shown);
    const employer = await this.#employerOf(input);
    const { name = vouched?.name ?? employer?.name, group: asked = vouched?.group ?? employer?.group } =
      input;
    const group = groupOf(asked);
    const askedBy = personOf(input.by);
    requireName(name);
    if (input.called !== undefined) {
      requireName(input.called);
      if (employer === undefined) throw usage('only a person has a name beside the organisation’s');
    }
    const person =
      employer === undefined
        ? undefined
        : { ...employer.person, ...(input.called === undefined ? {} : { called: input.called }) };
    if (employer !== undefined && (employer.name !== name || employer.group !== group))
      throw usage(`${employer.person.of} is ${employer.name}, group ${employer.group}`);
    if (vouched !== undefined && (vouched.name !== name || vouched.group !== group))
      throw new AdapterError(
        'ADAPTER_FORBIDDEN',
        `the certificate is of ${vouched.name}, group ${vouched.group}`,
      );
    const der = derOfCsr(csr);
    const request: EnrolmentRequest = {
      id: input.id ?? newRequestId(),
      csr,
      name,
      group,
      ...(person === undefined ? {} : { person }),
      ...(vouched === undefined || shown === undefined ? {} : { vouched: { ...vouched, shown } }),
      ...(input.alone === undefined ? {} : { alone: input.alone }),
      askedBy,
      askedAt: this.#options.nowMs(),
      state: 'pending',
    };
    const kept = await this.#options.appender.writeRows((view) => {
      const before = this.requests.ofCsr(der, view);
      if (before !== undefined && before.state !== 'refused') {
        const isSame = JSON.stringify(before.person) === JSON.stringify(person);
        if (before.name === name && before.group === group && isSame) return { writes: [], value: before };
        throw conflict(`this request was made for another name or group, as ${before.id}`);
      }
      this.#requireFree(publicKey, view);
      return { writes: [...this.requests.writes(request, der), ...within(view)], value: request };
    });
    if (kept.state !== 'pending' || this.#options.approval !== 'one') return kept;
    return this.#approve(kept, kept.askedBy, NOTHING);
  }

  /**
   * Approves a request, and certifies.
   *
   * @param by - Another person than the one who asked.
   * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_FORBIDDEN for the same person, ADAPTER_CONFLICT for one that was
   * refused; one that was approved is answered as it is.
   */
  async approve(id: string, by: string, within: Within = NOTHING): Promise<EnrolmentRequest> {
    const request = this.#request(id);
    const person = personOf(by);
    if (isSamePerson(person, request.askedBy))
      throw new AdapterError('ADAPTER_FORBIDDEN', 'who asked for an enrolment does not approve it');
    return this.#approve(request, person, within);
  }

  async #approve(request: EnrolmentRequest, by: string, within: Within): Promise<EnrolmentRequest> {
    if (request.state === 'approved') return request;
    // What was in time when it was asked may have ended since, or its anchor been taken out of the configuration.
    if (request.vouched !== undefined) await this.#judged(request.csr, request.vouched.shown);
    const { person } = request;
    const endsBy = endOf(request);
    if (person !== undefined) await this.#employerOf(person);
    const issued = await this.#issue(request.csr, request.name, request.group, person?.role, endsBy);
    return this.#certify(request.csr, issued, (certified, view) => {
      const present = this.requests.get(request.id, view);
      if (present?.state !== 'pending')
        throw conflict(`${request.id} was ${present?.state ?? 'removed'} already`);
      const approved: EnrolmentRequest = {
        ...present,
        state: 'approved',
        decidedBy: by,
        decidedAt: this.#options.nowMs(),
        handle: certified.handle,
      };
      return {
        certified: {
          ...certified,
          ...(person === undefined ? {} : { memberOf: person.of }),
          ...(person?.called === undefined ? {} : { called: person.called }),
          ...(endsBy === undefined ? {} : { endsBy }),
          people: { askedBy: present.askedBy, approvedBy: by },
        },
        writes: [...this.requests.writes(approved, derOfCsr(request.csr)), ...within(view)],
        value: approved,
      };
    });
  }

  /**
   * Admits an organisation on another authority's word alone, where the configuration says so: who registers shows that
   * authority's certificate, and signs the request here with its key. The same request again is answered by what there is.
   *
   * @throws AdapterError ADAPTER_FORBIDDEN for a certificate that does not count, or where that word is not enough; as
   * {@link enrol} does.
   */
  async register(csr: string, vouching: Vouching): Promise<Certified> {
    const { admits } = this.#options;
    if (!admits)
      throw new AdapterError(
        'ADAPTER_FORBIDDEN',
        'no other authority’s word is enough here: see trustAnchorsAdmit in the configuration',
      );
    const asked = await this.enrol({ csr, vouching, alone: true, by: REGISTERED });
    if (asked.state === 'refused') throw conflict(`${asked.id} was refused`);
    const { handle } = await this.#approve(asked, asked.askedBy, NOTHING);
    const certified = this.rows.get(handle ?? '');
    if (certified === undefined) throw new Error('an enrolment without its participant');
    return certified;
  }

  /**
   * Revokes who was vouched for by a certificate that its authority has revoked since.
   *
   * @returns Handles of those revoked.
   */
  async reviewVouched(): Promise<string[]> {
    const { trusted, nowMs } = this.#options;
    const ended: string[] = [];
    for (const { vouched, handle } of await this.requests.all()) {
      if (vouched === undefined || handle === undefined) continue;
      if (this.rows.get(handle)?.revoked !== undefined) continue;
      if (!isRevokedThere(vouched.shown, trusted, nowMs())) continue;
      await this.revoke(handle, 'privilegeWithdrawn');
      ended.push(handle);
    }
    return ended;
  }

  #judged(csr: string, shown: Vouching): Promise<Vouched> {
    return judgeVouching(csr, shown, this.#options.trusted, this.#options.nowMs());
  }

  /** Refuses a request. @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT for one that was approved */
  async refuse(id: string, by: string, reason: string, within: Within = NOTHING): Promise<EnrolmentRequest> {
    const person = personOf(by);
    const text = reason.trim();
    if (text === '' || text.length > REFUSAL_CHARS_MAX || /\p{Cc}/u.test(text))
      throw usage(`say why, in up to ${REFUSAL_CHARS_MAX} characters on one line`);
    this.#request(id);
    return this.#options.appender.writeRows((view) => {
      const present = this.#request(id, view);
      if (present.state === 'refused') return { writes: [], value: present };
      if (present.state === 'approved') throw conflict(`${id} was approved already; revoke the participant`);
      const refused: EnrolmentRequest = {
        ...present,
        state: 'refused',
        decidedBy: person,
        decidedAt: this.#options.nowMs(),
        reason: text,
      };
      return {
        writes: [...this.requests.writes(refused, derOfCsr(present.csr)), ...within(view)],
        value: refused,
      };
    });
  }

  /**
   * The organisation that comes with a source or a client: the one that the request enrolled, or a new one where one
   * person is enough.
   *
   * @param also - Rows that stand or fall with it.
   * @throws AdapterError ADAPTER_FORBIDDEN where two people are needed, ADAPTER_CONFLICT; ParticipantError.
   */
  async organisation(csr: string, name: string, group: ClientGroup, also: Also): Promise<Certified> {
    const { publicKey } = await readCsr(csr);
    requireName(name);
    const known = this.keys.get(publicKey);
    if (known !== undefined) return this.#enrolled(known.handle, known.ended, name, group, also);
    const request = this.requests.ofCsr(derOfCsr(csr));
    if (request?.state === 'refused') throw conflict(`${request.id} was refused`);
    if (request !== undefined)
      throw conflict(`${request.id} waits for a second person: firebreak ca approve ${request.id} --by NAME`);
    if (this.#options.approval === 'two')
      throw new AdapterError(
        'ADAPTER_FORBIDDEN',
        'an enrolment takes two people here: firebreak ca enrol, then firebreak ca approve',
      );
    const issued = await this.#issue(csr, name, group);
    return this.#certify(csr, issued, (certified) => ({
      certified,
      writes: also(certified),
      value: certified,
    }));
  }

  async #enrolled(
    handle: string,
    ended: boolean,
    name: string,
    group: ClientGroup,
    also: Also,
  ): Promise<Certified> {
    if (ended) throw conflict(ENDED_KEY);
    const certified = this.rows.get(handle);
    if (
      certified === undefined ||
      certified.name !== name ||
      certified.group !== group ||
      PERSON_ROLES.some((role) => role === certified.role)
    )
      throw conflict('this key is certified for a participant of another name or group');
    if (presentOf(certified).notAfter < this.#options.nowMs())
      throw conflict(`its certificate has expired: firebreak ca renew ${certified.id}`);
    await this.#options.appender.writeRows((view) => {
      this.#requireUnchanged(certified, view);
      return { writes: also(certified), value: undefined };
    });
    return certified;
  }

  /**
   * Certifies the same keys for longer; no enrolment.
   *
   * @param reference - Participant id, handle or fingerprint.
   * @param csr - Optional: must ask for the keys that are certified.
   * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT for one that was revoked.
   */
  async renew(reference: string, csr?: string): Promise<Certified> {
    const before = await this.#changeable(reference);
    const present = presentOf(before);
    if (csr !== undefined) {
      const { publicKey, x25519Public } = await readCsr(csr);
      if (!publicKey.equals(present.publicKey) || !x25519Public.equals(present.x25519Public))
        throw conflict(
          'a renewal is of the keys that are certified; others are a rotation: firebreak ca rotate',
        );
    }
    const issued = await this.#options.authority.renew({
      certificate: presentDer(before),
      ...this.#validity(before),
    });
    return this.#replace(before, issued, 'participant.renewed', () => []);
  }

  /**
   * Puts another key in the place of the certified one, which from then on is good for nothing new.
   *
   * @param csr - Of the new keys, which it proves.
   * @param signature - Of the present key over the DER of that request, which proves the present one: 64 bytes.
   * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT, ADAPTER_FORBIDDEN without that proof; ParticipantError.
   */
  async rotate(reference: string, csr: string, signature: Buffer): Promise<Certified> {
    const before = await this.#changeable(reference);
    const present = presentOf(before);
    const { publicKey } = await readCsr(csr);
    if (!verify(publicKeyObject(present.publicKey), derOfCsr(csr), signature))
      throw new AdapterError(
        'ADAPTER_FORBIDDEN',
        'the request for the new key is not signed by the key that is certified',
      );
    if (publicKey.equals(present.publicKey)) throw conflict('that is the key that is certified; renew it');
    const issued = await this.#options.authority.issue({
      csr,
      id: before.id,
      group: before.group,
      role: before.role,
      organisation: before.name,
      ...this.#validity(before),
    });
    return this.#replace(before, issued, 'key.rotated', (view) => {
      this.#requireFree(publicKey, view);
      return [
        this.keys.put(present.publicKey, { handle: before.handle, ended: true }),
        this.keys.put(publicKey, { handle: before.handle, ended: false }),
        this.revocations.writes(view, this.live(before, 'superseded')),
      ];
    });
  }

  /**
   * Ends a participant: its certificates are good for nothing new, its clients get no token and those that they have
   * are void at once. One that was ended before stays as it is.
   *
   * @param reference - Participant id, handle or fingerprint; of a patient the handle.
   * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE for a reason that is none; LedgerError as appending does: then
   * ask again, for it is not stored.
   */
  async revoke(reference: string, reason: string, within: Within = NOTHING): Promise<Certified> {
    const known = REVOCATION_REASONS.find((one) => one === reason);
    if (known === undefined) throw usage(`no such reason: ${REVOCATION_REASONS.join(', ')}`);
    const certified = await this.find(reference);
    if (certified.handle === this.#options.instance)
      throw conflict('the instance does not end itself: the log would have no writer');
    if (certified.group === 'patient' && !REASONS_OF_KEYS.includes(known))
      throw usage(`a patient’s revocation tells of the key alone: ${REASONS_OF_KEYS.join(', ')}`);
    const { appender, authoritySigner, clients, engine, alsoEnds, nowMs } = this.#options;
    const at = nowMs();
    // In memory first: what fails to be stored is refused all the same until the next start.
    const ended = clients.bar(certified.handle, at);
    const { value } = await appender.appendControl({ signer: authoritySigner }, (view) => {
      const present = this.rows.get(certified.handle, view) ?? certified;
      const writes = ended.map((client) => clients.write(client));
      // The store says whether it is done, not the memory: a try before this one may have failed.
      if (present.revoked !== undefined) return { drafts: [], writes: [], value: present };
      const also = within(view);
      const revoked: Certified = { ...present, revoked: { at, from: engine.head().size, reason: known } };
      return {
        drafts: [{ type: 'participant.revoked', body: { handle: present.handle, reason: known } }],
        writes: [
          ...writes,
          ...(alsoEnds?.writes(present.handle) ?? []),
          this.rows.put(revoked),
          this.keys.put(presentOf(present).publicKey, { handle: present.handle, ended: true, lost: true }),
          this.revocations.writes(view, this.live(present, known)),
          ...also,
        ],
        value: revoked,
      };
    });
    await alsoEnds?.after(value.handle);
    return value;
  }

  /** A participant by its id, handle or fingerprint. @throws AdapterError ADAPTER_NOT_FOUND */
  async find(reference: string): Promise<Certified> {
    const direct = this.rows.get(reference);
    if (direct !== undefined) return direct;
    const found = (await this.rows.organisations()).find(
      (one) => one.id === reference || presentOf(one).fingerprint === reference,
    );
    if (found === undefined)
      throw new AdapterError('ADAPTER_NOT_FOUND', `no participant ${reference.slice(0, 64)}`);
    return found;
  }

  /** @throws AdapterError ADAPTER_CONFLICT for a key that was revoked or rotated away, or is an organisation's */
  requireForPatient(publicKey: Buffer, view: Pick<StateView, 'get'>): void {
    const known = this.keys.get(publicKey, view);
    if (known?.ended === true) throw conflict(ENDED_KEY);
    if (known !== undefined) throw conflict('this key is certified for an organisation');
  }

  #requireFree(publicKey: Buffer, view: Pick<StateView, 'get'>): void {
    const known = this.keys.get(publicKey, view);
    if (known?.ended === true) throw conflict(ENDED_KEY);
    if (known !== undefined)
      throw conflict('this key is certified already; firebreak ca renew or firebreak ca rotate');
  }

  /** The organisation of somebody, which must be a provider's and in force. */
  async #employerOf({
    role,
    of,
  }: Pick<EnrolInput, 'role' | 'of'>): Promise<
    { readonly person: PersonOf; readonly name: string; readonly group: ClientGroup } | undefined
  > {
    if (role === undefined && of === undefined) return undefined;
    const known = PERSON_ROLES.find((one) => one === role);
    if (known === undefined || of === undefined)
      throw usage(`a person is enrolled with --role ${PERSON_ROLES.join(' or ')}, and --of the organisation`);
    const { id, name, group, memberOf, revoked } = await this.find(of);
    if (group !== 'provider' || name === undefined || memberOf !== undefined)
      throw usage('people are enrolled for an organisation of the group provider');
    if (revoked !== undefined) throw conflict('that organisation was revoked');
    if (known === 'officer' && id !== this.rows.get(this.#options.instance)?.id)
      throw usage('officers of the authority are of the organisation that runs this instance');
    return { person: { role: known, of: id }, name, group };
  }

  async #issue(
    csr: string,
    name: string,
    group: ClientGroup,
    role: Role = 'organisation',
    endsBy?: number,
  ): Promise<IssuedCertificate> {
    return this.#options.authority.issue({
      csr,
      group,
      role,
      organisation: name,
      id: newParticipantId(),
      ...this.#validity(endsBy === undefined ? {} : { endsBy }),
    });
  }

  /** @throws AdapterError ADAPTER_CONFLICT where another authority's certificate, on which it rests, has ended. */
  #validity({ endsBy = Number.POSITIVE_INFINITY }: Pick<Certified, 'endsBy'> = {}): {
    notBefore: number;
    notAfter: number;
  } {
    const now = this.#options.nowMs();
    if (endsBy <= now)
      throw conflict('the certificate by which it was admitted has ended; it registers by the next one');
    return {
      notBefore: now,
      notAfter: Math.min(now + ORGANISATION_VALIDITY_MS, this.#options.authority.notAfter, endsBy),
    };
  }

  /** One batch: the entry, the participant's rows, and what the caller adds. */
  async #certify<T>(
    csr: string,
    issued: IssuedCertificate,
    more: (
      certified: Certified,
      view: StateView,
    ) => { readonly certified: Certified; readonly writes: readonly StoreWrite[]; readonly value: T },
  ): Promise<T> {
    const { publicKey, id, group, role, organisation } = readCertificate(issued.der);
    if (organisation === undefined) throw new Error('an organisation has a name');
    const { appender, authoritySigner } = this.#options;
    const { value } = await appender.appendControl({ signer: authoritySigner }, (view): ControlStaged<T> => {
      this.#requireFree(publicKey, view);
      const der = issued.der.toString('base64');
      const {
        certified,
        writes,
        value: answer,
      } = more(
        {
          handle: newHandle(),
          id,
          group,
          ...(role === undefined ? {} : { role }),
          name: organisation,
          certificates: [this.#placed(der, 'participant.enrolled')],
        },
        view,
      );
      const { handle } = certified;
      const body = {
        handle,
        group,
        role: certified.role ?? 'organisation',
        name: organisation,
        certificate: der,
      };
      return {
        drafts: [{ type: 'participant.enrolled', body }],
        writes: [this.rows.put(certified), this.keys.put(publicKey, { handle, ended: false }), ...writes],
        value: answer,
      };
    });
    return value;
  }

  async #replace(
    before: Certified,
    issued: IssuedCertificate,
    by: 'participant.renewed' | 'key.rotated',
    more: (view: StateView) => readonly StoreWrite[],
  ): Promise<Certified> {
    const { appender, authoritySigner, clients } = this.#options;
    const der = issued.der.toString('base64');
    const { handle } = before;
    const after: Certified = { ...before, certificates: [...before.certificates, this.#placed(der, by)] };
    const renewed = clients.certified(handle, readCertificate(issued.der), by === 'key.rotated');
    await appender.appendControl({ signer: authoritySigner }, (view) => {
      this.#requireUnchanged(before, view);
      return {
        drafts: [
          by === 'participant.renewed'
            ? { type: by, body: { handle, certificate: der } }
            : { type: by, body: { key: 'participant', handle, certificate: der } },
        ],
        writes: [this.rows.put(after), ...renewed.map((client) => clients.write(client)), ...more(view)],
        value: undefined,
      };
    });
    for (const client of renewed) clients.taken(client);
    return after;
  }

  #placed(der: string, by: CertifiedKeys['by']): CertifiedKeys {
    return { der, by, from: this.#options.engine.head().size };
  }

  /** What of a participant is still in time, and so belongs on the list. */
  live(certified: Certified, reason: RevocationReason): Revoked[] {
    const now = this.#options.nowMs();
    return certified.certificates
      .map((one) => readCertificate(derOf(one)))
      .filter(({ notAfter }) => notAfter >= now)
      .map((certificate) => ({ certificate, reason }));
  }

  async #changeable(reference: string): Promise<Certified> {
    const certified = await this.find(reference);
    if (certified.revoked !== undefined) throw conflict('that participant was revoked; it enrols anew');
    if (certified.group === 'patient')
      throw conflict('a patient’s certificate is not on the log; the patient enrols anew by an invitation');
    if (certified.handle === this.#options.instance)
      throw conflict('the instance renews its own certificate by itself');
    return certified;
  }

  /** Two changes of one participant at once: the later one begins anew from what the first made. */
  #requireUnchanged(before: Certified, view: StateView): void {
    const present = this.rows.get(before.handle, view);
    if (present?.certificates.length !== before.certificates.length || present.revoked !== undefined)
      throw conflict('the participant was changed meanwhile; look again');
  }

  #request(id: string, view?: StateView): EnrolmentRequest {
    const request = view === undefined ? this.requests.get(id) : this.requests.get(id, view);
    if (request === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no request ${id.slice(0, 64)}`);
    return request;
  }
}

/** When what another authority's word alone rests on ends. */
function endOf({ alone, vouched }: EnrolmentRequest): number | undefined {
  return alone === undefined ? undefined : vouched?.notAfter;
}

const ENDED_KEY = 'that key was revoked or rotated away: it is never certified again; make another';
const NAME_CHARS_MAX = 64;

function requireName(name: unknown): asserts name is string {
  if (
    typeof name !== 'string' ||
    name.trim() !== name ||
    name === '' ||
    name.length > NAME_CHARS_MAX ||
    /[\p{Cc}\p{Cs}]/u.test(name)
  )
    throw usage(`an organisation’s name has 1 to ${NAME_CHARS_MAX} characters`);
}

function groupOf(text: unknown): ClientGroup {
  if (text === 'provider' || text === 'authority' || text === 'payer') return text;
  throw usage('an organisation’s group is provider, authority or payer; patients enrol by an invitation');
}

/** The DER of a request that was read already. */
function derOfCsr(csr: string): Buffer {
  return fromPem('CERTIFICATE REQUEST', csr) ?? Buffer.alloc(0);
}

function conflict(message: string): AdapterError {
  return new AdapterError('ADAPTER_CONFLICT', message);
}

function usage(message: string): AdapterError {
  return new AdapterError('ADAPTER_USAGE', message);
}
