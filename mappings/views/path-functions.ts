import { isResourceType } from '../resource-types.js';
import { dateBoundary, dateTimeBoundary, decimalBoundary, timeBoundary } from './boundary.js';
import type { Side } from './boundary.js';
import { ViewError } from './errors.js';
import { firstOf, single } from './items.js';
import type { Evaluator, Items } from './items.js';
import { compileNode, memberFrom, needed } from './path-compile.js';
import type { CompiledPath, PathContext } from './path-compile.js';
import { extensionOf, memberExtensionOf } from './path-extension.js';
import {
  existsOf,
  firstItemOf,
  firstWhereOf,
  joinOf,
  notOf,
  resourcesOfType,
  whereOf,
} from './path-filters.js';
import { referenceKeyOf, resourceKeyOf } from './path-keys.js';
import { choiceName, choiceTypes, read, readerOf } from './path-members.js';
import type { Kind } from './path-operators.js';
import type { Path } from './path-syntax.js';
import { WRITTEN } from './projection.js';
import { Shape } from './shape.js';
import { looksLikeDate, looksLikeTime } from './temporal.js';

type Call = Path & { readonly node: 'call' };
type Compile = (path: Call, focus: Shape, context: PathContext) => CompiledPath;

/** Every function of the subset: how many arguments it takes, and how it is compiled. */
const FUNCTIONS = new Map<string, { readonly args: readonly [number, number]; readonly compile: Compile }>([
  ['where', { args: [1, 1], compile: where }],
  ['exists', { args: [0, 1], compile: (path, focus, context) => presence(path, focus, context, true) }],
  ['empty', { args: [0, 0], compile: (path, focus, context) => presence(path, focus, context, false) }],
  ['first', { args: [0, 0], compile: first }],
  ['not', { args: [0, 0], compile: not }],
  ['extension', { args: [1, 1], compile: extension }],
  ['ofType', { args: [1, 1], compile: ofType }],
  ['join', { args: [0, 1], compile: join }],
  ['getResourceKey', { args: [0, 0], compile: resourceKey }],
  ['getReferenceKey', { args: [0, 1], compile: referenceKey }],
  ['lowBoundary', { args: [0, 0], compile: (path, focus, context) => boundary(path, focus, context, 'low') }],
  [
    'highBoundary',
    { args: [0, 0], compile: (path, focus, context) => boundary(path, focus, context, 'high') },
  ],
]);

/**
 * Compiles a function call.
 *
 * @throws ViewError VIEW_UNSUPPORTED for a function beyond the subset, VIEW_BAD_PATH for wrong arguments.
 * @see SQL on FHIR v2, "Required FHIRPath expressions/functions", "Additional functions"
 */
export function callOf(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const known = FUNCTIONS.get(path.name);
  if (known === undefined) {
    throw fault(
      'VIEW_UNSUPPORTED',
      `the function ${path.name} is not in the FHIRPath subset of views`,
      path,
      context,
    );
  }
  const [least, most] = known.args;
  if (path.args.length < least || path.args.length > most) {
    throw fault(
      'VIEW_BAD_PATH',
      `the function ${path.name} has too many or too few arguments`,
      path,
      context,
    );
  }
  return known.compile(path, focus, context);
}

function where(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const { of, criterion } = filter(path, focus, context);
  return { run: whereOf(of.run, criterion.run), kind: of.kind, shape: of.shape };
}

/** The input of a filter, and its criterion, whose focus is each item of the input. */
function filter(
  path: Call,
  focus: Shape,
  context: PathContext,
): { of: CompiledPath; criterion: CompiledPath } {
  const of = compileNode(path.of, focus, context);
  const criterion = needed(compileNode(argument(path, 0), of.shape, context));
  return { of, criterion };
}

function first(path: Call, focus: Shape, context: PathContext): CompiledPath {
  if (path.of.node === 'call' && path.of.name === 'where' && path.of.args.length === 1) {
    const { of, criterion } = filter(path.of, focus, context);
    return { run: firstWhereOf(of.run, criterion.run), kind: of.kind, shape: of.shape };
  }
  const of = compileNode(path.of, focus, context);
  return { run: firstItemOf(of.run), kind: of.kind, shape: of.shape };
}

function presence(path: Call, focus: Shape, context: PathContext, wanted: boolean): CompiledPath {
  if (path.args.length === 0) {
    const of = compileNode(path.of, focus, context);
    return { run: existsOf(of.run, wanted), kind: 'boolean', shape: new Shape() };
  }
  const { of, criterion } = filter(path, focus, context);
  return { run: existsOf(firstWhereOf(of.run, criterion.run), wanted), kind: 'boolean', shape: new Shape() };
}

function not(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const of = needed(compileNode(path.of, focus, context));
  return { run: notOf(of.run), kind: 'boolean', shape: new Shape() };
}

function join(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const of = needed(compileNode(path.of, focus, context));
  const separator =
    path.args[0] === undefined ? undefined : needed(compileNode(path.args[0], focus, context));
  return { run: joinOf(of.run, separator?.run), kind: 'text', shape: new Shape() };
}

