/** Who signed a document, and for which organisation. */
import { verifyDocument } from '../../../ledger/consent/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import { PERSON_ROLES } from '../../../ledger/participants/index.js';
import { AdapterError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import { presentOf } from '../ca/index.js';
import type { Certified, CertifiedRows } from '../ca/index.js';

/** Whose signature was found good. */
export interface DocumentSigner {
  readonly participant: string;
  readonly id: string;
  readonly fingerprint: string;
  readonly role: string;
  /** Id of the organisation: its own, or that of its person. */
  readonly organisation: string;
  /** Its name. */
  readonly name: string;
}

const REFUSED = 'it is not signed by somebody who may do this';

/** One answer for all that is wrong with a signer; which it was goes to the log. */
export function notAllowed(logger: Logger, reason: string): AdapterError {
  logger.warn('signed document refused', { reason });
  return new AdapterError('ADAPTER_FORBIDDEN', REFUSED);
}

/**
 * The signer of a document: a provider's organisation, or a person of one that is in force.
 *
 * @param as - `officer`: one of those who certify, and nobody else; officers sign nothing for a hospital.
 * @throws AdapterError ADAPTER_FORBIDDEN, the same whatever is wrong.
 */
export async function signerOf(
  rows: CertifiedRows,
  { document, jws }: { readonly document: { readonly signer: string }; readonly jws: string },
  logger: Logger,
  as: 'provider' | 'officer' = 'provider',
): Promise<DocumentSigner> {
  const organisations = await rows.organisations();
  const named = (reference: string): Certified | undefined =>
    organisations.find(({ handle, id }) => handle === reference || id === reference);
  const certified = named(document.signer);
  if (certified === undefined) throw notAllowed(logger, 'unknown-signer');
  const { publicKey, fingerprint } = presentOf(certified);
  const verdict = verifyDocument({ ...document }, jws, publicKey, fingerprint);
  if (verdict !== 'ok') throw notAllowed(logger, verdict);
  const { handle: participant, id, group, role = 'organisation', memberOf, name = '' } = certified;
  if (group !== 'provider') throw notAllowed(logger, 'group');
  if ((role === 'officer') !== (as === 'officer')) throw notAllowed(logger, 'role');
  const isPerson = PERSON_ROLES.some((one) => one === role);
  const employer = isPerson ? named(memberOf ?? '') : certified;
  if (employer === undefined || employer.revoked !== undefined) throw notAllowed(logger, 'organisation');
  return { participant, id, fingerprint, role, organisation: employer.id, name };
}

/** Asked inside the batch: the certificate is good at the very leaf. @throws AdapterError ADAPTER_FORBIDDEN */
export function requireCertified(
  rows: CertifiedRows,
  { participant, fingerprint }: DocumentSigner,
  nowMs: number,
  view: StateView,
  logger: Logger,
): void {
  const judged = rows.certificateNow(participant, fingerprint, nowMs, view);
  if (!judged.ok) throw notAllowed(logger, judged.code);
}
