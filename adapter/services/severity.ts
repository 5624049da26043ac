/**
 * Severity scores: each patient who permits it for the own care is scored by the published model. A score is a
 * RiskAssessment in the vault and an entry on the log; the same inputs under the same model are never scored twice.
 */
import { hash, randomBytes } from 'node:crypto';
import { riskAssessment, scorePatient } from '../../analytics/index.js';
import type { StoreWrite } from '../../ledger/store.js';
import { openRow, sealRow } from '../../ledger/vault/index.js';
import type { Fact } from '../../ledger/vault/index.js';
import { factsOf } from '../../mappings/index.js';
import type { JsonObject } from '../../mappings/index.js';
import type { Instance } from '../instance/instance.js';
import type { RecordCardData } from '../instance/records.js';
import type { Subject } from '../instance/subjects.js';
import { OWN_SOURCE, permittedRecords, RISK_ASSESSMENT_CLASS } from './permitted-records.js';
import { SCORE } from './facade/index.js';
import { publishModel, readModel, readWatch } from './severity-model.js';
import type { PublishedModel } from './severity-model.js';

const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';

/** A card that tells of a note beginning so is a warning. */
const DRIFTED =
  'Outside the range of what the model was fitted on as a whole: later patients differ from those, or fare otherwise than it expects.';

const SYNTHETIC = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason',
  code: 'HTEST',
  display: 'test health data',
};

export interface SeverityOutcome {
  /** Absent while too few permitted patients make a model. */
  readonly model?: PublishedModel;
  /** Why there is no model, in words. */
  readonly why?: string;
  readonly trainedNow: boolean;
  readonly scored: number;
  /** Patients who were not scored, by reason. */
  readonly notScored: Readonly<Record<string, number>>;
}

/**
 * Trains the model if there is none, then scores.
 *
 * @param subjectKeys - Patients to score; `undefined` scores all.
 */
export async function refreshSeverity(
  instance: Instance,
  subjectKeys?: ReadonlySet<string>,
  onProgress: (line: string) => void = () => undefined,
): Promise<SeverityOutcome> {
  const known = readModel(instance);
  const published = known ?? (await publishModel(instance, onProgress));
  if ('why' in published) return { why: published.why, trainedNow: false, scored: 0, notScored: {} };
  const notScored: Record<string, number> = {};
  let scored = 0;
  let done = 0;
  const keys = subjectKeys ?? (await allKeys(instance));
  for (const key of keys) {
    const subject = await instance.subjects.find(key);
    if (subject === undefined) continue;
    const outcome = await scoreSubject(instance, published, subject);
    if (outcome === 'scored') scored += 1;
    else notScored[outcome] = (notScored[outcome] ?? 0) + 1;
    done += 1;
    if (done % 50 === 0) onProgress(`scoring ${done} of ${keys.size} patients`);
  }
  return { model: published, trainedNow: known === undefined, scored, notScored };
}

async function allKeys(instance: Instance): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const key of instance.subjects.keys()) keys.add(key);
  return keys;
}

/** Scores one patient; the answer is `scored`, or why not. */
export async function scoreSubject(
  instance: Instance,
  published: PublishedModel,
  subject: Subject,
): Promise<string> {
  const { resources, decision, epoch } = await permittedRecords(instance, subject, TREATMENT);
  if (decision.outcome !== 'permit') return 'not-permitted';
  const result = scorePatient(published.model, {
    key: subject.facadeId,
    resources: resources.map(({ resource }) => resource),
  });
  if (result.status === 'refused') return result.code;
  const hasDrifted = readWatch(instance, published.handle)?.verdict === 'drifted';
  const said = hasDrifted ? [published.handle, result, 'drifted'] : [published.handle, result];
  const inputs = hash('sha256', JSON.stringify(said), 'base64url');
  const key = SCORE + subject.key;
  if (previousInputs(instance, key) === inputs) return 'unchanged';
  const id = randomBytes(16).toString('hex');
  const nowMs = instance.nowMs();
  const facade = (type: string, sourceId: string): string =>
    `${type}/${instance.records.facadeId(subject.source, type, sourceId)}`;
  const assessment = riskAssessment(result, {
    id,
    nowMs,
    modelHandle: published.handle,
    patientReference: `Patient/${subject.facadeId}`,
    encounterReference: facade('Encounter', result.encounterId),
    basisReferences: result.basisIds.map((name) => facade(name.type, name.id)),
    performerReference: `Organization/${instance.organisation.id}`,
    tags: instance.identity.demo ? [SYNTHETIC] : [],
    warnings: hasDrifted ? [DRIFTED] : [],
  });
  const bytes = Buffer.from(JSON.stringify(assessment), 'utf8');
  const card: RecordCardData = {
    source: OWN_SOURCE,
    channel: 'score',
    receivedAt: nowMs,
    gate: {
      type: 'RiskAssessment',
      id,
      classes: [RISK_ASSESSMENT_CLASS],
      codes: [],
    },
  };
  const facts = factsOf(
    JSON.parse(bytes.toString('utf8')) as JsonObject,
    'RiskAssessment',
    bytes,
  ) as readonly Fact[];
  const own = instance.records.sealOwn(subject, bytes, card, facts);
  const appended = await instance.appender.append(decision.permit, epoch, subject, () => ({
    drafts: [{ type: 'score.issued', body: { ...own.body, model: published.handle } }],
    writes: [...own.writes, sealed(instance, key, { inputs, handle: own.handle })],
    value: undefined,
  }));
  return appended.outcome === 'committed' ? 'scored' : 'not-permitted';
}

function previousInputs(instance: Instance, key: string): string | undefined {
  const row = instance.store.getSync(key);
  if (row === undefined) return undefined;
  const { inputs } = JSON.parse(openRow(instance.keys.storage.vaultKek, key, row).toString('utf8')) as {
    inputs: string;
  };
  return inputs;
}

function sealed(instance: Instance, key: string, value: object): StoreWrite {
  const plain = Buffer.from(JSON.stringify(value), 'utf8');
  return { type: 'put', key, value: sealRow(instance.keys.storage.vaultKek, key, plain) };
}
