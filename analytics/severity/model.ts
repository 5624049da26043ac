import { createHash } from 'node:crypto';
import { canonicalBytes, type JsonValue } from '../../ledger/log/index.js';
import { AnalyticsError } from '../errors.js';
import type { Study } from '../features/index.js';
import type { Preparation } from '../preprocess/index.js';

/** Format name of a model file. */
export const MODEL_FORMAT = 'firebreak.severity-model';
/** Version of the format and of the arithmetic behind it; another one must not be read as this. */
export const MODEL_FORMAT_VERSION = 1;

/** A fitted severity model with all that is needed to score a patient. Plain JSON, without any patient's data. */
export interface SeverityModel {
  readonly format: typeof MODEL_FORMAT;
  readonly formatVersion: typeof MODEL_FORMAT_VERSION;
  readonly study: Study;
  readonly preparation: Preparation;
  /** Log-odds of a patient at the training part's mean in every column. */
  readonly intercept: number;
  /** Log-odds a standard deviation, one for each of the preparation's columns. */
  readonly coefficients: readonly number[];
  readonly penalty: number;
  readonly trained: { readonly patients: number; readonly events: number };
}

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
  const model = value as Partial<SeverityModel>;
  return (
    model.format === MODEL_FORMAT &&
    model.formatVersion === MODEL_FORMAT_VERSION &&
    typeof model.intercept === 'number' &&
    Array.isArray(model.coefficients) &&
    model.coefficients.every((c) => typeof c === 'number') &&
    Array.isArray(model.preparation?.columns) &&
    Array.isArray(model.preparation.features) &&
    Array.isArray(model.study?.features) &&
    Array.isArray(model.study.levels) &&
    model.coefficients.length === model.preparation.columns.length &&
    model.study.features.length === model.preparation.features.length
  );
}
