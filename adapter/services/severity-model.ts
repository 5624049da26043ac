/** The severity model: trained on what patients permit for research, published on the log, kept sealed. */
import { createHash, randomBytes } from 'node:crypto';
import { covidSeverity, modelHash, SMALL_CELL, trainSeverity } from '../../analytics/index.js';
import type { PermittedPatient, SeverityModel, Study, TrainedSeverity } from '../../analytics/index.js';
import type { StandsOn } from '../../ledger/consent/index.js';
import { consentEpoch, isErased, stillStands } from '../../ledger/custody/index.js';
import type { ControlStaged } from '../../ledger/custody/index.js';
import { canonicalBytes, leafHash, rootOf } from '../../ledger/log/index.js';
import type { JsonValue } from '../../ledger/log/index.js';
import type { StoreWrite } from '../../ledger/store.js';
import { commitmentOf, openRow, sealRow, VaultError } from '../../ledger/vault/index.js';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import { permittedRecords } from './permitted-records.js';
import { newHandle } from '../handle.js';
import { codeVersion } from './code-version.js';

const RESEARCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';

export interface PublishedModel {
  /** Names the model on the log. */
  readonly handle: string;
  readonly model: SeverityModel;
  readonly performance: TrainedSeverity['performance'];
  readonly eda: TrainedSeverity['eda'];
  readonly flow: TrainedSeverity['flow'];
}

/** Row of the model that patients are scored by. */
const MODEL_KEY = 'model/severity';
/** Rows of all models, by handle. */
export const PUBLISHED = 'model/published/';
/** Rows of what stays with us of a model: whom and what it was fitted on, and the salts. */
const EVIDENCE = 'model-evidence/';
/** Rows of how models fare, by handle. */
const WATCH = 'model/watch/';
/** What was last found of how a model fares. */
export interface WatchMark {
  readonly handle: string;
  readonly verdict: 'steady' | 'look' | 'drifted' | 'too-few';
  readonly at: number;
}

/** What was last found of how the model in force fares, or `undefined`. */
export function readWatch(instance: Instance, handle: string): WatchMark | undefined {
  return opened(instance, WATCH + handle) as WatchMark | undefined;
}

/** Keeps what was found. */
export async function keepWatch(instance: Instance, mark: WatchMark): Promise<void> {
  const write = sealed(instance, WATCH + mark.handle, mark);
  await instance.appender.writeRows(() => ({ writes: [write], value: undefined }));
}

/** What a model took of one patient. */
export interface ModelInput {
  readonly subject: string;
  /** Versions of the records, in the order in which they were read. */
  readonly handles: readonly string[];
  /** How many words of consent the patient had given by then; absent from models of before this was kept. */
  readonly epoch?: number;
}

/** What a model was fitted on. Personal data: sealed, and never on the log. */
export interface ModelEvidence {
  /** Facade ids, ascending. */
  readonly cohort: readonly string[];
  /** Consents that it stands on; absent from models of before this was kept. */
  readonly standsOn?: readonly StandsOn[];
  /** Versions of the records of each patient of the cohort, in the order in which they were read. */
  readonly inputs?: readonly ModelInput[];
  /** When the records were read, ms. */
  readonly asOfMs?: number;
  readonly code?: string;
}

/** How often training starts over because a patient withdrew meanwhile; the last answer is then no model. */
const ROUNDS_MAX = 5;

/** The model that patients are scored by, or `undefined`. */
export function readModel(instance: Instance): PublishedModel | undefined {
  return opened(instance, MODEL_KEY) as PublishedModel | undefined;
}

/** A model by its handle on the log, in force or not. */
export function readPublished(instance: Instance, handle: string): PublishedModel | undefined {
  const inForce = readModel(instance);
  if (inForce?.handle === handle) return inForce;
  return opened(instance, PUBLISHED + handle) as PublishedModel | undefined;
}

/** What a model was fitted on. */
export function readEvidence(instance: Instance, handle: string): ModelEvidence | undefined {
  return opened(instance, EVIDENCE + handle) as ModelEvidence | undefined;
}

function opened(instance: Instance, key: string): unknown {
  const row = instance.store.getSync(key);
  if (row === undefined) return undefined;
  try {
    return JSON.parse(openRow(instance.keys.storage.vaultKek, key, row).toString('utf8'));
  } catch (cause) {
    if (!(cause instanceof VaultError)) throw cause;
    throw new AdapterError(
      'ADAPTER_STORE_FAILED',
      `the stored model ${key} was altered or is of another instance, and is not used: restore it from a backup`,
      { cause },
    );
  }
}

/**
 * Trains and publishes the model of a study, by which patients are scored from then on. Only patients whose consent permits research are in it: should one withdraw while it
 * is fitted, it is fitted anew without that patient.
 *
 * @param onPublished - Told how the published model came about, of which the log and the vault keep a part.
 * @returns The model, or why there is none.
 */
