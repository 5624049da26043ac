import { isResourceType } from '../resource-types.js';
import { ViewError } from './errors.js';
import type { Evaluator } from './items.js';
import { callOf } from './path-functions.js';
import { itemAt, resourcesOfType } from './path-filters.js';
import { choiceName, choiceTypes, isDateElement, memberReader } from './path-members.js';
import { negativeOf, operatorOf } from './path-operators.js';
import type { Kind } from './path-operators.js';
import { parsePath } from './path-syntax.js';
import type { Path } from './path-syntax.js';
import { Shape } from './shape.js';

/** A constant of the view. */
export interface Constant {
  readonly kind: Kind;
  readonly value: string | number | boolean;
}

/** What a path is compiled in. */
export interface PathContext {
  /** Path of the expression in the ViewDefinition, for errors. */
  readonly at: string;
  readonly constants: ReadonlyMap<string, Constant>;
}

/** A compiled expression. */
export interface CompiledPath {
  readonly run: Evaluator;
  readonly kind: Kind;
  /** What is read of the items it gives. */
  readonly shape: Shape;
  /** The value, where it is the same for every resource. */
  readonly value?: string | number | boolean;
  /** The focus as it is. */
  readonly isThis?: true;
  /** Where the items are one member of what `owner` gives: its JSON name, and what reads it from there. */
  readonly member?: { readonly owner: CompiledPath; readonly name: string; readonly read: Evaluator };
  /** `%rowIndex` and nothing else. */
  readonly isRowIndex?: true;
}

/**
 * Compiles a FHIRPath expression of the shareable subset to closures. Parsing and compiling happen once; a run looks
 * nothing up by name but the members of the resource.
 *
 * @param focus - What is read of the focus; grows by what the path reads.
 * @throws ViewError with the path in the ViewDefinition and the position in the expression.
 * @see SQL on FHIR v2, "Required FHIRPath expressions/functions"
 */
export function compilePath(expression: string, focus: Shape, context: PathContext): CompiledPath {
  return compileNode(parsePath(expression, context.at), focus, context);
}

/** Compiles one node of a parsed expression. */
export function compileNode(path: Path, focus: Shape, context: PathContext): CompiledPath {
  switch (path.node) {
    case 'literal':
      return literal(path.value, literalKind(path.kind, path.value));
    case 'empty':
      return { run: () => undefined, kind: 'any', shape: new Shape() };
    case 'this':
      return { run: (items) => items, kind: 'any', shape: focus, isThis: true };
    case 'constant':
      return constant(path, context);
    case 'member':
      return member(path, focus, context);
    case 'index': {
      const of = compileNode(path.of, focus, context);
      const index = needed(compileNode(path.index, focus, context));
      return { run: itemAt(of.run, index.run), kind: of.kind, shape: of.shape };
    }
    case 'negative': {
      const of = needed(compileNode(path.of, focus, context));
      return { run: negativeOf(of.run), kind: 'number', shape: new Shape() };
    }
    case 'binary': {
      const left = needed(compileNode(path.left, focus, context));
      const right = needed(compileNode(path.right, focus, context));
      return { run: operatorOf(path.operator, left, right), kind: resultKind(path), shape: new Shape() };
    }
    case 'call':
    default:
      return callOf(path, focus, context);
  }
}

/** Marks a compiled expression's items as read whole. */
export function needed(path: CompiledPath): CompiledPath {
  path.shape.whole = true;
  return path;
}

function literal(value: string | number | boolean, kind: Kind): CompiledPath {
  return { run: () => value, kind, shape: new Shape(), value };
}

function literalKind(kind: Kind, value: unknown): Kind {
  return kind === 'date' && typeof value === 'string' && value.length > 10 ? 'dateTime' : kind;
}

function resultKind(path: Path & { readonly node: 'binary' }): Kind {
  switch (path.operator) {
    case '-':
    case '*':
    case '/':
      return 'number';
    case '+':
      return 'any';
    case '=':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case 'and':
    case 'or':
    default:
      return 'boolean';
  }
}

const rowIndex: Evaluator = (_, evaluation) => evaluation.rowIndex;

function constant(path: Path & { readonly node: 'constant' }, context: PathContext): CompiledPath {
  const { name, position } = path;
  if (name === 'rowIndex') {
    return { run: rowIndex, kind: 'number', shape: new Shape(), isRowIndex: true };
  }
  const known = context.constants.get(name);
  if (known === undefined) {
    throw new ViewError('VIEW_UNKNOWN_CONSTANT', `the view has no constant ${name}`, {
      at: context.at,
      position,
    });
  }
  return literal(known.value, known.kind);
}

function member(path: Path & { readonly node: 'member' }, focus: Shape, context: PathContext): CompiledPath {
  const { name } = path;
  const of = compileNode(path.of, focus, context);
  // A path may begin with the type of its resource: Patient.name.
  if (path.of.node === 'this' && isResourceType(name)) {
    of.shape.member('resourceType').whole = true;
    return { run: resourcesOfType(of.run, name), kind: 'any', shape: of.shape };
  }
  const compiled = memberFrom(of, name, memberReader(name), isDateElement(name) ? 'date' : 'any');
  for (const type of choiceTypes(name) ?? []) {
    of.shape.member(choiceName(name, type)).also.add(compiled.shape);
  }
  return compiled;
}

/** What reads one member of the items that `owner` gives. */
export function memberFrom(owner: CompiledPath, name: string, read: Evaluator, kind: Kind): CompiledPath {
  const run: Evaluator =
    owner.isThis === true ? read : (focus, evaluation) => read(owner.run(focus, evaluation), evaluation);
  return { run, kind, shape: owner.shape.member(name), member: { owner, name, read } };
}
