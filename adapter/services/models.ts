/** Published models: which there are, what each stands on now, and whether it can be made again. */
import {
  buildFeatures,
  modelCard,
  modelHash,
  portableOfStudy,
  readStudy,
  SMALL_CELL,
  trainOnFeatures,
  watchModel,
} from '../../analytics/index.js';
import type {
  FeatureTable,
  ModelCard,
  PermittedPatient,
  PortableModel,
  SeverityModel,
  TrainedSeverity,
  Watch,
} from '../../analytics/index.js';
import { consentEpoch, stillStands } from '../../ledger/custody/index.js';
import { AdapterError } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import { codeVersion } from './code-version.js';
import { mayUseVersions, permittedVersions } from './permitted-records.js';
import {
  keepWatch,
  publishModel,
  PUBLISHED,
  readEvidence,
  readModel,
  readPublished,
  researchPatients,
} from './severity-model.js';
import type { ModelInput, PublishedModel } from './severity-model.js';

const RESEARCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';

/** A model as a list shows it. */
export interface ModelLine {
  readonly handle: string;
  readonly study: string;
  readonly version: string;
  /** SHA-256 of the model file, base64url. */
  readonly hash: string;
  readonly patients: number;
  readonly events: number;
  /** Whether patients are scored by it. */
  readonly inForce: boolean;
  /**
   * Patients in it who refuse now or were erased, or consents that ended; null where there are 1 to 10, or where it was not kept. A model
   * with any is fitted anew without those patients by `analyze --refresh`.
   */
  readonly withdrawn: number | null;
  /** Whether any patient in it has withdrawn, refused or was erased since. */
  readonly isTouched: boolean;
}

/** All models, the one in force first. */
export async function listModels(instance: Instance): Promise<ModelLine[]> {
  const handles = new Set<string>();
  const inForce = readModel(instance)?.handle;
  if (inForce !== undefined) handles.add(inForce);
  for await (const key of instance.store.keys({ gte: PUBLISHED, lt: `${PUBLISHED}~` }))
    handles.add(key.slice(PUBLISHED.length));
  const lines: ModelLine[] = [];
  for (const handle of handles) {
    const published = readPublished(instance, handle);
    if (published !== undefined) lines.push(await lineOf(instance, published, inForce));
  }
  return lines;
}

async function lineOf(
  instance: Instance,
  { handle, model }: PublishedModel,
  inForce: string | undefined,
): Promise<ModelLine> {
  const view = { get: (key: string) => instance.store.getSync(key) };
  const { standsOn, inputs = [] } = readEvidence(instance, handle) ?? {};
  const ended = standsOn?.filter((one) => !stillStands(view, [one])).length ?? 0;
  let refused = 0;
  for (const input of inputs) refused += (await isUsable(instance, input)) ? 0 : 1;
  const gone = Math.max(ended, refused);
  return {
    handle,
    study: model.study.name,
    version: model.study.version,
    hash: modelHash(model),
    patients: model.trained.patients,
    events: model.trained.events,
    inForce: handle === inForce,
    withdrawn: standsOn === undefined || (gone > 0 && gone < SMALL_CELL) ? null : gone,
    isTouched: gone > 0,
  };
}

/** Asked anew where the patient has said anything since: a fresh refusal ends no consent, and binds all the same. */
async function isUsable(instance: Instance, { subject: key, handles, epoch }: ModelInput): Promise<boolean> {
  if (instance.subjects.isErased(key)) return false;
  const view = { get: (name: string) => instance.store.getSync(name) };
  if (epoch === undefined || consentEpoch(view, key) === epoch) return true;
  const subject = await instance.subjects.find(key);
  return subject !== undefined && mayUseVersions(instance, subject, RESEARCH, handles);
}

/** A model with its file. */
export interface ShownModel extends ModelLine {
  readonly performance: PublishedModel['performance'];
  readonly model: SeverityModel;
}

/**
 * One model.
 *
 * @param handle - As on the log; enough of its beginning to tell it from the others.
 * @throws AdapterError ADAPTER_NOT_FOUND.
 */
export async function showModel(instance: Instance, handle: string): Promise<ShownModel> {
  const published = await named(instance, handle);
  const { performance, model } = published;
  return { ...(await lineOf(instance, published, readModel(instance)?.handle)), performance, model };
}

/** What is given to readers of a model: its card, and the file that scores by itself. */
export interface ModelPublication {
  readonly card: ModelCard;
  readonly portable: PortableModel;
}

/**
 * The card of a model, with the TRIPOD+AI checklist, and its portable file. Neither has any patient's data.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND.
 */
export async function publicationOf(instance: Instance, name: string): Promise<ModelPublication> {
  const published = await named(instance, name);
  const { handle, model, performance, flow } = published;
  const { asOfMs, code } = readEvidence(instance, handle) ?? {};
  const { isTouched } = await lineOf(instance, published, undefined);
  const card = modelCard({
    handle,
    model,
    performance,
    flow,
    isTouched,
    ...(asOfMs === undefined ? {} : { asOfMs }),
    ...(code === undefined ? {} : { code }),
  });
  return { card, portable: portableOfStudy(model, code ?? 'unknown') };
}

/** What came of publishing. */
export type PublishedStudy =
  | {
      readonly handle: string;
      readonly hash: string;
      readonly verdict: string;
      /** What else a reader should know: values that could not be used, columns left out, separation. */
      readonly remarks: readonly string[];
    }
  | { readonly why: string };

/**
 * Fits the model of a study on the patients who permit research, publishes it, and scores by it from then on.
 *
 * @param text - The study file.
 * @param name - Its name, for messages.
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID.
 */
