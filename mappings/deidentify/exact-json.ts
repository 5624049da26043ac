import { isUtf8 } from 'node:buffer';
import { checkJson } from '../json/index.js';
import type { JsonValue } from '../json/index.js';
import { DeidentifyError } from './errors.js';

/** Before the text of a number. FHIR's strings hold no such character, and no method lets one through. */
const MARK = '\u0001';
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WRITTEN = /"\\u0001(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)"/g;

/**
 * Parses JSON with its numbers as they are written: 7.40 stays 7.40.
 *
 * @returns what `JSON.parse` gives, numbers as marked texts that {@link numberText} reads.
 * @throws MappingError for what is not strict JSON; DeidentifyError DEIDENTIFY_NOT_JSON.
 */
export function readExact(bytes: Buffer): JsonValue {
  checkJson(bytes);
  if (!isUtf8(bytes)) throw new DeidentifyError('DEIDENTIFY_NOT_JSON', 'the text is not UTF-8');
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(
      text.replace(TOKEN, (token) =>
        token.startsWith('"') || !NUMBER.test(token) ? token : `"\\u0001${token}"`,
      ),
    ) as JsonValue;
  } catch {
    // The parser's message quotes the text, which is a patient's.
    throw new DeidentifyError('DEIDENTIFY_NOT_JSON', 'the text is not JSON');
  }
}

/** The text of a number that {@link readExact} or `JSON.parse` has read; undefined for anything else. */
export function numberText(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string' || !value.startsWith(MARK)) return undefined;
  const text = value.slice(1);
  return NUMBER.test(text) ? text : undefined;
}

/** A number by its text, for {@link writeExact}. */
export function exactNumber(text: string): string {
  return MARK + text;
}

/** One line of JSON, numbers as they were written. */
export function writeExact(value: JsonValue): string {
  return JSON.stringify(value).replace(WRITTEN, '$1');
}
