/** The authority's commands: what the command line and the admin socket share. */
import { createHash } from 'node:crypto';
import { fingerprintOf } from '../../../ledger/participants/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { derOf, presentDer, presentOf } from './certified.js';
import type { Certified } from './certified.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import { pemOf } from './renewal-request.js';
import type { Vouched } from './vouching.js';
import type { EnrolInput } from './certification.js';
import type { EnrolmentRequest } from './requests.js';

/** A participant, as it is shown. */
export interface ShownParticipant {
  readonly kind: 'participant';
  readonly id: string;
  readonly handle: string;
  readonly group: string;
  readonly role?: string;
  /** Id of the organisation of a person. */
  readonly memberOf?: string;
  readonly name?: string;
  readonly state: 'active' | 'expired' | 'revoked';
  /** Of the present certificate; ISO 8601. */
  readonly notAfter: string;
  readonly fingerprint: string;
  readonly serialNumber: string;
  /** Why and since when; ISO 8601. */
  readonly revoked?: { readonly at: string; readonly reason: string };
}

/** A participant with all that is kept of it. */
export interface ShownInFull extends ShownParticipant {
  /** The present one, PEM. */
  readonly certificate: string;
  /** All, in the order of the log. */
  readonly certificates: readonly {
    readonly by: string;
    readonly serialNumber: string;
    readonly fingerprint: string;
    readonly notBefore: string;
    readonly notAfter: string;
  }[];
  readonly askedBy?: string;
  readonly approvedBy?: string;
}

/** A request, as it is shown. */
export interface ShownRequest {
  readonly kind: 'request';
  readonly id: string;
  readonly group: string;
  /** Somebody of an organisation. */
  readonly role?: string;
  readonly of?: string;
  readonly name: string;
  readonly state: EnrolmentRequest['state'];
  readonly askedBy: string;
  readonly askedAt: string;
  readonly decidedBy?: string;
  readonly decidedAt?: string;
  readonly reason?: string;
  /** SHA-256 of the request's DER, hexadecimal: for comparing it with the organisation over another way. */
  readonly csrSha256: string;
  /** What another authority's certificate says of it. */
  readonly vouched?: Vouched;
  /** What it became. */
  readonly participant?: ShownParticipant;
  /** PEM, once it is approved. */
  readonly certificate?: string;
}

/** The authority itself. */
export interface ShownAuthority {
  readonly origin: string;
  readonly root: { readonly fingerprint: string; readonly certificate: string };
  readonly issuing: { readonly fingerprint: string; readonly certificate: string; readonly notAfter: string };
  readonly list: { readonly number: number; readonly nextUpdate: string; readonly revoked: number };
}

export interface ShownList {
  readonly requests: readonly ShownRequest[];
  readonly participants: readonly ShownParticipant[];
}

type Args = Readonly<Record<string, unknown>>;

export async function caInit(instance: Instance): Promise<ShownAuthority> {
  const { authority, certification, identity } = instance;
  const { number, nextUpdate } = await certification.revocations.list();
  return {
    origin: identity.origin,
    root: { fingerprint: fingerprintOf(authority.root), certificate: pemOf(authority.root) },
    issuing: {
      fingerprint: authority.fingerprint,
      certificate: pemOf(authority.issuing),
      notAfter: time(authority.notAfter),
    },
    list: { number, nextUpdate: time(nextUpdate), revoked: certification.revocations.count },
  };
}

export async function caEnrol(instance: Instance, args: Args): Promise<ShownRequest> {
  const { csr, name, group, role, of, by, certificate, chain, signature } = args;
  const input: EnrolInput = {
    csr: text(csr),
    by: text(by),
    ...(name === undefined ? {} : { name: text(name) }),
    ...(group === undefined ? {} : { group: text(group) }),
    ...(role === undefined ? {} : { role: text(role) }),
    ...(of === undefined ? {} : { of: text(of) }),
    ...(certificate === undefined
      ? {}
      : {
          vouching: {
            certificate: text(certificate),
            chain: chain === undefined ? '' : text(chain),
            ...(signature === undefined ? {} : { signature: text(signature) }),
          },
        }),
  };
  return shownRequest(instance, await instance.certification.enrol(input));
}

export async function caApprove(instance: Instance, args: Args): Promise<ShownRequest> {
  return shownRequest(instance, await instance.certification.approve(text(args['id']), text(args['by'])));
}

export async function caRefuse(instance: Instance, args: Args): Promise<ShownRequest> {
  const { id, by, reason } = args;
  return shownRequest(instance, await instance.certification.refuse(text(id), text(by), text(reason)));
}

