/** One patient's records before the gate, for one caller: each version is judged by itself before it is opened. */
import { decider, selfPolicy } from '../../../ledger/consent/index.js';
import type { Permitted, Policy, Provision } from '../../../ledger/consent/index.js';
import { openLargePermitted, openPermitted } from '../../../ledger/custody/index.js';
import { isLargeRow } from '../../../ledger/vault/index.js';
import type { Blobs, RecordName } from '../../../ledger/vault/index.js';
import { carryOut } from '../../../mappings/index.js';
import type { Instance } from '../../instance/instance.js';
import type { RecordCardData } from '../../instance/records.js';
import { recordEpochOf } from '../../instance/served-forms.js';
import type { Subject } from '../../instance/subjects.js';
import type { Caller } from '../tokens/index.js';

/** A kept version. */
export interface KeptVersion {
  readonly handle: string;
  /** Counts the versions of its resource. */
  readonly version: number;
  /**
   * Read when it is first asked for, where a listing named the version.
   *
   * @throws RowGone when it was erased since.
   */
  readonly row: Buffer;
  readonly card: RecordCardData;
}

/** A version that the caller may see. */
export class PermittedVersion implements KeptVersion {
  readonly permit: Permitted;
  /** Id of its resource at the facade. */
  readonly id: string;
  readonly gate: PatientGate;
  readonly #kept: KeptVersion;

  constructor(kept: KeptVersion, permit: Permitted, id: string, gate: PatientGate) {
    this.#kept = kept;
    this.permit = permit;
    this.id = id;
    this.gate = gate;
  }

  get handle(): string {
    return this.#kept.handle;
  }

  get version(): number {
    return this.#kept.version;
  }

  get row(): Buffer {
    return this.#kept.row;
  }

  get card(): RecordCardData {
    return this.#kept.card;
  }
}

/** An enrolment stands for the patient's own reach in this one version. */
const SELF_VERSION = 1;

/** The parts of an instance that reading needs. */
export type Kept = Pick<Instance, 'records' | 'consents' | 'sources' | 'nowMs' | 'store'>;

export class PatientGate {
  readonly subject: Subject;
  readonly epoch: number;
  /** Of the patient's records, from before any row was read. */
  readonly recordEpoch: string;
  readonly #kept: Kept;
  readonly #policies: readonly Policy[];
  readonly #references: readonly string[];
  readonly #decide: ReturnType<typeof decider>;

