/** Enrolment of organisations, such as the hospital behind a source or an insurer, by a PKCS#10 request of their own. */
import type { StoreWrite } from '../../ledger/store.js';
import type { Organisation } from '../instance/bootstrap.js';
import { pemOf, presentDer, presentOf } from './ca/index.js';
import type { Certification, Certified } from './ca/index.js';

export interface OrganisationEnrolment {
  readonly certification: Certification;
}

/**
 * The organisation of a PKCS#10 request: enrolled by it before, or now where that takes one person.
 *
 * @param csrPem - PKCS#10, made by the organisation with its own keys.
 * @param name - As people know it; at most 64 characters.
 * @param also - Rows that stand or fall with the enrolment.
 * @throws ParticipantError for a request that must not be certified; AdapterError ADAPTER_FORBIDDEN where two people are
 * needed, ADAPTER_CONFLICT for a key of another participant, or one that was ended.
 */
export async function enrolOrganisation(
  from: OrganisationEnrolment,
  csrPem: string,
  name: string,
  group: 'provider' | 'authority' | 'payer',
  also: (organisation: Organisation) => readonly StoreWrite[] = () => [],
): Promise<Organisation & { readonly pem: string }> {
  const certified = await from.certification.organisation(csrPem, name, group, (one) =>
    also(organisationOf(one)),
  );
  return { ...organisationOf(certified), pem: pemOf(presentDer(certified)) };
}

function organisationOf(certified: Certified): Organisation {
  return {
    participant: certified.handle,
    id: certified.id,
    name: certified.name ?? '',
    fingerprint: presentOf(certified).fingerprint,
    certificate: presentDer(certified).toString('base64'),
  };
}
