/**
 * Severity on permitted records: the model is trained on what patients permit for research, published on the log,
 * and each patient who permits it for the own care is scored. A score is a RiskAssessment in the vault and an entry
 * on the log; the same inputs under the same model are never scored twice.
 */
import { createHash, hash, randomBytes } from 'node:crypto';
import {
  covidDeterioration,
  modelHash,
  riskAssessment,
  scorePatient,
  trainSeverity,
} from '../../analytics/index.js';
import type { PermittedPatient, SeverityModel, TrainedSeverity } from '../../analytics/index.js';
import { decide } from '../../ledger/consent/index.js';
import type { Decision, Permitted } from '../../ledger/consent/index.js';
import { openPermitted } from '../../ledger/custody/index.js';
import { openRow, sealRow } from '../../ledger/vault/index.js';
import type { Fact } from '../../ledger/vault/index.js';
import { canonicalBytes, leafHash, rootOf } from '../../ledger/log/index.js';
import type { JsonValue as LedgerJson } from '../../ledger/log/index.js';
import { factsOf, parseJson } from '../../mappings/index.js';
import type { JsonObject } from '../../mappings/index.js';
import { codeOf } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import type { RecordCardData } from '../instance/records.js';
import type { PolicySet } from '../instance/consents.js';
import type { Subject } from '../instance/subjects.js';

const RESEARCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';
const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';

const SYNTHETIC = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason',
  code: 'HTEST',
  display: 'test health data',
};

/** The source name under which our own resources are kept. */
const OWN_SOURCE = 'firebreak';

export interface PublishedModel {
  /** Names the model on the log. */
  readonly handle: string;
  readonly model: SeverityModel;
  readonly performance: TrainedSeverity['performance'];
  readonly eda: TrainedSeverity['eda'];
  readonly flow: TrainedSeverity['flow'];
}

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

const MODEL_KEY = 'model/severity';

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
  let published = readModel(instance);
  const trainedNow = published === undefined;
  if (published === undefined) {
    const trained = await train(instance, onProgress);
    if ('why' in trained) return { why: trained.why, trainedNow: false, scored: 0, notScored: {} };
    published = trained;
  }
  const notScored: Record<string, number> = {};
  let scored = 0;
  const keys = subjectKeys ?? (await allKeys(instance));
  let done = 0;
  for (const key of keys) {
    const subject = await instance.subjects.find(key);
    if (subject === undefined) continue;
    const outcome = await score(instance, published, subject);
    if (outcome === 'scored') scored += 1;
    else notScored[outcome] = (notScored[outcome] ?? 0) + 1;
    done += 1;
    if (done % 50 === 0) onProgress(`scoring ${done} of ${keys.size} patients`);
  }
  return { model: published, trainedNow, scored, notScored };
}

/** The published model, or `undefined`. */
export function readModel(instance: Instance): PublishedModel | undefined {
  const row = instance.store.getSync(MODEL_KEY);
  if (row === undefined) return undefined;
  return JSON.parse(
    openRow(instance.keys.storage.vaultKek, MODEL_KEY, row).toString('utf8'),
  ) as PublishedModel;
}

async function allKeys(instance: Instance): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const key of instance.subjects.keys()) keys.add(key);
  return keys;
}

async function train(
  instance: Instance,
  onProgress: (line: string) => void,
): Promise<PublishedModel | { why: string }> {
  const patients: PermittedPatient[] = [];
  const standsOn: Permitted['standsOn'][number][] = [];
  let read = 0;
  for await (const key of instance.subjects.keys()) {
    const subject = await instance.subjects.find(key);
    if (subject === undefined) continue;
    const { resources, permits } = await permittedRecords(instance, subject, RESEARCH);
    if (resources.length > 0)
      patients.push({ key: subject.facadeId, resources: resources.map(({ resource }) => resource) });
    for (const permit of permits) standsOn.push(...permit.standsOn);
    read += 1;
    if (read % 50 === 0) onProgress(`reading ${read} patients’ permitted records`);
  }
  onProgress(`fitting the severity model on ${patients.length} patients`);
  let trained: TrainedSeverity;
  try {
    trained = await trainSeverity(patients, covidDeterioration, instance.nowMs());
  } catch (error) {
    const code = codeOf(error);
    if (!code.startsWith('ANALYTICS_')) throw error;
    return { why: `no model: ${code} (${patients.length} patients permit research)` };
  }
  const handle = randomBytes(32).toString('base64url');
  const { model, performance, eda, flow, cohort } = trained;
  const published: PublishedModel = { handle, model, performance, eda, flow };
  const salts = { model: randomBytes(32), cohort: randomBytes(32), metrics: randomBytes(32) };
  const cohortRoot = rootOf(cohort.map((key) => leafHash(saltedRow(salts.cohort, key))));
  const body = {
    handle,
    commitment: commit(salts.model, Buffer.from(modelHash(model), 'base64url')),
    cohort: cohortRoot.toString('base64url'),
    metrics: commit(
      salts.metrics,
      digest(canonicalBytes(JSON.parse(JSON.stringify(performance)) as LedgerJson)),
    ),
  };
  await instance.appender.appendControl({}, () => ({
    drafts: [{ type: 'model.published', body }],
    writes: [
      sealed(instance, MODEL_KEY, published),
      sealed(instance, `model-evidence/${handle}`, {
        cohort,
        salts: {
          model: salts.model.toString('base64url'),
          cohort: salts.cohort.toString('base64url'),
          metrics: salts.metrics.toString('base64url'),
        },
        consents: [...new Set(standsOn.map((consent) => consent.handle))],
      }),
    ],
    value: undefined,
  }));
  return published;
}

