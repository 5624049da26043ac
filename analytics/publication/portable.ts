/** Model files that score by themselves, in any language that reads JSON. */
import { createHash } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { canonicalBytes, type JsonValue } from '../../ledger/log/index.js';
import { AnalyticsError } from '../errors.js';
import type { FeatureColumn } from '../features/index.js';
import { predictClasses, type ClassKind, type ClassParameters } from '../models/index.js';
import { applyPreparation, type Preparation } from '../preprocess/index.js';
import schema from './portable-model.schema.json' with { type: 'json' };

/** JSON Schema of a portable model file. */
export const portableSchema: unknown = schema;

/** A portable model. Plain JSON, without any patient's data; the schema says what each field means. */
export interface PortableModel {
  readonly format: 'firebreak.portable-model';
  readonly formatVersion: 1;
  readonly kind: ClassKind;
  readonly title: string;
  readonly classes: readonly string[];
  readonly inputs: readonly Omit<FeatureColumn, 'values'>[];
  readonly preparation: Preparation;
  readonly parameters: ClassParameters;
  readonly penalty: readonly number[];
  readonly trained: { readonly patients: number; readonly perClass: readonly (number | null)[] };
  readonly code: string;
  readonly sha256: string;
}

/** Smaller counts of a class might tell of one person. */
const SHOWN_MIN = 11;

/**
 * Seals a model: small counts are hidden and the hash is added.
 *
 * @throws AnalyticsError ANALYTICS_MODEL_INVALID when the parts do not fit together.
 */
export function portableModel(
  model: Omit<PortableModel, 'format' | 'formatVersion' | 'sha256'>,
): PortableModel {
  const { patients, perClass } = model.trained;
  const small = perClass.some((count) => count !== null && count < SHOWN_MIN);
  const open = {
    ...model,
    format: 'firebreak.portable-model' as const,
    formatVersion: 1 as const,
    // One hidden count would follow from the others and the sum.
    trained: { patients, perClass: small ? perClass.map(() => null) : perClass },
  };
  const sealed: PortableModel = { ...open, sha256: hashOf(open) };
  const fault = faultOf(sealed);
  if (fault !== undefined) throw new AnalyticsError('ANALYTICS_MODEL_INVALID', fault);
  return sealed;
}

/** The file's text: the canonical form, so that equal models are equal files. */
export function portableText(model: PortableModel): string {
  return `${canonicalBytes(model as unknown as JsonValue).toString('utf8')}\n`;
}

function hashOf(model: Omit<PortableModel, 'sha256'>): string {
  return createHash('sha256')
    .update(canonicalBytes(model as unknown as JsonValue))
    .digest('base64url');
}

let compiled: ValidateFunction | undefined;

/**
 * Reads a portable model and refuses one that was altered.
 *
 * @param text - The file.
 * @param expectedHash - The hash that was published elsewhere; who alters a file can also give it a new hash of its own.
 * @throws AnalyticsError ANALYTICS_MODEL_INVALID, with what is wrong and where.
 */
export function readPortable(text: string, expectedHash?: string): PortableModel {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'the model file is not JSON', { cause });
  }
  compiled ??= new Ajv2020({ allErrors: false, strict: false }).compile(schema);
  if (!compiled(value)) {
    const [first] = compiled.errors ?? [];
    throw new AnalyticsError(
      'ANALYTICS_MODEL_INVALID',
      `the model file is not of this format: ${first?.instancePath === '' ? '/' : (first?.instancePath ?? '')} ${first?.message ?? ''}`,
    );
  }
  const model = value as PortableModel;
  const { sha256, ...rest } = model;
  const actual = hashOf(rest);
  if (actual !== sha256)
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'the model file was altered: its hash is another');
  if (expectedHash !== undefined && actual !== expectedHash)
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'the model has another hash than the one published');
  const fault = faultOf(model);
  if (fault !== undefined) throw new AnalyticsError('ANALYTICS_MODEL_INVALID', fault);
  return model;
}

/** Where parts of a model contradict each other; the schema sees each by itself. */
function faultOf({
  kind,
  classes,
  inputs,
  preparation,
  parameters,
  penalty,
}: PortableModel): string | undefined {
  const intercepts = kind === 'multinomial' ? classes.length : classes.length - 1;
  const rows = kind === 'proportional-odds' ? 1 : intercepts;
  const { features, columns } = preparation;
  if (kind === 'binary' && classes.length !== 2) return 'a binary model has two classes';
  if (parameters.intercepts.length !== intercepts) return 'not one intercept a class or step';
  if (parameters.coefficients.length !== rows || penalty.length !== rows)
    return 'not one row of coefficients each';
  if (parameters.coefficients.some((row) => row.length !== columns.length))
    return 'not one coefficient a column';
  if (inputs.length !== features.length || inputs.some(({ name }, i) => name !== features[i]?.name))
    return 'the inputs are not those of the preparation';
  if (columns.some(({ feature }) => feature >= features.length)) return 'a column comes from no input';
  if (
    kind === 'proportional-odds' &&
    parameters.intercepts.some((cut, k) => k > 0 && !(cut > (parameters.intercepts[k - 1] ?? NaN)))
  )
    return 'thresholds do not ascend';
  return undefined;
}

/** What a portable model says of a patient. Personal data. */
export interface PortableScore {
  /** One a class; they sum to 1. */
  readonly probabilities: readonly number[];
  /** Inputs that were missing and filled in. */
  readonly imputed: readonly string[];
  /** Inputs outside what the training part had. */
  readonly outside: readonly string[];
}

/**
 * Scores one patient from raw values.
 *
 * @param values - By input name; null or absent where missing, a category's code as a number.
 * @throws AnalyticsError ANALYTICS_SHAPE for a name that is no input; ANALYTICS_NOT_FINITE.
 */
export function scorePortable(
  model: PortableModel,
  values: Readonly<Record<string, number | null>>,
): PortableScore {
  const { inputs, preparation } = model;
  for (const [name, value] of Object.entries(values)) {
    if (!inputs.some((input) => input.name === name))
      throw new AnalyticsError('ANALYTICS_SHAPE', `${name} is no input of the model`);
    if (value !== null && !Number.isFinite(value))
      throw new AnalyticsError('ANALYTICS_NOT_FINITE', `${name} is not finite`);
  }
  const columns = inputs.map((input) => ({ ...input, values: Float64Array.of(values[input.name] ?? NaN) }));
  const design = applyPreparation(preparation, columns);
  const valueOf = (i: number): number => columns[i]?.values[0] ?? NaN;
  return {
    probabilities: [...predictClasses(model.kind, model.parameters, design)],
    imputed: inputs.filter((_, i) => Number.isNaN(valueOf(i))).map(({ name }) => name),
    outside: inputs
      .filter((_, i) => {
        const [low, high] = preparation.features[i]?.seen ?? [NaN, NaN];
        return valueOf(i) < low || valueOf(i) > high;
      })
      .map(({ name }) => name),
  };
}
