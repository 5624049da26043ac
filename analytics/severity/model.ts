import { createHash } from 'node:crypto';
import { canonicalBytes, type JsonValue } from '../../ledger/log/index.js';
import { AnalyticsError } from '../errors.js';
import { isStaged, STAGE_SCORES, type Study } from '../features/index.js';
import type { ClassKind, ClassParameters } from '../models/index.js';
import type { Preparation } from '../preprocess/index.js';

/** Format name of a model file. */
export const MODEL_FORMAT = 'firebreak.severity-model';
/** What all severity models have. Plain JSON, without any patient's data. */
interface SeverityModelBase {
  readonly format: typeof MODEL_FORMAT;
  readonly study: Study;
  readonly preparation: Preparation;
  readonly trained: {
    readonly patients: number;
    readonly events: number;
    /** By class of the scale, where the model tells stages and no class has a small count. */
    readonly perClass?: readonly number[];
  };
}

/**
 * A fitted model of the outcome with all that is needed to score a patient.
 *
 * `formatVersion` is that of the format and of the arithmetic behind it; another one must not be read as this.
 */
export interface BinarySeverityModel extends SeverityModelBase {
  readonly formatVersion: 1;
  /** Log-odds of a patient at the training part's mean in every column. */
  readonly intercept: number;
  /** Log-odds a standard deviation, one for each of the preparation's columns. */
  readonly coefficients: readonly number[];
  /** 0 for none, and for Firth's method. */
  readonly penalty: number;
}

/** A fitted model of the stages of the scale, from which the probability of the outcome follows. */
export interface StagedSeverityModel extends SeverityModelBase {
  readonly formatVersion: 2;
  readonly kind: Exclude<ClassKind, 'binary'>;
  readonly parameters: ClassParameters;
  /** One a row of coefficients; 0 for a step that has a rate instead of a model. */
  readonly penalties: readonly number[];
}

/** A fitted severity model. */
export type SeverityModel = BinarySeverityModel | StagedSeverityModel;

/**
 * Hash of a model: equal hashes mean equal scores.
 *
 * @returns SHA-256 of the model's RFC 8785 form, base64url.
 * @throws LedgerError LEDGER_NOT_CANONICAL when the model holds what JSON cannot say.
 */
export function modelHash(model: SeverityModel): string {
  return createHash('sha256')
    .update(canonicalBytes(model as unknown as JsonValue))
    .digest('base64url');
}

/**
 * Reads a model file.
 *
 * @param text - JSON.
 * @param expectedHash - What {@link modelHash} gave when the model was published; when given, the model must have it.
 * @throws AnalyticsError ANALYTICS_MODEL_INVALID for anything but an unaltered model of this format.
 */
export function parseModel(text: string, expectedHash?: string): SeverityModel {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'the model file is not JSON', { cause });
  }
  if (!isModel(value))
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'not a severity model of this version');
  if (expectedHash !== undefined && modelHash(value) !== expectedHash) {
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'the model has another hash than the one published');
  }
  return value;
}

function isModel(value: unknown): value is SeverityModel {
  if (typeof value !== 'object' || value === null) return false;
  const model = value as Partial<BinarySeverityModel> | Partial<StagedSeverityModel>;
  const { study, preparation } = model;
  if (
    model.format !== MODEL_FORMAT ||
    !Array.isArray(preparation?.columns) ||
    !Array.isArray(preparation.features) ||
    !Array.isArray(study?.features) ||
    !Array.isArray(study.levels) ||
    study.features.length !== preparation.features.length
  )
    return false;
  const width = preparation.columns.length;
  if (model.formatVersion === 1)
    return !isStaged(study) && typeof model.intercept === 'number' && isRow(model.coefficients, width);
  return model.formatVersion === 2 && isStaged(study) && isStagedModel(model, width);
}

function isRow(value: unknown, width: number): boolean {
  return Array.isArray(value) && value.length === width && value.every((c) => typeof c === 'number');
}

/** Steps of each kind: intercepts, and rows of coefficients. */
const SHAPES: Readonly<Record<StagedSeverityModel['kind'], readonly [intercepts: number, rows: number]>> = {
  multinomial: [STAGE_SCORES.length + 1, STAGE_SCORES.length + 1],
  'proportional-odds': [STAGE_SCORES.length, 1],
  'continuation-ratio': [STAGE_SCORES.length, STAGE_SCORES.length],
};

function isStagedModel(
  { kind, parameters, penalties }: Partial<StagedSeverityModel>,
  width: number,
): boolean {
  const shape = kind === undefined || !Object.hasOwn(SHAPES, kind) ? undefined : SHAPES[kind];
  return (
    shape !== undefined &&
    isRow(parameters?.intercepts, shape[0]) &&
    Array.isArray(parameters?.coefficients) &&
    parameters.coefficients.length === shape[1] &&
    parameters.coefficients.every((row) => isRow(row, width)) &&
    isRow(penalties, shape[1])
  );
}
