/** Enrolment of organisations, such as the hospital behind a source or an insurer, by a PKCS#10 request of their own. */
import { randomBytes } from 'node:crypto';
import type { Appender, Signer } from '../../ledger/custody/index.js';
import type { Authority } from '../../ledger/participants/index.js';
import { newParticipantId, ORGANISATION_VALIDITY_MS } from '../../ledger/participants/index.js';
import type { StoreWrite } from '../../ledger/store.js';
import type { Organisation } from '../instance/bootstrap.js';

export interface OrganisationEnrolment {
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  readonly appender: Appender;
  readonly nowMs: () => number;
}

/**
 * Enrols an organisation: certificate and log entry.
 *
 * @param csrPem - PKCS#10, made by the organisation with its own keys.
 * @param name - As people know it; at most 64 characters.
 * @param also - Rows that stand or fall with the enrolment.
 * @throws ParticipantError for a request that must not be certified.
 */
export async function enrolOrganisation(
  from: OrganisationEnrolment,
  csrPem: string,
  name: string,
  group: 'provider' | 'authority' | 'payer',
  also: (organisation: Organisation) => readonly StoreWrite[] = () => [],
): Promise<Organisation & { readonly pem: string }> {
  const now = from.nowMs();
  const id = newParticipantId();
  const issued = await from.authority.issue({
    csr: csrPem,
    group,
    role: 'organisation',
    organisation: name,
    id,
    notBefore: now,
    notAfter: Math.min(now + ORGANISATION_VALIDITY_MS, from.authority.notAfter),
  });
  const participant = randomBytes(32).toString('base64url');
  const certificate = issued.der.toString('base64');
  const organisation: Organisation = { participant, id, name, fingerprint: issued.fingerprint, certificate };
  const rows = also(organisation);
  const body = { handle: participant, group, role: 'organisation', name, certificate };
  await from.appender.appendControl({ signer: from.authoritySigner }, () => ({
    drafts: [{ type: 'participant.enrolled', body }],
    writes: [
      {
        type: 'put',
        key: `participant/${participant}`,
        value: Buffer.from(JSON.stringify({ id, name, certificate }), 'utf8'),
      },
      ...rows,
    ],
    value: undefined,
  }));
  return { ...organisation, pem: issued.pem };
}
