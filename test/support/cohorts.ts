/** Cohorts as an authority defines, requests and pulls them. */
import { signDocument } from '../../ledger/consent/index.js';
import { COHORT_DECISION_KIND, COHORT_REQUEST_KIND } from '../../adapter/services/cohorts/index.js';
import type { ShownCohort } from '../../adapter/http/contract/index.js';
import type { Signer } from './session.js';

/** A definition as JSON; members that are given take the place of these. */
export function definitionOf(more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    cohort: 'heart-rates',
    title: 'Heart rates',
    study: 'Study 7, vote 12/2026',
    purpose: 'HRESCH',
    profile: 'shifted',
    include: [{ codes: [{ system: 'http://loinc.org', code: '8867-4' }] }],
    types: ['Patient', 'Observation'],
    expires: new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10),
    ...more,
  });
}

export function signedCohort(
  signer: Signer,
  log: string,
  cohort: Pick<ShownCohort, 'id' | 'definitionHash'>,
  outcome?: 'approved' | 'refused' | 'ended',
): string {
  const document = {
    kind: outcome === undefined ? COHORT_REQUEST_KIND : COHORT_DECISION_KIND,
    log,
    signer: signer.participant,
    at: new Date().toISOString(),
    cohort: cohort.id,
    definition: cohort.definitionHash,
    ...(outcome === undefined ? {} : { outcome }),
  };
  const jws = signDocument(document, signer.seed, signer.fingerprint);
  return JSON.stringify({ document, jws });
}

/** A bulk manifest. */
export interface BulkManifest {
  readonly transactionTime: string;
  readonly request: string;
  readonly requiresAccessToken: boolean;
  readonly output: readonly { readonly type: string; readonly url: string; readonly count: number }[];
  readonly deleted: readonly { readonly type: string; readonly url: string }[];
  readonly error: readonly { readonly type: string; readonly url: string }[];
  readonly extension: {
    readonly 'urn:firebreak:export': {
      readonly handle: string;
      readonly proof: string;
      readonly files: readonly { readonly type: string; readonly url: string; readonly mediaType: string }[];
    };
  };
}
