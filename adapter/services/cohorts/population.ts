/**
 * Whose records a cohort may be made of: each record of each patient is judged by itself, for this requester and
 * purpose, before it is opened.
 */
import { decider } from '../../../ledger/consent/index.js';
import type { Permitted, Policy, StandsOn } from '../../../ledger/consent/index.js';
import { openPermitted } from '../../../ledger/custody/index.js';
import { isLargeRow } from '../../../ledger/vault/index.js';
import { carryOut, rewriteResource } from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';
import { readExact } from '../../../mappings/deidentify/index.js';
import type { Instance } from '../../instance/instance.js';
import type { RecordCardData } from '../../instance/records.js';
import { recordEpochOf } from '../../instance/served-forms.js';
import type { Subject } from '../../instance/subjects.js';
import { OWN_SOURCE } from '../permitted-records.js';

/** For whom, and by leave of which custodians. */
export interface CohortAsking {
  /** Id of the requester's organisation. */
  readonly requester: string;
  /** As policies name it. */
  readonly purpose: string;
  /** The custodian's layer for the patients of a source; `undefined` where it has not approved. */
  readonly custodian: (source: string) => Policy | undefined;
}

/** A record that may go into the cohort. */
export interface CohortRecord {
  readonly handle: string;
  readonly permit: Permitted;
  readonly card: RecordCardData;
  /** Parsed with its numbers as they are written, ids and references as the facade names them. */
  readonly open: () => JsonObject;
}

export interface CohortPatient {
  readonly subject: Subject;
  readonly epoch: number;
  /** From before any row was read. */
  readonly recordEpoch: string;
  readonly records: readonly CohortRecord[];
}

/** Counts of those who are not in, by why; nobody is named. */
export interface LeftOut {
  custodian: number;
  consent: number;
  criteria: number;
}

export type PopulationParts = Pick<
  Instance,
  'store' | 'subjects' | 'consents' | 'records' | 'sources' | 'nowMs'
>;

/** All who permit anything, each with the current records that they permit. */
export async function* permittedPatients(
  parts: PopulationParts,
  asking: CohortAsking,
  leftOut: LeftOut,
): AsyncGenerator<CohortPatient> {
  for await (const key of parts.subjects.keys()) {
    const subject = await parts.subjects.find(key);
    if (subject === undefined) continue;
    const patient = await permittedPatient(parts, asking, subject);
    if (typeof patient === 'string') leftOut[patient]++;
    else yield patient;
  }
}

/** One patient, or why not. */
export async function permittedPatient(
  parts: PopulationParts,
  asking: CohortAsking,
  subject: Subject,
): Promise<CohortPatient | 'custodian' | 'consent'> {
  const { store, consents, records, sources, nowMs } = parts;
  const custodian = asking.custodian(subject.source);
  if (custodian === undefined) return 'custodian';
  const recordEpoch = recordEpochOf(store, subject.key);
  const { epoch, policies } = await consents.policies(subject);
  const judge = decider(
    {
      subject: subject.key,
      actor: { references: [`Organization/${asking.requester}`] },
      action: 'disclose',
      purposes: [asking.purpose],
    },
    [...policies, custodian],
    nowMs(),
  );
  const view = { get: (key: string) => store.getSync(key) };
  const found: CohortRecord[] = [];
  for await (const { handle, version, row, card } of records.cards(store, subject)) {
    const { source, gate, contentType } = card;
    // Images and what came by itself stay out: no rule can look into them.
    if (source === OWN_SOURCE || contentType !== undefined || isLargeRow(row)) continue;
    const state = records.state(view, records.resourceKey(source, gate.type, gate.id));
    if (state?.status !== 'current' || state.handle !== handle) continue;
    const id = records.facadeId(source, gate.type, gate.id);
    const answer = judge({ ...gate, labels: gate.labels, references: [`${gate.type}/${id}`] });
    if (answer.outcome !== 'permit') continue;
    const { permit } = answer;
    found.push({
      handle,
      permit,
      card,
      open: () => {
        const name = { recordKey: subject.recordKey, instance: records.instance, handle, version, row };
        const { plaintext } = openPermitted(permit, subject.key, name, (bytes, obligations) =>
          // Every profile takes out what names the person and exchanges the ids: that is the pseudonymising.
          carryOut(
            bytes,
            obligations.filter(({ kind }) => kind !== 'pseudonymise'),
          ),
        );
        const sourceBase = sources.get(source)?.baseUrl;
        const bytes = rewriteResource(plaintext, {
          id,
          facadeId: (type, at) => records.facadeId(source, type, at),
          ...(sourceBase === undefined ? {} : { sourceBase }),
          ...(card.links === undefined ? {} : { links: new Map(card.links) }),
        });
        return readExact(bytes) as JsonObject;
      },
    });
  }
  return found.length === 0 ? 'consent' : { subject, epoch, recordEpoch, records: found };
}

/** Of the permits of a patient's records those that differ in what they stand on or are bound to: few, however many records. */
export function permitsOf(records: readonly CohortRecord[]): readonly Permitted[] {
  const found = new Map<StandsOn, Permitted>();
  const all = new Map<string, Permitted>();
  for (const { permit } of records) {
    const [first] = permit.standsOn;
    // Resources that are weighed alike share what they stand on.
    if (first !== undefined && found.get(first)?.obligations === permit.obligations) continue;
    if (first !== undefined) found.set(first, permit);
    all.set(JSON.stringify([permit.standsOn, permit.obligations]), permit);
  }
  return [...all.values()];
}

/** The consents that a patient's records were permitted by, each once. */
export function standingOf(records: readonly CohortRecord[]): StandsOn[] {
  const found = new Map<string, StandsOn>();
  for (const standsOn of new Set(records.map(({ permit }) => permit.standsOn)))
    for (const one of standsOn) found.set(`${one.handle} ${one.version}`, one);
  return [...found.values()].toSorted((a, b) => (a.handle < b.handle ? -1 : a.handle > b.handle ? 1 : 0));
}
