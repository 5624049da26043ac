import type { ProveArgs } from '../../adapter/services/proofs/index.js';
import type { ProofBench } from './proof-files.js';

/** What a file of each kind is asked for by. */
export type ProofName =
  | 'record'
  | 'record-whole'
  | 'record-fact'
  | 'consent'
  | 'consent-opened'
  | 'withdrawal'
  | 'withdrawal-opened'
  | 'absent-consent'
  | 'absent-participant'
  | 'absent-tag'
  | 'disclosure'
  | 'participant'
  | 'participant-patient'
  | 'entries'
  | 'denial'
  | 'reconciliation'
  | 'reconciliation-bare';

type ArgsOf = (from: ProofBench, absent: string) => ProveArgs;

const RECORD = { what: 'record', record: 'Observation/a1' } as const;

const RECONCILIATION = { what: 'reconciliation', source: 'city' } as const;

/** The statements of all kinds, in an order in which all are true. @see openProofBench */
export const PROOF_STATEMENTS: readonly (readonly [ProofName, ArgsOf])[] = [
  ['record', () => RECORD],
  ['record-whole', () => ({ ...RECORD, open: true })],
  ['record-fact', () => ({ ...RECORD, fact: 'resourceType' })],
  ['consent', ({ inForce }) => ({ what: 'consent', handle: inForce })],
  ['consent-opened', ({ inForce }) => ({ what: 'consent', handle: inForce, open: true })],
  ['withdrawal', ({ withdrawn }) => ({ what: 'withdrawal', handle: withdrawn })],
  ['withdrawal-opened', ({ withdrawn }) => ({ what: 'withdrawal', handle: withdrawn, open: true })],
  ['absent-consent', (_from, name) => ({ what: 'absent', of: 'consent', name })],
  ['absent-participant', (_from, name) => ({ what: 'absent', of: 'participant', name })],
  ['absent-tag', (_from, name) => ({ what: 'absent', of: 'tag', name })],
  ['disclosure', ({ disclosure }) => ({ what: 'disclosure', handle: disclosure })],
  ['participant', ({ bench }) => ({ what: 'participant', handle: bench.instance.organisation.participant })],
  ['participant-patient', ({ wallet }) => ({ what: 'participant', handle: wallet.enrolled.participant })],
  ['entries', ({ wallet }) => ({ what: 'entries', patient: wallet.enrolled.patient.reference })],
  [
    'denial',
    ({ wallet, bench }) => ({
      what: 'denial',
      patient: wallet.enrolled.patient.reference,
      actor: [`Organization/${bench.instance.organisation.id}`],
      action: 'use',
      purpose: 'HRESCH',
    }),
  ],
  ['reconciliation', () => RECONCILIATION],
  ['reconciliation-bare', () => ({ ...RECONCILIATION, leaves: false })],
];