  private constructor(
    kept: Kept,
    subject: Subject,
    caller: Caller,
    set: { epoch: number; policies: readonly Policy[] },
    action: 'access' | 'disclose',
  ) {
    this.#kept = kept;
    this.subject = subject;
    this.epoch = set.epoch;
    this.recordEpoch = recordEpochOf(kept.store, subject.key);
    this.#policies = set.policies;
    this.#references = referencesAt(kept, subject.source, caller);
    const asking = {
      subject: subject.key,
      actor: { references: this.#references },
      action,
      purposes: [caller.purpose],
    };
    this.#decide = decider(asking, set.policies, kept.nowMs());
  }

  /** With the policies as they are now. */
  static async of(
    kept: Kept,
    subject: Subject,
    caller: Caller,
    action: 'access' | 'disclose' = 'access',
  ): Promise<PatientGate> {
    const set = await kept.consents.policies(subject);
    if (caller.own?.subjectKey !== subject.key) return new PatientGate(kept, subject, caller, set, action);
    const policies = [...set.policies, ownReach(caller.own)];
    return new PatientGate(kept, subject, caller, { ...set, policies }, action);
  }

  /**
   * Whether any policy speaks of this caller at all. False only where every answer would be no: then nothing of the
   * patient need be looked at, and asking costs no more than for a patient that does not exist.
   */
  get isReachable(): boolean {
    return this.#policies.some(
      ({ layer, kind, root }) =>
        (layer === 'patient' || kind === 'legal-basis' || kind === 'emergency') &&
        mayPermit(root, this.#references),
    );
  }

  /** Leave to see a version, or `undefined`. @param facadeId - Of its resource, where it is known. */
  judge(kept: KeptVersion, facadeId?: string): PermittedVersion | undefined {
    const { source, gate } = kept.card;
    const id = facadeId ?? this.#kept.records.facadeId(source, gate.type, gate.id);
    // Consents name what they are about as the facade does: the patient knows no other name.
    const decision = this.#decide({ ...gate, labels: gate.labels, references: [`${gate.type}/${id}`] });
    if (decision.outcome !== 'permit') return undefined;
    // In what is read as a stream, and in what is no resource, obligations cannot be carried out.
    const isBound = decision.obligations.length > 0;
    if (isBound && (kept.card.contentType !== undefined || isLargeRow(kept.row))) return undefined;
    return new PermittedVersion(kept, decision.permit, id, this);
  }

  /** The exact bytes received, where they lie in the row, with the permit's obligations carried out. */
  open(version: PermittedVersion): Buffer {
    return openPermitted(version.permit, this.subject.key, this.#nameOf(version), carryOut).plaintext;
  }

  /**
   * The exact bytes received, and the salt under which the log commits to them.
   *
   * @throws LedgerError LEDGER_GUARD_REFUSED where the permit is bound by obligations: altered bytes prove nothing.
   */
  openSalted(version: PermittedVersion): { readonly plaintext: Buffer; readonly salt: Buffer } {
    return openPermitted(version.permit, this.subject.key, this.#nameOf(version));
  }

  /** The exact bytes received, where they lie in a file: each given out once it was found good. */
  openLarge(version: PermittedVersion, blobs: Blobs): AsyncGenerator<Buffer> {
    return openLargePermitted(version.permit, this.subject.key, this.#nameOf(version), blobs).body;
  }

  #nameOf({ handle, version, row }: PermittedVersion): RecordName & { readonly row: Buffer } {
    const { recordKey } = this.subject;
    return { recordKey, instance: this.#kept.records.instance, handle, version, row };
  }
}

/**
 * By what names a caller is known to the policies on what a source has: its own organisation, and where it is the
 * system of that very source, the source's custodian, for whom it acts.
 */
export function referencesAt(
  { sources }: Pick<Kept, 'sources'>,
  source: string,
  caller: Pick<Caller, 'clientId' | 'own' | 'person' | 'source'>,
): string[] {
  const { own: patient, person } = caller;
  if (patient !== undefined) return [patient.reference];
  const own = person?.reference ?? `Organization/${caller.clientId}`;
  const keeper = sources.get(source)?.custodian.id;
  // The hospital's own clinicians care for its patients, as its system does.
  const isOwn = caller.source === source || (person !== undefined && person.organisation === keeper);
  const custodian = isOwn ? keeper : undefined;
  return custodian === undefined ? [own] : [own, `Organization/${custodian}`];
}

/** The patient's own reach: the enrolment stands for it. */
export function ownReach({ subjectKey, reference, handle }: NonNullable<Caller['own']>): Policy {
  return selfPolicy({
    handle,
    version: SELF_VERSION,
    dateTimeMs: 0,
    subject: subjectKey,
    references: [reference],
  });
}

/** Whether a provision may permit somebody of these names anything. */
export function mayPermit({ type, actors, provisions }: Provision, references: readonly string[]): boolean {
  const isNamed =
    actors === undefined ||
    actors.some(({ reference, roles }) =>
      reference === undefined ? roles !== undefined : references.includes(reference),
    );
  // Exceptions narrow the rule around them: whom it does not name they cannot permit.
  return isNamed && (type === 'permit' || provisions.some((one) => mayPermit(one, references)));
}

/** Name of a version at the facade: the source's, or where it gave none one that tells nothing. */
export function versionIdOf(
  kept: Pick<Instance, 'records'>,
  { card, handle }: Pick<KeptVersion, 'card' | 'handle'>,
): string {
  return kept.records.versionName(handle, card.versionId);
}

/** When a version came to be, ms: as the source says, or when it came to us. */
export function lastUpdatedOf({ lastUpdatedMs, receivedAt }: RecordCardData): number {
  return lastUpdatedMs ?? receivedAt;
}
