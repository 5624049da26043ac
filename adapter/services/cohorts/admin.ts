/** Cohorts for the command line of the hospital's operator. */
import { AdapterError } from '../../errors.js';
import type { ShownCohort } from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import { personOf } from '../ca/index.js';

type Args = Readonly<Record<string, unknown>>;
type With = Pick<Instance, 'cohorts'>;

export function listCohorts({ cohorts }: With): Promise<ShownCohort[]> {
  return cohorts.listAll();
}

/** @throws AdapterError ADAPTER_NOT_FOUND */
export async function showCohort(instance: With, args: Args): Promise<ShownCohort> {
  const found = (await listCohorts(instance)).find(({ id }) => id === args['id']);
  if (found === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such cohort');
  return found;
}

/** The operator decides for the custodians. */
export function decideCohort({ cohorts }: With, args: Args): Promise<ShownCohort> {
  const { id, outcome, by } = args;
  if (outcome !== 'approved' && outcome !== 'refused' && outcome !== 'ended')
    throw new AdapterError('ADAPTER_USAGE', 'the outcome is approved, refused or ended');
  if (typeof id !== 'string') throw new AdapterError('ADAPTER_USAGE', 'id is missing');
  return cohorts.decideAsOperator(id, outcome, personOf(by));
}