export async function publishModel(
  instance: Instance,
  onProgress: (line: string) => void,
  study: Study = covidSeverity,
  onPublished: (trained: TrainedSeverity) => void = () => undefined,
): Promise<PublishedModel | { readonly why: string }> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { patients, standsOn, inputs } = await researchPatients(instance, onProgress);
    const asOfMs = instance.nowMs();
    onProgress(`fitting the severity model on ${patients.length} patients`);
    let trained: TrainedSeverity;
    try {
      trained = await trainSeverity(patients, study, asOfMs);
    } catch (error) {
      const code = codeOf(error);
      if (!code.startsWith('ANALYTICS_')) throw error;
      return { why: `no model: ${messageOf(error)} (${code}; ${patients.length} patients permit research)` };
    }
    const { patients: fitted, events } = trained.model.trained;
    // Fewer would be noise, and their counts, which a model's card tells, might tell of one person.
    if (Math.min(events, fitted - events) < SMALL_CELL)
      return {
        why: 'no model: fewer than 11 patients with the outcome, or without it, are left to fit it on',
      };
    const published = await publishTrained(instance, trained, { standsOn, inputs, asOfMs });
    if (published !== undefined) {
      onPublished(trained);
      return published;
    }
  }
  return { why: 'no model: patients withdrew while it was fitted' };
}

/** The patients whose consent permits research, each with the records that it lets through. */
export async function researchPatients(
  instance: Instance,
  onProgress: (line: string) => void,
): Promise<{ patients: PermittedPatient[] } & Pick<TrainingInputs, 'standsOn' | 'inputs'>> {
  const patients: PermittedPatient[] = [];
  const inputs = new Map<string, ModelInput>();
  const standsOn = new Map<string, StandsOn>();
  let read = 0;
  for await (const key of instance.subjects.keys()) {
    const subject = await instance.subjects.find(key);
    if (subject === undefined) continue;
    const { resources, permits, epoch } = await permittedRecords(instance, subject, RESEARCH);
    if (resources.length > 0) {
      patients.push({ key: subject.facadeId, resources: resources.map(({ resource }) => resource) });
      inputs.set(subject.facadeId, { subject: key, handles: resources.map(({ handle }) => handle), epoch });
    }
    for (const permit of permits)
      for (const consent of permit.standsOn) standsOn.set(consent.handle, consent);
    read += 1;
    if (read % 50 === 0) onProgress(`reading ${read} patients’ permitted records`);
  }
  return { patients, standsOn: [...standsOn.values()], inputs };
}

/** What a model is fitted on. */
export interface TrainingInputs {
  readonly standsOn: readonly StandsOn[];
  /** By facade id. */
  readonly inputs: ReadonlyMap<string, ModelInput>;
  readonly asOfMs: number;
}

/**
 * `undefined` when a patient in it has withdrawn, replaced or refused since, or was erased; nothing is written then. A fresh
 * refusal is no consent that it stands on, and binds all the same.
 */
export async function publishTrained(
  instance: Instance,
  trained: TrainedSeverity,
  { standsOn, inputs, asOfMs }: TrainingInputs,
): Promise<PublishedModel | undefined> {
  const handle = newHandle();
  const { model, performance, eda, flow, cohort } = trained;
  const published: PublishedModel = { handle, model, performance, eda, flow };
  const salts = {
    model: randomBytes(32),
    cohort: randomBytes(32),
    metrics: randomBytes(32),
    study: randomBytes(32),
  };
  const metrics = canonicalBytes(JSON.parse(JSON.stringify(performance)) as JsonValue);
  const body = {
    handle,
    commitment: commitmentOf(salts.model, Buffer.from(modelHash(model), 'base64url')).toString('base64url'),
    cohort: rootOf(cohort.map((key) => leafHash(saltedRow(salts.cohort, key)))).toString('base64url'),
    metrics: commitmentOf(salts.metrics, metrics).toString('base64url'),
    study: commitmentOf(salts.study, canonicalBytes(model.study as unknown as JsonValue)).toString(
      'base64url',
    ),
    code: codeVersion(),
  };
  const evidence: ModelEvidence & { readonly salts: Readonly<Record<string, string>> } = {
    cohort,
    standsOn,
    inputs: cohort.flatMap((key) => inputs.get(key) ?? []),
    asOfMs,
    code: codeVersion(),
    salts: Object.fromEntries(
      Object.entries(salts).map(([name, salt]) => [name, salt.toString('base64url')]),
    ),
  };
  const before = readModel(instance);
  const outcome = await instance.appender.appendControl({}, (view): ControlStaged<boolean> => {
    const isSame = evidence.inputs?.every(
      ({ subject, epoch }) => !isErased(view, subject) && consentEpoch(view, subject) === epoch,
    );
    if (isSame !== true || !stillStands(view, standsOn)) return { drafts: [], writes: [], value: false };
    return {
      drafts: [{ type: 'model.published', body }],
      writes: [
        // The one before stays among the published, also where an earlier version of the software kept it under one name.
        ...(before === undefined ? [] : [sealed(instance, PUBLISHED + before.handle, before)]),
        sealed(instance, MODEL_KEY, published),
        sealed(instance, PUBLISHED + handle, published),
        sealed(instance, EVIDENCE + handle, evidence),
      ],
      value: true,
    };
  });
  return outcome.value ? published : undefined;
}

function sealed(instance: Instance, key: string, value: object): StoreWrite {
  const plain = Buffer.from(JSON.stringify(value), 'utf8');
  return { type: 'put', key, value: sealRow(instance.keys.storage.vaultKek, key, plain) };
}

/** A row of the cohort under a salt of its own, drawn from the cohort's. */
function saltedRow(salt: Buffer, key: string): Buffer {
  const rowSalt = createHash('sha256').update(salt).update(key).digest();
  return Buffer.concat([rowSalt, Buffer.from(key, 'utf8')]);
}