/** Scores one patient; the answer is `scored`, or why not. */
async function score(instance: Instance, published: PublishedModel, subject: Subject): Promise<string> {
  const { resources, decision, epoch } = await permittedRecords(instance, subject, TREATMENT);
  if (decision.outcome !== 'permit') return 'not-permitted';
  const result = scorePatient(published.model, {
    key: subject.facadeId,
    resources: resources.map(({ resource }) => resource),
  });
  if (result.status === 'refused') return result.code;
  const inputs = hash('sha256', JSON.stringify([published.handle, result]), 'base64url');
  const key = `score/${subject.key}`;
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
  });
  const bytes = Buffer.from(JSON.stringify(assessment), 'utf8');
  const card: RecordCardData = {
    source: OWN_SOURCE,
    channel: 'score',
    receivedAt: nowMs,
    gate: {
      type: 'RiskAssessment',
      id,
      classes: ['http://hl7.org/fhir/resource-types|RiskAssessment'],
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

interface PermittedRecord {
  readonly card: RecordCardData;
  readonly resource: unknown;
}

/**
 * A patient's current records that may be used for a purpose, each judged by itself before it is opened.
 *
 * @returns Also the answer for the patient's own resource, which stands for making a new record of this kind.
 */
async function permittedRecords(
  instance: Instance,
  subject: Subject,
  purpose: string,
): Promise<{ resources: PermittedRecord[]; permits: Permitted[]; decision: Decision; epoch: number }> {
  const policies = await instance.consents.policies(subject);
  const nowMs = instance.nowMs();
  const decision = judge(instance, subject, policies, purpose, nowMs, {
    type: 'RiskAssessment',
    id: 'new',
    classes: ['http://hl7.org/fhir/resource-types|RiskAssessment'],
    codes: [],
  });
  const resources: PermittedRecord[] = [];
  const permits: Permitted[] = [];
  for await (const { handle, version, row, card } of instance.records.cards(instance.store, subject)) {
    if (card.source === OWN_SOURCE || !isCurrent(instance, card, handle)) continue;
    const answer = judge(instance, subject, policies, purpose, nowMs, card.gate);
    if (answer.outcome !== 'permit') continue;
    permits.push(answer.permit);
    const name = { recordKey: subject.recordKey, instance: instance.records.instance, handle, version, row };
    resources.push({ card, resource: parseJson(openPermitted(answer.permit, subject.key, name).plaintext) });
  }
  return { resources, permits, decision, epoch: policies.epoch };
}

function judge(
  instance: Instance,
  subject: Subject,
  { policies }: PolicySet,
  purpose: string,
  nowMs: number,
  gate: RecordCardData['gate'],
): Decision {
  return decide(
    {
      subject: subject.key,
      actor: { references: [`Organization/${instance.organisation.id}`, ...custodianOf(instance, subject)] },
      action: 'use',
      purposes: [purpose],
      resource: { ...gate, labels: gate.labels },
    },
    policies,
    nowMs,
  );
}

/** For care the instance acts for the hospital. */
function custodianOf(instance: Instance, subject: Subject): string[] {
  const custodian = instance.sources.get(subject.source)?.custodian.id;
  return custodian === undefined ? [] : [`Organization/${custodian}`];
}

function isCurrent(instance: Instance, card: RecordCardData, handle: string): boolean {
  const key = instance.records.resourceKey(card.source, card.gate.type, card.gate.id);
  const state = instance.records.state({ get: (name) => instance.store.getSync(name) }, key);
  return state?.status === 'current' && state.handle === handle;
}

function sealed(instance: Instance, key: string, value: object): { type: 'put'; key: string; value: Buffer } {
  const plain = Buffer.from(JSON.stringify(value), 'utf8');
  return { type: 'put', key, value: sealRow(instance.keys.storage.vaultKek, key, plain) };
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function commit(salt: Buffer, hashed: Buffer): string {
  return createHash('sha256').update(salt).update(hashed).digest('base64url');
}

/** A row of the cohort under a salt of its own, drawn from the cohort's. */
function saltedRow(salt: Buffer, key: string): Buffer {
  const rowSalt = createHash('sha256').update(salt).update(key).digest();
  return Buffer.concat([rowSalt, Buffer.from(key, 'utf8')]);
}
