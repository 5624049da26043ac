import { ViewError } from './errors.js';
import { VIEW_LIMITS } from './limits.js';

/** One word or sign of a FHIRPath expression. */
export interface Token {
  readonly kind: 'name' | 'text' | 'number' | 'date' | 'time' | 'constant' | 'variable' | 'sign' | 'end';
  /** The name, the text without quotes and escapes, the sign. */
  readonly text: string;
  /** Index of its first character. */
  readonly position: number;
  /** A name in back quotes is never an operator or a literal. */
  readonly quoted?: true;
}

/** All patterns are sticky, and none can match one text in two ways, so time is linear in the length. */
const SPACE = /(?:[ \t\r\n]+|\/\/[^\n]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /[0-9]+(?:\.[0-9]+)?/y;
const DATE =
  /@([0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)(?:T([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?)?(?![0-9:T-]|\.[0-9])/y;
const TIME = /@T([0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?)(?![0-9:Z+-]|\.[0-9])/y;
const SIGN = /<=|>=|!=|!~|[=<>+\-*/()[\]{}.,|&~]/y;

const ESCAPES: Readonly<Record<string, string>> = {
  "'": "'",
  '"': '"',
  '`': '`',
  r: '\r',
  n: '\n',
  t: '\t',
  f: '\f',
  '\\': '\\',
  '/': '/',
};

/**
 * Cuts an expression into tokens, the last of kind `end`.
 *
 * @param at - Path of the expression in the ViewDefinition, for errors.
 * @throws ViewError VIEW_BAD_PATH, VIEW_TOO_LARGE.
 * @see FHIRPath N1, Lexical Elements
 */
export function tokens(expression: string, at: string): Token[] {
  if (expression.length > VIEW_LIMITS.pathLengthMax) {
    throw new ViewError(
      'VIEW_TOO_LARGE',
      `the expression is longer than ${VIEW_LIMITS.pathLengthMax} characters`,
      {
        at,
      },
    );
  }
  const found: Token[] = [];
  let position = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    return pattern.exec(expression);
  };
  const take = (kind: Token['kind'], text: string, length: number): void => {
    found.push({ kind, text, position });
    position += length;
  };
  for (;;) {
    position += match(SPACE)?.[0].length ?? 0;
    const c = expression[position];
    if (c === undefined) break;
    let hit: RegExpExecArray | null;
    if (c === "'") {
      const { text, length } = quoted(expression, position, at);
      take('text', text, length);
    } else if (c === '`') {
      const { text, length } = quoted(expression, position, at);
      found.push({ kind: 'name', text, position, quoted: true });
      position += length;
    } else if (c === '%') {
      const next = expression[position + 1];
      position += 1;
      if (next === "'" || next === '`') {
        const { text, length } = quoted(expression, position, at);
        take('constant', text, length);
      } else if ((hit = match(NAME)) === null) throw bad(position, at);
      else take('constant', hit[0], hit[0].length);
    } else if (c === '$') {
      position += 1;
      if ((hit = match(NAME)) === null) throw bad(position, at);
      take('variable', hit[0], hit[0].length);
    } else if ((hit = match(NAME)) !== null) take('name', hit[0], hit[0].length);
    else if ((hit = match(NUMBER)) !== null) take('number', hit[0], hit[0].length);
    else if ((hit = match(TIME)) !== null) take('time', hit[1] ?? '', hit[0].length);
    else if ((hit = match(DATE)) !== null) {
      take('date', hit[2] === undefined ? (hit[1] ?? '') : `${hit[1] ?? ''}T${hit[2]}`, hit[0].length);
    } else if ((hit = match(SIGN)) !== null) take('sign', hit[0], hit[0].length);
    else throw bad(position, at);
  }
  found.push({ kind: 'end', text: 'the end', position });
  return found;
}

/** The text between the quotes at `position`, and the length with its quotes. */
function quoted(expression: string, position: number, at: string): { text: string; length: number } {
  const quote = expression[position];
  let text = '';
  let i = position + 1;
  for (let c = expression[i]; c !== quote; c = expression[i]) {
    if (c === undefined) {
      throw new ViewError('VIEW_BAD_PATH', 'a quote is not closed', { at, position });
    }
    if (c !== '\\') {
      text += c;
      i += 1;
      continue;
    }
    const escape = expression[i + 1] ?? '';
    const hex = expression.slice(i + 2, i + 6);
    if (escape === 'u' && /^[0-9A-Fa-f]{4}$/.test(hex)) {
      text += String.fromCharCode(Number.parseInt(hex, 16));
      i += 6;
    } else if (Object.hasOwn(ESCAPES, escape)) {
      text += ESCAPES[escape] ?? '';
      i += 2;
    } else {
      throw new ViewError('VIEW_BAD_PATH', 'a text has an escape that FHIRPath does not know', {
        at,
        position: i,
      });
    }
  }
  return { text, length: i + 1 - position };
}

function bad(position: number, at: string): ViewError {
  return new ViewError('VIEW_BAD_PATH', 'nothing of FHIRPath begins here', { at, position });
}
