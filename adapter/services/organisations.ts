/** Enrolment of organisations, such as the hospital behind a source, by a PKCS#10 request of their own. */
import { randomBytes } from 'node:crypto';
import type { Appender, Signer } from '../../ledger/custody/index.js';
import type { Authority } from '../../ledger/participants/index.js';
import { newParticipantId, ORGANISATION_VALIDITY_MS } from '../../ledger/participants/index.js';
import type { Organisation } from '../instance/bootstrap.js';

export interface OrganisationEnrolment {
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  readonly appender: Appender;
  readonly nowMs: () => number;
}

/**
 * Enrols a provider: certificate and log entry.
 *
 * @param csrPem - PKCS#10, made by the organisation with its own keys.
 * @param name - As people know it; at most 64 characters.
 * @throws ParticipantError for a request that must not be certified.
 */
export async function enrolProvider(
  from: OrganisationEnrolment,
  csrPem: string,
  name: string,
): Promise<Organisation & { readonly pem: string }> {
  const now = from.nowMs();
  const id = newParticipantId();
  const issued = await from.authority.issue({
    csr: csrPem,
    group: 'provider',
    role: 'organisation',
    organisation: name,
    id,
    notBefore: now,
    notAfter: Math.min(now + ORGANISATION_VALIDITY_MS, from.authority.notAfter),
  });
  const participant = randomBytes(32).toString('base64url');
  const certificate = issued.der.toString('base64');
  const body = { handle: participant, group: 'provider', role: 'organisation', name, certificate };
  await from.appender.appendControl({ signer: from.authoritySigner }, () => ({
    drafts: [{ type: 'participant.enrolled', body }],
    writes: [
      {
        type: 'put',
        key: `participant/${participant}`,
        value: Buffer.from(JSON.stringify({ id, name, certificate }), 'utf8'),
      },
    ],
    value: undefined,
  }));
  return { participant, id, name, fingerprint: issued.fingerprint, certificate, pem: issued.pem };
}
