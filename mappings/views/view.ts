import type { JsonObject } from '../json/index.js';
import { columnsOf, infoOf } from './column-info.js';
import type { ViewColumnInfo } from './column-info.js';
import { readDefinition } from './definition.js';
import type { Definition, PathText } from './definition.js';
import { ViewError } from './errors.js';
import { single } from './items.js';
import type { Evaluator } from './items.js';
import { compilePath } from './path-compile.js';
import { compileSelects, visited } from './plan.js';
import type { Cell, PlanState, Step } from './plan.js';
import { projectionOf } from './projection.js';
import type { Projection } from './projection.js';
import { Shape } from './shape.js';

/** A view, compiled. It holds no state of a run, so one serves any number of them. */
export interface View {
  /** Name of the definition. */
  readonly name: string | undefined;
  /** Type of the resources it reads. */
  readonly resource: string;
  /** Columns in normative order. */
  readonly columns: readonly ViewColumnInfo[];
  /** What it reads of a resource. */
  readonly projection: Projection;
  /**
   * Starts a run.
   *
   * @param emit - Called with each row: a cell a column. The array is used again for the next row.
   */
  readonly start: (emit: (row: readonly Cell[]) => void) => ViewRun;
}

/** A run of a view over resources, one after another. */
export interface ViewRun {
  /**
   * Makes the rows of one resource; of none, when it is of another type or a `where` of the view does not hold.
   *
   * @param resource - Parsed; never changed.
   * @param urn - `Type/id` by `fullUrl`, for resources of a Bundle.
   * @returns whether the view took the resource.
   * @throws ViewError VIEW_SEVERAL_VALUES, VIEW_NOT_BOOLEAN, VIEW_BAD_OPERAND, VIEW_TOO_MANY_ROWS,
   * VIEW_REPEAT_TOO_DEEP, with the path in the ViewDefinition.
   */
  readonly add: (resource: JsonObject, urn?: ReadonlyMap<string, string>) => boolean;
}

const NO_URNS: ReadonlyMap<string, string> = new Map();

/**
 * Compiles a ViewDefinition. All that is wrong with it is found here; what is wrong with a resource comes later.
 *
 * @param definition - JSON as parsed.
 * @throws ViewError with the path in the definition, and the position in a FHIRPath expression.
 * @see SQL on FHIR v2, ViewDefinition, ShareableViewDefinition
 */
export function compileView(definition: unknown): View {
  const { name, resource, constants, where, selects } = readDefinition(definition);
  const columns = columnsOf(selects).map(infoOf);
  const root = new Shape();
  root.member('resourceType').whole = true;
  const criteria = where.map((path) => ({ at: path.at, run: criterion(path, root, constants) }));
  const rows = compileSelects(selects, 0, 0, emitRow, { constants, shapes: [root] });

  return {
    name,
    resource,
    columns,
    projection: projectionOf(root),
    start: (emit) => {
      const state: RunState = {
        focus: [],
        index: [0],
        row: columns.map(() => null),
        made: 0,
        rowIndex: 0,
        at: '',
        urn: NO_URNS,
        emit,
      };
      const add = (item: JsonObject, urn: ReadonlyMap<string, string> = NO_URNS): boolean => {
        if (item['resourceType'] !== resource) return false;
        state.urn = urn;
        state.made = 0;
        state.rowIndex = 0;
        for (const { at, run } of criteria) {
          state.at = at;
          if (!holds(run, item, state)) return false;
        }
        state.focus[0] = item;
        rows(state);
        return true;
      };
      return { add };
    },
  };
}

interface RunState extends PlanState {
  readonly emit: (row: readonly Cell[]) => void;
}

/** The end of every row. */
const emitRow: Step = (state) => {
  visited(state, 'select');
  (state as RunState).emit(state.row);
};

function criterion({ text, at }: PathText, root: Shape, constants: Definition['constants']): Evaluator {
  const { run, shape } = compilePath(text, root, { at, constants });
  shape.whole = true;
  return run;
}

/** A criterion that gives nothing does not hold. */
function holds(run: Evaluator, resource: JsonObject, state: PlanState): boolean {
  const value = single(run(resource, state), state);
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw new ViewError('VIEW_NOT_BOOLEAN', 'a where of a view gives true or false', { at: state.at });
}
