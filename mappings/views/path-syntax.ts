import { ViewError } from './errors.js';
import { VIEW_LIMITS } from './limits.js';
import { tokens } from './path-tokens.js';
import type { Token } from './path-tokens.js';

/** Operators of the subset. */
export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | 'and' | 'or';

/** What a literal or a constant is: temporal kinds are kept as FHIR text. */
export type LiteralKind = 'text' | 'number' | 'boolean' | 'date' | 'time';

/** A parsed FHIRPath expression. `position` is the index of its first character. */
export type Path = { readonly position: number } & (
  | { readonly node: 'literal'; readonly kind: LiteralKind; readonly value: string | number | boolean }
  | { readonly node: 'empty' }
  | { readonly node: 'this' }
  | { readonly node: 'constant'; readonly name: string }
  | { readonly node: 'member'; readonly of: Path; readonly name: string }
  | { readonly node: 'index'; readonly of: Path; readonly index: Path }
  | { readonly node: 'call'; readonly of: Path; readonly name: string; readonly args: readonly Path[] }
  | { readonly node: 'negative'; readonly of: Path }
  | { readonly node: 'binary'; readonly operator: Operator; readonly left: Path; readonly right: Path }
);

/** Binary operators by rising precedence. */
const LEVELS: readonly (readonly Operator[])[] = [
  ['or'],
  ['and'],
  ['=', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/'],
];

/** Operators of FHIRPath that the subset leaves out: named, so that the error can say so. */
const LEFT_OUT = new Set(['xor', 'implies', 'div', 'mod', 'in', 'contains', 'is', 'as', '|', '&', '~', '!~']);

/**
 * Parses an expression of SQL on FHIR's FHIRPath subset.
 *
 * @param at - Path of the expression in the ViewDefinition, for errors.
 * @throws ViewError VIEW_BAD_PATH; VIEW_UNSUPPORTED for operators beyond the subset; VIEW_TOO_LARGE.
 * @see SQL on FHIR v2, "Required FHIRPath expressions/functions"; FHIRPath N1, Grammar
 */
export function parsePath(expression: string, at: string): Path {
  return new PathParser(tokens(expression, at), at).whole();
}

class PathParser {
  readonly #tokens: readonly Token[];
  readonly #at: string;
  #next = 0;
  #depth = 0;

  constructor(list: readonly Token[], at: string) {
    this.#tokens = list;
    this.#at = at;
  }

  whole(): Path {
    const path = this.#binary(0);
    const token = this.#token();
    if (token.kind !== 'end') throw this.#unexpected(token);
    return path;
  }

  #binary(level: number): Path {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    const depth = this.#depth;
    for (;;) {
      const token = this.#token();
      const operator = operators.find((name) => isOperator(token, name));
      if (operator === undefined) break;
      this.#next += 1;
      this.#deeper(token.position);
      const right = this.#binary(level + 1);
      left = { node: 'binary', operator, left, right, position: left.position };
    }
    this.#depth = depth;
    return left;
  }

  #unary(): Path {
    const token = this.#token();
    if (token.kind !== 'sign' || (token.text !== '-' && token.text !== '+')) return this.#steps();
    this.#next += 1;
    this.#deeper(token.position);
    const of = this.#unary();
    this.#depth -= 1;
    return token.text === '+' ? of : { node: 'negative', of, position: token.position };
  }

  /** A term and the steps behind it: `.name`, `.call()`, `[index]`. */
  #steps(): Path {
    const depth = this.#depth;
    let path = this.#term();
    for (;;) {
      const token = this.#token();
      if (isSign(token, '.')) {
        this.#next += 1;
        this.#deeper(token.position);
        path = this.#nameOrCall(path);
      } else if (isSign(token, '[')) {
        this.#next += 1;
        this.#deeper(token.position);
        const index = this.#binary(0);
        this.#expect(']');
        path = { node: 'index', of: path, index, position: path.position };
      } else break;
    }
    this.#depth = depth;
    return path;
  }

  #term(): Path {
    const token = this.#token();
    const { kind, text, position } = token;
    switch (kind) {
      case 'text':
        this.#next += 1;
        return { node: 'literal', kind: 'text', value: text, position };
      case 'number':
        this.#next += 1;
        return { node: 'literal', kind: 'number', value: Number(text), position };
      case 'date':
      case 'time':
        this.#next += 1;
        return { node: 'literal', kind, value: text, position };
      case 'constant':
        this.#next += 1;
        return { node: 'constant', name: text, position };
      case 'variable':
        if (text !== 'this') throw this.#unsupported(`$${text}`, position);
        this.#next += 1;
        return { node: 'this', position };
      case 'name':
        if (token.quoted === undefined && (text === 'true' || text === 'false')) {
          this.#next += 1;
          return { node: 'literal', kind: 'boolean', value: text === 'true', position };
        }
        return this.#nameOrCall({ node: 'this', position });
      case 'sign':
        return this.#group(token);
      case 'end':
      default:
        throw this.#unexpected(token);
    }
  }

  #group(token: Token): Path {
    this.#next += 1;
    this.#deeper(token.position);
    if (token.text === '(') {
      const path = this.#binary(0);
      this.#expect(')');
      this.#depth -= 1;
      return path;
    }
    if (token.text === '{') {
      this.#expect('}');
      this.#depth -= 1;
      return { node: 'empty', position: token.position };
    }
    throw this.#unexpected(token);
  }

  #nameOrCall(of: Path): Path {
    const token = this.#token();
    if (token.kind !== 'name') throw this.#unexpected(token);
    this.#next += 1;
    const { text: name, position } = token;
    if (!isSign(this.#token(), '(')) {
      // No element has such a name, and a JavaScript object answers to it.
      if (name in Object.prototype) throw this.#unsupported(name, position);
      return { node: 'member', of, name, position };
    }
    this.#next += 1;
    const args: Path[] = [];
    if (!isSign(this.#token(), ')')) {
      do {
        this.#deeper(position);
        args.push(this.#binary(0));
        this.#depth -= 1;
      } while (this.#skip(','));
    }
    this.#expect(')');
    return { node: 'call', of, name, args, position };
  }

  #token(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: 'the end', position: 0 };
  }

  #skip(sign: string): boolean {
    if (!isSign(this.#token(), sign)) return false;
    this.#next += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#skip(sign)) throw this.#unexpected(this.#token(), sign);
  }

  #deeper(position: number): void {
    this.#depth += 1;
    if (this.#depth > VIEW_LIMITS.pathDepthMax) {
      throw new ViewError(
        'VIEW_TOO_LARGE',
        `the expression has more than ${VIEW_LIMITS.pathDepthMax} levels`,
        {
          at: this.#at,
          position,
        },
      );
    }
  }

  #unexpected(token: Token, awaited?: string): ViewError {
    const { text, position, kind } = token;
    if (LEFT_OUT.has(text) && (kind === 'name' || kind === 'sign')) return this.#unsupported(text, position);
    if (kind === 'text' || kind === 'name') {
      return new ViewError('VIEW_BAD_PATH', 'an operator or the end is missing here', {
        at: this.#at,
        position,
      });
    }
    const wish = awaited === undefined ? '' : `, ${awaited} is missing`;
    return new ViewError('VIEW_BAD_PATH', `${text} cannot stand here${wish}`, { at: this.#at, position });
  }

  #unsupported(name: string, position: number): ViewError {
    return new ViewError('VIEW_UNSUPPORTED', `${name} is not in the FHIRPath subset of views`, {
      at: this.#at,
      position,
    });
  }
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === 'sign' && token.text === sign;
}

function isOperator(token: Token, name: Operator): boolean {
  return (
    token.text === name && (token.kind === 'sign' || (token.kind === 'name' && token.quoted === undefined))
  );
}
