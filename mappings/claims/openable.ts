/** Which facts of a record say what the line says itself: only these are ever opened. */
import type { JsonValue } from '../json/value.js';
import type { ClaimedLine, ReadClaim } from './claim.js';
import type { Aspect, RecordToJudge } from './judge-line.js';

export interface OpenableFact {
  readonly name: string;
  /** What the claim says, and the fact too. */
  readonly value: JsonValue;
  /** The aspect that it shows to hold. */
  readonly aspect: Aspect;
}

/** The facts of a record that are equal to what a line says. */
export function openableFacts(record: RecordToJudge, line: ClaimedLine, claim: ReadClaim): OpenableFact[] {
  const { facts, type } = record;
  const found: OpenableFact[] = [];
  const open = (name: string, aspect: Aspect, isEqual: (value: JsonValue) => boolean): void => {
    const value = facts.get(name);
    if (value !== undefined && value !== null && isEqual(value)) found.push({ name, value, aspect });
  };
  open(type === 'Encounter' ? 'type' : 'code', 'code', (value) => isWithin(value, line.codes));
  if (line.dates !== undefined) {
    const { start, end } = line.dates;
    open('start', 'dates', (value) => value === start);
    open('end', 'dates', (value) => value === end);
  }
  if (type === 'Encounter') open('serviceProvider', 'provider', (value) => value === claim.provider);
  else open('performer', 'provider', (value) => isOnly(value, claim.provider));
  return found;
}

/** A list that says nothing which the claim does not say. */
function isWithin(value: JsonValue, codes: readonly string[]): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((code) => typeof code === 'string' && codes.includes(code))
  );
}

function isOnly(value: JsonValue, text: string): boolean {
  return value === text || (Array.isArray(value) && value.length === 1 && value[0] === text);
}
