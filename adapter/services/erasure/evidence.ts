/**
 * What is kept of an erasure: by whom and why, sealed, one row a version, which opens the commitment of its
 * `record.erased`; and, while an erasure is under way, what is left to do.
 */
import { randomBytes } from 'node:crypto';
import { orderByCustodian, orderByPatient } from '../../../ledger/custody/index.js';
import type {
  ErasureDuty,
  ErasureOrder,
  ErasureRefusal,
  ErasureTarget,
  SignedErasureRequest,
} from '../../../ledger/custody/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import type { Wallet } from '../../instance/subjects.js';
import type { KeyRange } from './compaction.js';

/** How an erasure was ordered. */
export type OrderInput =
  | { readonly signed: SignedErasureRequest }
  | { readonly duty: ErasureDuty; readonly by: string; readonly reason: string };

export type ErasureScope = 'patient' | 'record' | 'version';

/** An erased version. */
export interface ErasureRow {
  /** Opens the commitment: 32 bytes, base64url. */
  readonly salt: string;
  readonly evidence: string;
  readonly at: number;
  /** Row key of the resource, for who asks for it by its name again; keyed, so it tells nothing. */
  readonly resource?: string;
}

/** An erasure by order. */
export interface OrderedErasure {
  readonly subject: string;
  readonly scope: ErasureScope;
  readonly input: OrderInput;
  /** Time of its first batch, ms. */
  readonly at: number;
  /** Versions, each with the row key of its resource. */
  readonly versions: readonly VersionName[];
}

/** An erasure under way: enough to finish it after a crash. */
export interface ErasingRow {
  /** Absent where what was due went: then only its bytes are left. */
  readonly ordered?: OrderedErasure;
  readonly ranges: readonly KeyRange[];
  readonly probes: readonly string[];
}

export interface VersionName {
  readonly handle: string;
  readonly resource?: string;
}

/** An entry's body and the row that opens it. */
export function erasedEntry(
  handle: string,
  order: ErasureOrder,
  at: number,
  resource: string | undefined,
): { readonly body: { readonly handle: string; readonly commitment: string }; readonly row: ErasureRow } {
  // A salt for each: equal commitments would tell that two versions were erased for one reason.
  const salt = randomBytes(32);
  const commitment = commitmentOf(salt, Buffer.from(order.evidence, 'utf8')).toString('base64url');
  const row = { salt: salt.toString('base64url'), evidence: order.evidence, at };
  return { body: { handle, commitment }, row: resource === undefined ? row : { ...row, resource } };
}

/**
 * The order that was given, judged.
 *
 * @returns Why it is none: a patient without a wallet here cannot have signed.
 */
export function orderOf(input: {
  readonly subject: string;
  readonly patient: string;
  readonly wallet: Wallet | undefined;
  readonly targets: 'all' | readonly ErasureTarget[];
  readonly input: OrderInput;
  readonly nowMs: number;
}): ErasureOrder | ErasureRefusal {
  const { subject, patient, wallet, targets, nowMs } = input;
  if (!('signed' in input.input)) return orderByCustodian({ subject, targets, nowMs, ...input.input });
  if (wallet === undefined) return 'patient';
  const certificate = readCertificate(Buffer.from(wallet.certificate, 'base64'));
  return orderByPatient({
    subject,
    patient,
    targets,
    signed: input.input.signed,
    key: certificate.publicKey,
    kid: wallet.fingerprint,
    certifiedAt: certificate.notBefore,
    nowMs,
  });
}
