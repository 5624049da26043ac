/** The whole record over FHIR, page by page. */
import { useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import type { Bundle, FhirResource } from 'fhir/r4.js';
import { askJsonAs } from '../session/session.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';
import { OWN } from './own-query.js';

/** Pages of a thousand: a record of more is told to be cut off. */
const PAGES_MAX = 200;

export interface WholeRecord {
  readonly resources: readonly FhirResource[];
  readonly byReference: ReadonlyMap<string, FhirResource>;
}

/** Reads `$everything`, which leaves a receipt for each page. @throws Refusal */
async function readEverything(wallet: Wallet, patient: string, purpose?: string): Promise<WholeRecord> {
  const byReference = new Map<string, FhirResource>();
  let next: string | undefined = `/fhir/${patient}/$everything`;
  for (let page = 0; next !== undefined && page < PAGES_MAX; page++) {
    const bundle: Bundle<FhirResource> = await askJsonAs(wallet, next, purpose);
    for (const { resource } of bundle.entry ?? [])
      if (resource !== undefined) byReference.set(`${resource.resourceType}/${resource.id ?? ''}`, resource);
    const link = bundle.link?.find(({ relation }) => relation === 'next')?.url;
    // Wherever the link points: asked is this server.
    next = link === undefined ? undefined : new URL(link).pathname;
  }
  return { resources: [...byReference.values()], byReference };
}

/** The wallet's own record. */
export function useEverything(wallet: Wallet): UseQueryResult<WholeRecord> {
  return useRecordOf(wallet, wallet.enrolled?.patient.reference ?? '');
}

/** A patient's record, as far as the wallet's holder may read it. @param purpose - v3-ActReason code. */
export function useRecordOf(wallet: Wallet, patient: string, purpose?: string): UseQueryResult<WholeRecord> {
  return useQuery({
    queryKey: [OWN, fingerprintOf(wallet), 'everything', patient, purpose],
    queryFn: () => readEverything(wallet, patient, purpose),
    staleTime: 60_000,
  });
}