export async function caRenew(instance: Instance, args: Args): Promise<ShownInFull> {
  const { id, csr } = args;
  const renewed = await instance.certification.renew(text(id), csr === undefined ? undefined : text(csr));
  return inFull(instance, renewed);
}

export async function caRotate(instance: Instance, args: Args): Promise<ShownInFull> {
  const { id, csr, signature } = args;
  const bytes = Buffer.from(text(signature), 'base64');
  return inFull(instance, await instance.certification.rotate(text(id), text(csr), bytes));
}

export async function caRevoke(instance: Instance, args: Args): Promise<ShownInFull> {
  const { id, reason } = args;
  return inFull(instance, await instance.certification.revoke(text(id), text(reason)));
}

/** The revocation list. `der` is base64. */
export async function caList(
  instance: Instance,
): Promise<{ der: string; number: number; nextUpdate: string }> {
  const { der, number, nextUpdate } = await instance.certification.revocations.list();
  return { der: der.toString('base64'), number, nextUpdate: time(nextUpdate) };
}

/** Requests that wait, or all of them, and the organisations. */
export async function caParticipants(instance: Instance, args: Args): Promise<ShownList> {
  const { certification } = instance;
  const requests = await certification.requests.all();
  const wanted = args['all'] === true ? requests : requests.filter(({ state }) => state === 'pending');
  const participants = await certification.rows.organisations();
  return {
    requests: wanted.map((request) => shownRequest(instance, request)),
    participants: participants
      .map((one) => shownParticipant(instance, one))
      .toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1)),
  };
}

/** A request or a participant. @throws AdapterError ADAPTER_NOT_FOUND */
export async function caShow(instance: Instance, args: Args): Promise<ShownInFull | ShownRequest> {
  const id = text(args['id']);
  const request = instance.certification.requests.get(id);
  if (request !== undefined) return shownRequest(instance, request);
  return inFull(instance, await instance.certification.find(id));
}

function shownRequest(instance: Instance, request: EnrolmentRequest): ShownRequest {
  const { id, group, name, state, askedBy, askedAt, decidedBy, decidedAt, reason, handle, csr, vouched } =
    request;
  const { person } = request;
  const certified = handle === undefined ? undefined : instance.certification.rows.get(handle);
  const der = Buffer.from(csr.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return {
    kind: 'request',
    id,
    group,
    ...person,
    name,
    state,
    askedBy,
    askedAt: time(askedAt),
    ...(decidedBy === undefined ? {} : { decidedBy }),
    ...(decidedAt === undefined ? {} : { decidedAt: time(decidedAt) }),
    ...(reason === undefined ? {} : { reason }),
    ...(vouched === undefined ? {} : { vouched: shownVouched(vouched) }),
    csrSha256: createHash('sha256').update(der).digest('hex'),
    ...(certified === undefined
      ? {}
      : { participant: shownParticipant(instance, certified), certificate: pemOf(presentDer(certified)) }),
  };
}

function shownVouched({ name, group, anchor, serialNumber }: Vouched): Vouched {
  return { name, group, anchor, serialNumber };
}

function shownParticipant(instance: Instance, certified: Certified): ShownParticipant {
  const { id, handle, group, role, memberOf, name, revoked } = certified;
  const { notAfter, fingerprint, serialNumber } = presentOf(certified);
  const isOver = notAfter < instance.nowMs();
  return {
    kind: 'participant',
    id,
    handle,
    group,
    ...(role === undefined ? {} : { role }),
    ...(memberOf === undefined ? {} : { memberOf }),
    ...(name === undefined ? {} : { name }),
    state: revoked === undefined ? (isOver ? 'expired' : 'active') : 'revoked',
    notAfter: time(notAfter),
    fingerprint,
    serialNumber,
    ...(revoked === undefined ? {} : { revoked: { at: time(revoked.at), reason: revoked.reason } }),
  };
}

function inFull(instance: Instance, certified: Certified): ShownInFull {
  const { people } = certified;
  return {
    ...shownParticipant(instance, certified),
    certificate: pemOf(presentDer(certified)),
    certificates: certified.certificates.map((one) => {
      const { serialNumber, fingerprint, notBefore, notAfter } = readCertificate(derOf(one));
      return { by: one.by, serialNumber, fingerprint, notBefore: time(notBefore), notAfter: time(notAfter) };
    }),
    ...(people === undefined ? {} : people),
  };
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new AdapterError('ADAPTER_USAGE', 'a text is missing');
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