function extension(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const { value } = compileNode(argument(path, 0), focus, context);
  if (typeof value !== 'string') {
    throw fault('VIEW_BAD_PATH', 'the function extension needs a text or a constant', path, context);
  }
  const of = compileNode(path.of, focus, context);
  const shape = of.shape.member('extension');
  shape.member('url').whole = true;
  if (of.member === undefined) return { run: extensionOf(of.run, value), kind: 'any', shape };
  const { owner, name } = of.member;
  owner.shape.member(`_${name}`).member('extension').also.add(shape);
  return { run: memberExtensionOf(owner.run, name, value), kind: 'any', shape };
}

/** `value.ofType(Quantity)` is the member `valueQuantity`; resources are told by their `resourceType`. */
function ofType(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const type = typeName(path, context);
  if (isResourceType(type)) {
    const of = compileNode(path.of, focus, context);
    of.shape.member('resourceType').whole = true;
    return { run: resourcesOfType(of.run, type), kind: 'any', shape: of.shape };
  }
  const types = path.of.node === 'member' ? choiceTypes(path.of.name) : undefined;
  if (path.of.node !== 'member' || types === undefined) {
    throw fault(
      'VIEW_UNSUPPORTED',
      'ofType stands only directly behind an element that has a choice of types, or takes a resource type',
      path,
      context,
    );
  }
  if (!types.includes(type)) {
    throw fault('VIEW_BAD_PATH', `no element ${path.of.name} has the type ${type}`, path, context);
  }
  const name = choiceName(path.of.name, type);
  const owner = compileNode(path.of.of, focus, context);
  return memberFrom(owner, name, readerOf(name), kindOfType(type));
}

/** What the items of a FHIR type are. */
export function kindOfType(type: string): Kind {
  switch (type) {
    case 'date':
      return 'date';
    case 'dateTime':
    case 'instant':
      return 'dateTime';
    case 'time':
      return 'time';
    case 'boolean':
      return 'boolean';
    case 'decimal':
    case 'integer':
    case 'integer64':
    case 'positiveInt':
    case 'unsignedInt':
      return 'number';
    default:
      // Also texts: nothing more is known of them than that they are no times.
      return /^[a-z]/.test(type) ? 'text' : 'any';
  }
}

function resourceKey(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const of = compileNode(path.of, focus, context);
  of.shape.member('resourceType').whole = true;
  of.shape.member('id').whole = true;
  return { run: resourceKeyOf(of.run), kind: 'text', shape: new Shape() };
}

function referenceKey(path: Call, focus: Shape, context: PathContext): CompiledPath {
  const type = path.args.length === 0 ? undefined : typeName(path, context);
  if (type !== undefined && !isResourceType(type)) {
    throw fault('VIEW_BAD_PATH', `${type} is not a resource type`, path, context);
  }
  const of = compileNode(path.of, focus, context);
  for (const name of ['reference', 'type']) of.shape.member(name).whole = true;
  return { run: referenceKeyOf(of.run, type), kind: 'text', shape: new Shape() };
}

function boundary(path: Call, focus: Shape, context: PathContext, side: Side): CompiledPath {
  const of = needed(compileNode(path.of, focus, context));
  of.shape.asWritten = true;
  const ofText = of.kind === 'date' ? dateBoundary : dateTimeBoundary;
  const end = (value: Items, written: Items): Items => {
    if (typeof value === 'number') {
      return decimalBoundary(typeof written === 'string' ? written : String(value), side);
    }
    if (typeof value !== 'string') return undefined;
    if (of.kind === 'time' || looksLikeTime(value)) return timeBoundary(value, side);
    return looksLikeDate(value) ? ofText(value, side) : undefined;
  };
  const { member } = of;
  if (member === undefined) {
    const run: Evaluator = (items, evaluation) =>
      end(single(of.run(items, evaluation), evaluation), undefined);
    return { run, kind: of.kind, shape: new Shape() };
  }
  // The reader of JSON keeps the number as it was written beside it.
  const beside = member.name + WRITTEN;
  const run: Evaluator = (items, evaluation) => {
    const owners = member.owner.run(items, evaluation);
    return end(single(member.read(owners, evaluation), evaluation), firstOf(read(owners, beside)));
  };
  return { run, kind: of.kind, shape: new Shape() };
}

/** The type that the first argument names: `Quantity` or `FHIR.Quantity`. */
function typeName(path: Call, context: PathContext): string {
  const arg = argument(path, 0);
  if (arg.node === 'member') {
    if (arg.of.node === 'this') return arg.name;
    if (arg.of.node === 'member' && arg.of.of.node === 'this' && arg.of.name === 'FHIR') return arg.name;
  }
  throw fault('VIEW_BAD_PATH', `the function ${path.name} needs the name of a FHIR type`, path, context);
}

function argument(path: Call, index: number): Path {
  return path.args[index] ?? { node: 'empty', position: path.position };
}

function fault(
  code: 'VIEW_UNSUPPORTED' | 'VIEW_BAD_PATH',
  message: string,
  { position }: Path,
  { at }: PathContext,
): ViewError {
  return new ViewError(code, message, { at, position });
}
