/** Questions on many patients without rows: counts, histograms, contingency tables, each with noise and from one budget. */
import { noisyHistogram, PrivacyError } from '../../../analytics/privacy/index.js';
import type { NoisyCounts } from '../../../analytics/privacy/index.js';
import { didYouMean } from '../../../analytics/study/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { SHIPPED_VIEWS } from '../../../mappings/views/index.js';
import type { Cell, View } from '../../../mappings/views/index.js';
import { AdapterError } from '../../errors.js';
import type { AggregateAnswer, AggregateQuestion } from '../../http/contract/index.js';
import { unfit } from '../exceptional/documents.js';
import type { Caller } from '../tokens/index.js';
import type { Cohorts } from './cohorts.js';
import { asPlain, Criteria } from './criteria.js';
import { viewNamed } from './definition.js';
import { permittedPatients } from './population.js';
import type { CohortAsking, CohortPatient, PopulationParts } from './population.js';
import { noiseBytes } from './privacy.js';
import type { DurableBudget } from './privacy.js';
import type { CohortRow } from './rows.js';

/** Noisy counts below this are not shown. */
const LEAST = 11;
const FEASIBILITY_EPSILON = 0.1;
const EPSILON_MAX = 10;
const BINS_MAX = 500;
const ALL = 'patients';

export class Aggregates {
  readonly #parts: PopulationParts;
  readonly #cohorts: Cohorts;
  readonly #budget: DurableBudget;

  constructor(parts: PopulationParts, cohorts: Cohorts, budget: DurableBudget) {
    this.#parts = parts;
    this.#cohorts = cohorts;
    this.#budget = budget;
  }

  /**
   * About how many patients a cohort has whose standing consent permits it: before any hospital or patient is asked.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND; ADAPTER_UNPROCESSABLE BUDGET_SPENT.
   */
  async feasibility(caller: Caller, id: string): Promise<AggregateAnswer> {
    const row = this.#cohorts.own(caller, id);
    const question = { asked: 'feasibility', ...subjectOf(row) };
    return this.#answered(question, FEASIBILITY_EPSILON, row, this.#cohorts.askingForCounts(row), COUNT);
  }