export async function publishStudy(
  instance: Instance,
  text: string,
  name: string,
  onProgress: (line: string) => void,
): Promise<PublishedStudy> {
  let remarks: readonly string[] = [];
  const published = await publishModel(instance, onProgress, readStudy(text, name), (trained) => {
    remarks = remarksOf(trained);
  });
  if ('why' in published) return published;
  const { handle, model, performance } = published;
  return { handle, hash: modelHash(model), verdict: performance.verdict, remarks };
}

/** All but the verdict; of values that could not be used it names what they were of. */
function remarksOf({ remarks, model, problems }: TrainedSeverity): string[] {
  const dropped = model.preparation.dropped.map(({ name, because }) => `${name} (${because})`);
  const unread = model.study.dropped?.map(({ name }) => `${name} (reads what defines the outcome)`) ?? [];
  const left = [...dropped, ...unread];
  const unused = problems.map(({ family, problem, unit, count }) => {
    const why = unit === '' ? problem : `${problem}: ${unit}`;
    return `${family} (${why}) ${count < SMALL_CELL ? `fewer than ${SMALL_CELL}` : count}`;
  });
  return [
    ...remarks.slice(1, unused.length > 0 ? -1 : undefined),
    ...(unused.length === 0 ? [] : [`Values that could not be used: ${unused.join(', ')}.`]),
    ...(left.length === 0 ? [] : [`Columns left out: ${left.join(', ')}.`]),
  ];
}

/** What came of making a model again. */
export interface Reproduced {
  readonly handle: string;
  /**
   * `same`: the same bits. `inputs-erased`, `inputs-withdrawn`: some of what it was fitted on is no more, or may not be used
   * any more, so it was not tried. `other-code`: the bits differ, and so does the software. `different`: they differ.
   */
  readonly outcome:
    'same' | 'inputs-erased' | 'inputs-withdrawn' | 'inputs-unknown' | 'other-code' | 'different';
  readonly published: string;
  /** Hash of what came out; absent where it was not tried. */
  readonly made?: string;
}

/**
 * Fits a published model again, from the same versions of the same records, each judged anew.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND; AnalyticsError as fitting does.
 */
export async function reproduceModel(
  instance: Instance,
  name: string,
  onProgress: (line: string) => void,
): Promise<Reproduced> {
  const { handle, model } = await named(instance, name);
  const published = modelHash(model);
  const { cohort, inputs, asOfMs, code } = readEvidence(instance, handle) ?? {};
  if (inputs === undefined || asOfMs === undefined || inputs.length !== cohort?.length)
    return { handle, published, outcome: 'inputs-unknown' };
  const patients: PermittedPatient[] = [];
  for (const { subject: key, handles } of inputs) {
    if (instance.subjects.isErased(key)) return { handle, published, outcome: 'inputs-erased' };
    const subject = await instance.subjects.find(key);
    if (subject === undefined) return { handle, published, outcome: 'inputs-erased' };
    const resources = await permittedVersions(instance, subject, RESEARCH, handles);
    if (resources === 'erased') return { handle, published, outcome: 'inputs-erased' };
    if (resources === 'not-permitted') return { handle, published, outcome: 'inputs-withdrawn' };
    patients.push({ key: subject.facadeId, resources });
    if (patients.length % 50 === 0)
      onProgress(`read ${patients.length} of ${inputs.length} patients’ records`);
  }
  const { study } = model;
  const made = trainOnFeatures(await buildFeatures(patients, study, asOfMs), study).hash;
  const differs = code === codeVersion() ? 'different' : 'other-code';
  return { handle, published, made, outcome: made === published ? 'same' : differs };
}

/** How a model fares on the patients who came after it. */
export interface WatchedModel extends Watch {
  readonly handle: string;
  /** Patients it was fitted on whose records can and may be read still, 0 for 1 to 10. */
  readonly reference: number;
}

/**
 * Compares the patients who permit research now, and whom a model was not fitted on, with those that it was fitted on and who
 * permit it still.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND.
 */
export async function watchPublished(
  instance: Instance,
  name: string,
  onProgress: (line: string) => void,
): Promise<WatchedModel> {
  const { handle, model } = await named(instance, name);
  const { cohort = [] } = readEvidence(instance, handle) ?? {};
  const { patients } = await researchPatients(instance, onProgress);
  const known = new Set(cohort);
  const nowMs = instance.nowMs();
  const tableOf = async (isKnown: boolean): Promise<FeatureTable> => {
    const chosen = patients.filter(({ key }) => known.has(key) === isKnown);
    return (await buildFeatures(chosen, model.study, nowMs)).table;
  };
  const [reference, present] = [await tableOf(true), await tableOf(false)];
  const count = reference.keys.length;
  const watched = watchModel(model, reference, present);
  // Scores that are made from now on say so.
  await keepWatch(instance, { handle, verdict: watched.verdict, at: nowMs });
  return { handle, reference: count < SMALL_CELL ? 0 : count, ...watched };
}

async function named(instance: Instance, name: string): Promise<PublishedModel> {
  const lines = await listModels(instance);
  const found = lines.filter(({ handle }) => name.length >= 6 && handle.startsWith(name));
  const [only] = found;
  const published = only === undefined || found.length > 1 ? undefined : readPublished(instance, only.handle);
  if (published === undefined) {
    const known = lines.map(({ handle }) => handle.slice(0, 10)).join(', ');
    throw new AdapterError(
      'ADAPTER_NOT_FOUND',
      `there is no model ${name}${known === '' ? '; none was published' : `; there are ${known}`}`,
    );
  }
  return published;
}
