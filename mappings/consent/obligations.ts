import type { Obligation } from '../../ledger/consent/index.js';
import type { Json } from './elements.js';
import { codingToken, isJson } from './elements.js';
import { OBLIGATION, OBLIGATION_CODES } from '../forms/index.js';

/** The member of a provision that holds them. */
export const OBLIGATION_MEMBER = 'modifierExtension';

/** A path of member names, perhaps from a type on: `note`, `name.family`, `Observation.value[x]`. */
const ELEMENT =
  /^(?:[A-Z][A-Za-z]{1,63}\.)?[a-z][A-Za-z0-9]{0,63}(?:\.[a-z][A-Za-z0-9]{0,63}){0,9}(?:\[x\])?$/;
/** What says which resource it is cannot be left out; nor what our own labels stand in. */
const KEPT = /^(?:[A-Z][A-Za-z]*\.)?(?:resourceType|id|meta|implicitRules)(?:\.|$)/;
const ELEMENTS_MAX = 64;

/**
 * The obligations that a provision states. Any other modifier extension, and one of these that cannot be read, is noted
 * as not understood, and then the consent denies.
 */
export function readObligations(provision: Json, path: string, unknown: string[]): Obligation[] {
  const extensions: unknown = provision[OBLIGATION_MEMBER];
  if (extensions === undefined) return [];
  const found = Array.isArray(extensions) ? extensions.map(readOne) : [];
  const known = found.filter((one) => one !== undefined);
  if (known.length === 0 || known.length !== found.length) unknown.push(`${path}.${OBLIGATION_MEMBER}`);
  return known;
}

function readOne(extension: unknown): Obligation | undefined {
  if (!isJson(extension) || extension['url'] !== OBLIGATION) return undefined;
  const parts: unknown = extension['extension'];
  if (!Array.isArray(parts) || Object.keys(extension).length !== 2) return undefined;
  let code: string | undefined;
  const elements: string[] = [];
  for (const part of parts as unknown[]) {
    if (!isJson(part) || Object.keys(part).length !== 2) return undefined;
    const { url, valueCoding, valueString } = part;
    if (url === 'code' && code === undefined && isJson(valueCoding)) code = tokenOf(valueCoding);
    else if (url === 'element' && typeof valueString === 'string' && isElement(valueString))
      elements.push(valueString);
    else return undefined;
  }
  if (code === OBLIGATION_CODES.redact) {
    return elements.length === 0 || elements.length > ELEMENTS_MAX ? undefined : { kind: 'redact', elements };
  }
  if (elements.length > 0) return undefined;
  if (code === OBLIGATION_CODES.pseudonymise) return { kind: 'pseudonymise' };
  return code === OBLIGATION_CODES['no-onward-use'] ? { kind: 'no-onward-use' } : undefined;
}

function tokenOf(coding: Json): string | undefined {
  const { system, code } = coding;
  return typeof system === 'string' && typeof code === 'string' ? codingToken(coding, '') : undefined;
}

function isElement(text: string): boolean {
  return ELEMENT.test(text) && !KEPT.test(text);
}
