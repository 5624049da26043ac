/** What the parts of the facade share. */
import type { Appender } from '../../../ledger/custody/index.js';
import type { Store } from '../../../ledger/store.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import type { VersionProofs } from '../proofs/index.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt } from './answer.js';
import type { Decoy } from './decoy.js';
import type { FacadeNames } from './names.js';
import type { PageLinks } from './page-links.js';
import { PatientGate } from './patient-gate.js';

/** What the facade reads and writes with. */
export interface FacadeOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly subjects: Instance['subjects'];
  readonly records: Instance['records'];
  readonly listings: Instance['listings'];
  readonly servedForms: Instance['servedForms'];
  readonly consents: Instance['consents'];
  readonly exceptional: Instance['exceptional'];
  /** Who has asked for which patient. */
  readonly accessRequests: Pick<Instance['accessRequests'], 'isAsking'>;
  readonly notices: Instance['notices'];
  readonly sources: Instance['sources'];
  readonly directory: Instance['directory'];
  readonly organisation: Instance['organisation'];
  readonly bodies: Pick<Instance['bodies'], 'blobs'>;
  /** Makes the proof files of what is shown. */
  readonly proofs: VersionProofs;
  readonly nowMs: () => number;
  /** Address of the FHIR endpoint, without a slash at the end. */
  readonly baseUrl: () => string;
}

export interface FacadeContext extends FacadeOptions {
  readonly links: PageLinks;
  readonly decoy: Decoy;
  readonly names: FacadeNames;
}

/** Nothing is shown: hidden, unknown, another's. */
export const NONE: Attempt = { answer: { kind: 'none' }, shown: [] };
/** Nothing may be shown any more to who was shown something before. */
export const FORBIDDEN: Attempt = { answer: { kind: 'forbidden' }, shown: [] };

/** {@link NONE}, at the cost of looking at something hidden. */
export function unknown({ decoy, nowMs }: FacadeContext): Attempt {
  decoy.work(nowMs());
  return NONE;
}

/** The gate to a patient's records, or `undefined` where no policy of theirs speaks of this caller. */
export async function gateOf(
  context: FacadeContext,
  caller: Caller,
  subject: Subject | undefined,
): Promise<PatientGate | undefined> {
  if (subject === undefined) return undefined;
  const gate = await PatientGate.of(context, subject, caller);
  return gate.isReachable ? gate : undefined;
}
