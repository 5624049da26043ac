import type { JsonValue } from '../json/index.js';
import { ViewError } from './errors.js';
import { isList, listOf, single, truth } from './items.js';
import type { Evaluation, Evaluator, Items } from './items.js';
import type { Operator } from './path-syntax.js';
import { compareDates, compareTimes, looksLikeDate, looksLikeInstant } from './temporal.js';

/** What is known of an expression's items before any is seen. */
export type Kind = 'text' | 'number' | 'boolean' | 'date' | 'dateTime' | 'time' | 'any';

/** One side of a binary operator. */
export interface Operand {
  readonly run: Evaluator;
  readonly kind: Kind;
  /** The value, where it is the same for every resource. */
  readonly value?: string | number | boolean;
}

/**
 * Compiles a binary operator.
 *
 * @throws ViewError at run time VIEW_SEVERAL_VALUES, VIEW_BAD_OPERAND.
 * @see FHIRPath N1, Equality, Comparison, Boolean logic, Math
 */
export function operatorOf(operator: Operator, left: Operand, right: Operand): Evaluator {
  switch (operator) {
    case 'and':
    case 'or':
      return logic(operator, left.run, right.run);
    case '=':
      return equality(left, right, true);
    case '!=':
      return equality(left, right, false);
    case '<':
      return comparison(left, right, (order) => order < 0);
    case '<=':
      return comparison(left, right, (order) => order <= 0);
    case '>':
      return comparison(left, right, (order) => order > 0);
    case '>=':
      return comparison(left, right, (order) => order >= 0);
    case '+':
    case '-':
    case '*':
    case '/':
    default:
      return arithmetic(operator, left.run, right.run);
  }
}

/** Three-valued: `decisive` on either side decides, and nothing else does where a side is empty. */
function logic(operator: 'and' | 'or', left: Evaluator, right: Evaluator): Evaluator {
  const decisive = operator === 'or';
  return (focus, evaluation) => {
    const a = truth(left(focus, evaluation), evaluation);
    if (a === decisive) return decisive;
    const b = truth(right(focus, evaluation), evaluation);
    if (b === decisive) return decisive;
    return a === undefined || b === undefined ? undefined : !decisive;
  };
}

function equality(left: Operand, right: Operand, wanted: boolean): Evaluator {
  const temporal = temporalKind(left.kind, right.kind);
  const { value } = right;
  if (value !== undefined && temporal === undefined) return constantEquality(left.run, value, wanted);
  return (focus, evaluation) => {
    const equal = itemsEqual(left.run(focus, evaluation), right.run(focus, evaluation), temporal);
    return equal === undefined ? undefined : equal === wanted;
  };
}

/** The form that nearly every criterion has: `system = 'http://loinc.org'`. */
function constantEquality(left: Evaluator, value: string | number | boolean, wanted: boolean): Evaluator {
  return (focus, evaluation) => {
    const a = left(focus, evaluation);
    if (a === undefined) return undefined;
    if (typeof a !== 'object') return (a === value) === wanted;
    const list = listOf(a);
    if (list.length === 0) return undefined;
    return (list.length === 1 && list[0] === value) === wanted;
  };
}

type Temporal = 'date' | 'time';

/** Which comparison of times applies: text of a resource is a time where the other side is one. */
function temporalKind(left: Kind, right: Kind): Temporal | undefined {
  const isDate = (kind: Kind): boolean => kind === 'date' || kind === 'dateTime';
  const oneOf = (is: (kind: Kind) => boolean): boolean =>
    (is(left) && (is(right) || right === 'any')) || (is(right) && left === 'any');
  if (oneOf(isDate)) return 'date';
  return oneOf((kind) => kind === 'time') ? 'time' : undefined;
}

function itemsEqual(a: Items, b: Items, temporal: Temporal | undefined): boolean | undefined {
  if (isList(a) || isList(b)) {
    const [x, y] = [listOf(a), listOf(b)];
    if (x.length === 0 || y.length === 0) return undefined;
    if (x.length !== y.length) return false;
    let all: boolean | undefined = true;
    for (let i = 0; i < x.length; i++) {
      const equal = valuesEqual(x[i] ?? null, y[i] ?? null, temporal);
      if (equal === false) return false;
      if (equal === undefined) all = undefined;
    }
    return all;
  }
  if (a === undefined || b === undefined) return undefined;
  return valuesEqual(a, b, temporal);
}

function valuesEqual(a: JsonValue, b: JsonValue, temporal: Temporal | undefined): boolean | undefined {
  if (a === b) return true;
  if (typeof a === 'string' && typeof b === 'string') {
    if (temporal === undefined && !(looksLikeInstant(a) && looksLikeInstant(b))) return false;
    const order = temporal === 'time' ? compareTimes(a, b) : compareDates(a, b);
    if (order !== undefined) return order === 0;
    // Less exact dates leave it open; a text that is no date is simply another.
    return temporal === 'time' || (looksLikeDate(a) && looksLikeDate(b)) ? undefined : false;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return deepEqual(a, b);
}

/** Equality of JSON; the order of members does not matter. Depth is that of a parsed resource, so bounded. */
function deepEqual(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isList(a) || isList(b)) {
    return isList(a) && isList(b) && a.length === b.length && a.every((item, i) => deepEqual(item, b[i]));
  }
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && deepEqual(a[name], b[name]));
}

function comparison(left: Operand, right: Operand, holds: (order: number) => boolean): Evaluator {
  const temporal = temporalKind(left.kind, right.kind);
  return (focus, evaluation) => {
    const a = single(left.run(focus, evaluation), evaluation);
    const b = single(right.run(focus, evaluation), evaluation);
    if (a === undefined || b === undefined) return undefined;
    if (typeof a === 'number' && typeof b === 'number') return holds(a - b);
    if (typeof a !== 'string' || typeof b !== 'string') throw badOperand(evaluation);
    const order = orderOf(a, b, temporal);
    return order === undefined ? undefined : holds(order);
  };
}

function orderOf(a: string, b: string, temporal: Temporal | undefined): number | undefined {
  if (temporal === 'time') return compareTimes(a, b);
  if (temporal === 'date' || (looksLikeDate(a) && looksLikeDate(b))) return compareDates(a, b);
  return a === b ? 0 : a < b ? -1 : 1;
}

function arithmetic(operator: '+' | '-' | '*' | '/', left: Evaluator, right: Evaluator): Evaluator {
  return (focus, evaluation) => {
    const a = single(left(focus, evaluation), evaluation);
    const b = single(right(focus, evaluation), evaluation);
    if (a === undefined || b === undefined) return undefined;
    if (typeof a === 'number' && typeof b === 'number') return decimal(calculate(operator, a, b));
    if (operator === '+' && typeof a === 'string' && typeof b === 'string') return a + b;
    throw badOperand(evaluation);
  };
}

function calculate(operator: '+' | '-' | '*' | '/', a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
    default:
      return a / b;
  }
}

/** 0.1 + 0.2 is 0.3 for decimals: 15 digits hold in binary. What is no number (x / 0) is empty. */
function decimal(value: number): number | undefined {
  if (Number.isSafeInteger(value)) return value;
  return Number.isFinite(value) ? Number(value.toPrecision(15)) : undefined;
}

/** Compiles `-x`. */
export function negativeOf(of: Evaluator): Evaluator {
  return (focus, evaluation) => {
    const value = single(of(focus, evaluation), evaluation);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw badOperand(evaluation);
    return -value;
  };
}

function badOperand({ at }: Evaluation): ViewError {
  return new ViewError('VIEW_BAD_OPERAND', 'an operator got values that it has no meaning for', { at });
}