  /**
   * Answers a question on an approved cohort.
   *
   * @param body - JSON: see {@link AggregateQuestion}.
   */
  async ask(caller: Caller, id: string, body: Buffer): Promise<AggregateAnswer> {
    const row = this.#cohorts.own(caller, id);
    const { question, counting } = readQuestion(body, row);
    if (this.#cohorts.stateOf(row) !== 'approved')
      throw new AdapterError('ADAPTER_FORBIDDEN', 'the cohort is not approved');
    const { epsilon, ...what } = question;
    return this.#answered({ ...what, ...subjectOf(row) }, epsilon, row, this.#cohorts.asking(row), counting);
  }

  async #answered(
    question: object,
    epsilon: number,
    row: CohortRow,
    asking: CohortAsking,
    { bins, perPatientMax, binsOf }: Counting,
  ): Promise<AggregateAnswer> {
    const answer = await this.#budget.answer(
      question,
      epsilon,
      async (epsilonMicro): Promise<NoisyCounts> => {
        const criteria = new Criteria(row.definition);
        const found: string[][] = [];
        const leftOut = { custodian: 0, consent: 0, criteria: 0 };
        for await (const patient of permittedPatients(this.#parts, asking, leftOut))
          if (criteria.holds(patient.records)) found.push(binsOf(patient, criteria));
        try {
          return noisyHistogram(found, { bins, perPatientMax, epsilonMicro, least: LEAST }, noiseBytes);
        } catch (error) {
          if (!(error instanceof PrivacyError)) throw error;
          throw new AdapterError('ADAPTER_UNPROCESSABLE', `${error.message} (${error.code})`, {
            cause: error,
          });
        }
      },
    );
    const { handle, counts, repeated, left } = answer;
    return { id: handle, counts, repeated, epsilon, left };
  }
}

/** What the answer hangs on beside the question: the same criteria of another cohort of the requester ask the same. */
function subjectOf({ definition, requester }: CohortRow): object {
  const { include = [], exclude = [], window = null, valueSets = {}, purpose } = definition;
  return { include, exclude, window, valueSets, purpose, requester: requester.id };
}

interface Counting {
  readonly bins: readonly string[];
  readonly perPatientMax: number;
  readonly binsOf: (patient: CohortPatient, criteria: Criteria) => string[];
}

const COUNT: Counting = { bins: [ALL], perPatientMax: 1, binsOf: () => [ALL] };

/** @throws AdapterError ADAPTER_UNPROCESSABLE naming the member at fault. */
function readQuestion(body: Buffer, row: CohortRow): { question: AggregateQuestion; counting: Counting } {
  const value = parseJson(body);
  if (!isJsonObject(value)) throw unfit('a question is a JSON object', 'question');
  for (const name of Object.keys(value))
    if (!['kind', 'view', 'columns', 'bins', 'epsilon'].includes(name))
      throw unfit('a member that is not known', name.slice(0, 64));
  const question = value as unknown as AggregateQuestion;
  const { kind, epsilon } = question;
  if (typeof epsilon !== 'number' || !(epsilon > 0) || epsilon > EPSILON_MAX)
    throw unfit(`ε lies above 0 and up to ${EPSILON_MAX}`, 'epsilon');
  if (kind === 'count') return { question: { kind, epsilon }, counting: COUNT };
  if (kind !== 'histogram' && kind !== 'table') throw unfit('count, histogram or table', 'kind');
  const wanted = kind === 'histogram' ? 1 : 2;
  const { view: name, columns, bins } = question;
  if (typeof name !== 'string' || !SHIPPED_VIEWS.has(name))
    throw unfit(`no such view${didYouMean(String(name), SHIPPED_VIEWS.keys())}`, 'view');
  const view = viewNamed(name);
  if (!row.definition.types.includes(view.resource))
    throw unfit(`the cohort was not approved for ${view.resource}`, 'view');
  if (!Array.isArray(columns) || columns.length !== wanted)
    throw unfit(`${wanted} of the view’s columns`, 'columns');
  if (!Array.isArray(bins) || bins.length !== wanted) throw unfit('bins of each column', 'bins');
  const counted = columns.map((column, i) => columnOf(view, String(column), bins[i]));
  const labels = counted.map(({ labels: own }) => own);
  const [first = [], second] = labels;
  const all = second === undefined ? first : first.flatMap((a) => second.map((b) => `${a}|${b}`));
  if (all.length > BINS_MAX) throw unfit(`at most ${BINS_MAX} bins`, 'bins');
  return {
    question: { kind, view: name, columns, bins, epsilon },
    counting: {
      bins: all,
      perPatientMax: 1,
      binsOf: (patient, criteria) => cellsOf(view, counted, patient, criteria),
    },
  };
}

interface CountedColumn {
  readonly at: number;
  readonly labels: readonly string[];
  readonly label: (cell: Cell) => string | undefined;
}

function columnOf(view: View, column: string, bins: unknown): CountedColumn {
  const at = view.columns.findIndex(({ name }) => name === column);
  if (at < 0)
    throw unfit(
      `view has no column ${column}${didYouMean(
        column,
        view.columns.map(({ name }) => name),
      )}`,
      'columns',
    );
  if (!Array.isArray(bins) || bins.length === 0 || bins.length > BINS_MAX)
    throw unfit('bins of each column', 'bins');
  const given = bins as readonly unknown[];
  if (given.every((one) => typeof one === 'string')) {
    const labels = [...new Set(given)];
    return {
      at,
      labels,
      label: (cell) => labels.find((one) => one === (typeof cell === 'string' ? cell : JSON.stringify(cell))),
    };
  }
  const ends = given.filter((one) => typeof one === 'number');
  const isGrowing =
    ends.length === given.length && ends.every((one, i) => i === 0 || one > (ends[i - 1] ?? one));
  if (!isGrowing) throw unfit('bins are texts, or growing lower ends of bands', 'bins');
  return {
    at,
    labels: ends.map((end) => `≥${end}`),
    label: (cell) => {
      if (typeof cell !== 'number') return undefined;
      const end = ends.findLast((one) => one <= cell);
      return end === undefined ? undefined : `≥${end}`;
    },
  };
}

/** Each patient counts once: by the row that comes first in the order of the view. */
function cellsOf(
  view: View,
  columns: readonly CountedColumn[],
  { records }: CohortPatient,
  criteria: Criteria,
): string[] {
  const found: string[] = [];
  const run = view.start((row) => {
    const labels = columns.map(({ at, label }) => label(row[at] ?? null));
    if (labels.every((one) => one !== undefined)) found.push(labels.join('|'));
  });
  for (const record of criteria.within(records)) {
    if (found.length > 0) break;
    if (record.card.gate.type === view.resource) run.add(asPlain(record.open()));
  }
  return found;
}
