/** The score of one patient, asked for by somebody at the instance: made anew if need be, and shown with its receipt. */
import { isJsonObject, parseJson } from '../../mappings/index.js';
import type { JsonObject } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import { findNamed } from './erasure/index.js';
import { Facade } from './facade/index.js';
import { versionProofs } from './proofs/index.js';
import { scoreSubject } from './severity.js';
import { readModel } from './severity-model.js';
import { purposeCoding } from './tokens/index.js';
import type { Caller } from './tokens/index.js';

export interface ScoreArgs {
  /** Id at the source or at the facade, with `Patient/` or without. */
  readonly patient: string;
  readonly source?: string;
}

/** What came of it. */
export interface ScoredPatient {
  /** `scored`, `unchanged`, or why there is no score to show. */
  readonly outcome: string;
  /** The RiskAssessment as the facade shows it. */
  readonly assessment?: JsonObject;
}

/**
 * Scores a patient by the model in force and shows the score. Both are asked of the patient's consent: making it is a use for
 * the own care, showing it a reading, which stands on the log before anything is returned.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE as naming the patient does; ADAPTER_CONFLICT where there is no model.
 */
export async function scoreNow(instance: Instance, { patient, source }: ScoreArgs): Promise<ScoredPatient> {
  const found = await findNamed(instance, /^\w+\//.test(patient) ? patient : `Patient/${patient}`, source);
  const subject = found.kind === 'patient' ? await instance.subjects.find(found.subject) : undefined;
  if (subject === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such patient is kept here');
  const published = readModel(instance);
  if (published === undefined)
    throw new AdapterError('ADAPTER_CONFLICT', 'there is no model: firebreak analyze fits one');
  const outcome = await scoreSubject(instance, published, subject);
  if (outcome !== 'scored' && outcome !== 'unchanged') return { outcome };
  const { organisation, config } = instance;
  const facade = new Facade({
    ...instance,
    proofs: versionProofs(instance),
    baseUrl: () => `${config.publicUrl ?? ''}/fhir`,
  });
  const reader: Caller = {
    clientId: organisation.id,
    participant: '',
    name: 'the instance',
    group: 'provider',
    fingerprint: '',
    scopes: [],
    purpose: purposeCoding('TREAT'),
    // It acts for the hospital whose patient this is.
    source: subject.source,
    x25519: Buffer.alloc(0),
  };
  const shown = await facade.severity(reader, 'score', subject.patientId);
  const assessment = shown.kind === 'resource' ? parseJson(shown.bytes) : undefined;
  return isJsonObject(assessment) ? { outcome, assessment } : { outcome: 'not-permitted' };
}
