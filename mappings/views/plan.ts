import type { JsonValue } from '../json/index.js';
import { widthOf } from './column-info.js';
import type { ColumnDefinition, PathText, SelectDefinition } from './definition.js';
import { ViewError } from './errors.js';
import { isList, listOf, single } from './items.js';
import type { Evaluation, Evaluator, Items } from './items.js';
import { VIEW_LIMITS } from './limits.js';
import { compilePath } from './path-compile.js';
import type { CompiledPath, Constant } from './path-compile.js';
import { Shape } from './shape.js';

/** A value of a row; `null` where there is none. */
export type Cell = JsonValue;

/** The state of a run through one resource. Levels are the iterations of the view, each with its own focus. */
export interface PlanState extends Evaluation {
  readonly focus: Items[];
  readonly index: number[];
  readonly row: Cell[];
  /** Rows and visited elements of the resource. */
  made: number;
}

/** Continues a row: sets its cells and goes on to what comes after, once a row. */
export type Step = (state: PlanState) => void;

/** What selects are compiled in. */
export interface PlanContext {
  readonly constants: ReadonlyMap<string, Constant>;
  /** What is read at each level; one more with each iteration that is compiled. */
  readonly shapes: Shape[];
}

/**
 * Compiles sibling selects to one step: rows of the one are combined with the rows of the next, by going on to it
 * from within.
 *
 * @param level - The level whose focus they select from.
 * @param column - Index of their first column.
 * @param next - What follows when all their cells are set.
 * @see SQL on FHIR v2, "Processing Algorithm"
 */
export function compileSelects(
  selects: readonly SelectDefinition[],
  level: number,
  column: number,
  next: Step,
  context: PlanContext,
): Step {
  let at = column + selects.reduce((sum, select) => sum + widthOf(select), 0);
  return selects.reduceRight((after, select) => {
    at -= widthOf(select);
    return compileSelect(select, level, at, after, context);
  }, next);
}

function compileSelect(
  select: SelectDefinition,
  level: number,
  column: number,
  next: Step,
  context: PlanContext,
): Step {
  const { iteration } = select;
  if (iteration.kind === 'once') return compileBody(select, level, column, next, context);
  const inner = context.shapes.length;
  if (iteration.kind === 'repeat') {
    const shape = new Shape();
    context.shapes.push(shape);
    const paths = iteration.paths.map((path) => repeated(path, level, shape, context));
    return repeatStep(paths, level, inner, compileBody(select, inner, column, next, context));
  }
  const path = compileAt(iteration.path, level, context);
  context.shapes.push(path.shape);
  const body = compileBody(select, inner, column, next, context);
  if (iteration.kind === 'forEach') return forEachStep(path.run, iteration.path.at, level, inner, body);
  const blank = blankStep(select, column, next, context);
  return forEachStep(path.run, iteration.path.at, level, inner, body, blank);
}

/** The columns, selects and unionAll of a select, on one focus. */
function compileBody(
  select: SelectDefinition,
  level: number,
  column: number,
  next: Step,
  context: PlanContext,
): Step {
  const nestedAt = column + select.columns.length;
  const unionAt = nestedAt + select.selects.reduce((sum, nested) => sum + widthOf(nested), 0);
  const branches = select.unionAll.map((branch) => compileSelect(branch, level, unionAt, next, context));
  const union: Step =
    branches.length === 0
      ? next
      : (state) => {
          for (const branch of branches) branch(state);
        };
  const nested = compileSelects(select.selects, level, nestedAt, union, context);
  const cells = select.columns.map((definition, i) => compileCell(definition, level, column + i, context));
  return cells.length === 0 ? nested : cellsStep(cells, level, nested);
}

interface CompiledCell {
  readonly run: Evaluator;
  readonly index: number;
  readonly at: string;
  readonly collection: boolean;
}

function compileCell(
  { path, collection }: ColumnDefinition,
  level: number,
  index: number,
  context: PlanContext,
): CompiledCell {
  const { run, shape } = compileAt(path, level, context);
  shape.whole = true;
  return { run, index, at: path.at, collection };
}

function compileAt(path: PathText, level: number, { shapes, constants }: PlanContext): CompiledPath {
  return compilePath(path.text, shapes[level] ?? new Shape(), { at: path.at, constants });
}

