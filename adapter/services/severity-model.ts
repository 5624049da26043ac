/** The severity model: trained on what patients permit for research, published on the log, kept sealed. */
import { createHash, randomBytes } from 'node:crypto';
import { covidDeterioration, modelHash, trainSeverity } from '../../analytics/index.js';
import type { PermittedPatient, SeverityModel, TrainedSeverity } from '../../analytics/index.js';
import type { StandsOn } from '../../ledger/consent/index.js';
import { stillStands } from '../../ledger/custody/index.js';
import type { ControlStaged } from '../../ledger/custody/index.js';
import { canonicalBytes, leafHash, rootOf } from '../../ledger/log/index.js';
import type { JsonValue } from '../../ledger/log/index.js';
import type { StoreWrite } from '../../ledger/store.js';
import { commitmentOf, openRow, sealRow } from '../../ledger/vault/index.js';
import { codeOf, messageOf } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import { permittedRecords } from './permitted-records.js';

const RESEARCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';

export interface PublishedModel {
  /** Names the model on the log. */
  readonly handle: string;
  readonly model: SeverityModel;
  readonly performance: TrainedSeverity['performance'];
  readonly eda: TrainedSeverity['eda'];
  readonly flow: TrainedSeverity['flow'];
}

const MODEL_KEY = 'model/severity';

/** How often training starts over because a patient withdrew meanwhile; the last answer is then no model. */
const ROUNDS_MAX = 5;

/** The published model, or `undefined`. */
export function readModel(instance: Instance): PublishedModel | undefined {
  const row = instance.store.getSync(MODEL_KEY);
  if (row === undefined) return undefined;
  return JSON.parse(
    openRow(instance.keys.storage.vaultKek, MODEL_KEY, row).toString('utf8'),
  ) as PublishedModel;
}

/**
 * Trains and publishes the model. Only patients whose consent permits research are in it: should one withdraw while it
 * is fitted, it is fitted anew without that patient.
 *
 * @returns The model, or why there is none.
 */
export async function publishModel(
  instance: Instance,
  onProgress: (line: string) => void,
): Promise<PublishedModel | { readonly why: string }> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { patients, standsOn } = await researchPatients(instance, onProgress);
    onProgress(`fitting the severity model on ${patients.length} patients`);
    let trained: TrainedSeverity;
    try {
      trained = await trainSeverity(patients, covidDeterioration, instance.nowMs());
    } catch (error) {
      const code = codeOf(error);
      if (!code.startsWith('ANALYTICS_')) throw error;
      return { why: `no model: ${messageOf(error)} (${code}; ${patients.length} patients permit research)` };
    }
    const published = await publish(instance, trained, standsOn);
    if (published !== undefined) return published;
  }
  return { why: 'no model: patients withdrew while it was fitted' };
}

/** The patients whose consent permits research, each with the records that it lets through. */
export async function researchPatients(
  instance: Instance,
  onProgress: (line: string) => void,
): Promise<{ patients: PermittedPatient[]; standsOn: StandsOn[] }> {
  const patients: PermittedPatient[] = [];
  const standsOn = new Map<string, StandsOn>();
  let read = 0;
  for await (const key of instance.subjects.keys()) {
    const subject = await instance.subjects.find(key);
    if (subject === undefined) continue;
    const { resources, permits } = await permittedRecords(instance, subject, RESEARCH);
    if (resources.length > 0) {
      patients.push({ key: subject.facadeId, resources: resources.map(({ resource }) => resource) });
    }
    for (const permit of permits)
      for (const consent of permit.standsOn) standsOn.set(consent.handle, consent);
    read += 1;
    if (read % 50 === 0) onProgress(`reading ${read} patients’ permitted records`);
  }
  return { patients, standsOn: [...standsOn.values()] };
}

/** `undefined` when a consent it stands on has been withdrawn or replaced since; nothing is written then. */
async function publish(
  instance: Instance,
  trained: TrainedSeverity,
  standsOn: readonly StandsOn[],
): Promise<PublishedModel | undefined> {
  const handle = randomBytes(32).toString('base64url');
  const { model, performance, eda, flow, cohort } = trained;
  const published: PublishedModel = { handle, model, performance, eda, flow };
  const salts = { model: randomBytes(32), cohort: randomBytes(32), metrics: randomBytes(32) };
  const metrics = canonicalBytes(JSON.parse(JSON.stringify(performance)) as JsonValue);
  const body = {
    handle,
    commitment: commitmentOf(salts.model, Buffer.from(modelHash(model), 'base64url')).toString('base64url'),
    cohort: rootOf(cohort.map((key) => leafHash(saltedRow(salts.cohort, key)))).toString('base64url'),
    metrics: commitmentOf(salts.metrics, metrics).toString('base64url'),
  };
  const evidence = {
    cohort,
    consents: standsOn.map((consent) => consent.handle),
    salts: Object.fromEntries(
      Object.entries(salts).map(([name, salt]) => [name, salt.toString('base64url')]),
    ),
  };
  const outcome = await instance.appender.appendControl({}, (view): ControlStaged<boolean> => {
    if (!stillStands(view, standsOn)) return { drafts: [], writes: [], value: false };
    return {
      drafts: [{ type: 'model.published', body }],
      writes: [
        sealed(instance, MODEL_KEY, published),
        sealed(instance, `model-evidence/${handle}`, evidence),
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