/** A path of `repeat`, which reads of the element before and of every element that it gives. */
function repeated(
  path: PathText,
  level: number,
  shape: Shape,
  { shapes, constants }: PlanContext,
): { readonly run: Evaluator; readonly at: string } {
  const origin = new Shape();
  const compiled = compilePath(path.text, origin, { at: path.at, constants });
  shapes[level]?.also.add(origin);
  shape.also.add(origin);
  compiled.shape.also.add(shape);
  return { run: compiled.run, at: path.at };
}

function cellsStep(cells: readonly CompiledCell[], level: number, next: Step): Step {
  return (state) => {
    const focus = state.focus[level];
    const { row } = state;
    state.rowIndex = state.index[level] ?? 0;
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i];
      if (cell === undefined) break;
      state.at = cell.at;
      const items = cell.run(focus, state);
      if (cell.collection) row[cell.index] = listOf(items);
      else if (typeof items === 'object') row[cell.index] = single(items, state) ?? null;
      else row[cell.index] = items ?? null;
    }
    next(state);
  };
}

function forEachStep(
  path: Evaluator,
  at: string,
  level: number,
  inner: number,
  body: Step,
  blank?: Step,
): Step {
  return (state) => {
    state.at = at;
    state.rowIndex = state.index[level] ?? 0;
    const items = path(state.focus[level], state);
    let count = 0;
    if (isList(items)) {
      for (let i = 0; i < items.length; i++) {
        const item = items[i];
        if (item === undefined || item === null) continue;
        state.focus[inner] = item;
        state.index[inner] = count++;
        visited(state, at);
        body(state);
      }
    } else if (items !== undefined && items !== null) {
      state.focus[inner] = items;
      state.index[inner] = 0;
      count = 1;
      body(state);
    }
    if (count === 0) blank?.(state);
  };
}

/** The row of a forEachOrNull that found nothing: no values, and %rowIndex 0 where the select has it as a column. */
function blankStep(select: SelectDefinition, column: number, next: Step, context: PlanContext): Step {
  const blanks = blanksOf(select, context);
  return (state) => {
    for (let i = 0; i < blanks.length; i++) state.row[column + i] = blanks[i] ?? null;
    next(state);
  };
}

function blanksOf(select: SelectDefinition, context: PlanContext): (0 | null)[] {
  const below = (nested: SelectDefinition): (0 | null)[] =>
    nested.iteration.kind === 'once'
      ? blanksOf(nested, context)
      : Array.from({ length: widthOf(nested) }, () => null);
  const [branch] = select.unionAll;
  return [
    ...select.columns.map(({ path }) => {
      const { isRowIndex } = compilePath(path.text, new Shape(), {
        at: path.at,
        constants: context.constants,
      });
      return isRowIndex === true ? 0 : null;
    }),
    ...select.selects.flatMap(below),
    ...(branch === undefined ? [] : below(branch)),
  ];
}

/** Goes through what the paths give, what they give there, and so on; an element before its own elements. */
function repeatStep(
  paths: readonly { readonly run: Evaluator; readonly at: string }[],
  level: number,
  inner: number,
  body: Step,
): Step {
  return (state) => {
    const rowIndex = state.index[level] ?? 0;
    let count = 0;
    const descend = (from: Items, depth: number): void => {
      for (const { run, at } of paths) {
        state.at = at;
        state.rowIndex = rowIndex;
        const items = listOf(run(from, state));
        if (items.length > 0 && depth > VIEW_LIMITS.repeatDepthMax) throw tooDeep(at);
        for (const item of items) {
          state.focus[inner] = item;
          state.index[inner] = count++;
          visited(state, at);
          body(state);
          descend(item, depth + 1);
        }
      }
    };
    descend(state.focus[level], 1);
  };
}

/** Counts against the bound of one resource. */
export function visited(state: PlanState, at: string): void {
  state.made += 1;
  if (state.made > VIEW_LIMITS.rowsPerResourceMax) {
    throw new ViewError(
      'VIEW_TOO_MANY_ROWS',
      `one resource makes more than ${VIEW_LIMITS.rowsPerResourceMax} rows`,
      { at },
    );
  }
}

function tooDeep(at: string): ViewError {
  return new ViewError(
    'VIEW_REPEAT_TOO_DEEP',
    `the path does not end after ${VIEW_LIMITS.repeatDepthMax} steps`,
    { at },
  );
}
