/** Access requests for the command line. */
import { AdapterError } from '../../errors.js';
import type { ShownAccess, ShownRule } from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import { personOf } from '../ca/index.js';
import type { AccessOutcome } from './requests.js';
import type { RuleOutcome } from './rules.js';
import { showAccess } from './views.js';

type Args = Readonly<Record<string, unknown>>;

/** Takes a request or a decision that was signed elsewhere. */
export function takeSigned(instance: Instance, args: Args): Promise<AccessOutcome> {
  const { accessRequests } = instance;
  const body = Buffer.from(textOf(args, 'signed'));
  return args['what'] === 'request' ? accessRequests.ask(body) : accessRequests.decide(body);
}

/** The operator decides for the custodian. */
export function decideForCustodian(instance: Instance, args: Args): Promise<AccessOutcome> {
  const outcome = args['outcome'];
  if (outcome !== 'approved' && outcome !== 'refused' && outcome !== 'ended')
    throw new AdapterError('ADAPTER_USAGE', 'the outcome is approved, refused or ended');
  const { types, until } = args;
  return instance.accessRequests.decideAsCustodian(textOf(args, 'id'), outcome, personOf(args['by']), {
    ...(Array.isArray(types) ? { types: types.map(String) } : {}),
    ...(typeof until === 'string' ? { until } : {}),
  });
}

/** Takes a rule, or the end of one, that was signed elsewhere. */
export function takeRule({ accessRequests }: Instance, args: Args): Promise<RuleOutcome> {
  return accessRequests.rules.take(Buffer.from(textOf(args, 'signed')));
}

/** @throws AdapterError ADAPTER_NOT_FOUND for no patient of this server. */
export async function listRules({ accessRequests, subjects }: Instance, args: Args): Promise<ShownRule[]> {
  const subject = await subjects.findByFacadeId(textOf(args, 'patient').replace(/^Patient\//, ''));
  if (subject === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such patient');
  return accessRequests.rules.shown(subject.key);
}

export async function listAccess(instance: Instance, args: Args): Promise<ShownAccess[]> {
  const { accessRequests } = instance;
  const shown = (await accessRequests.list()).map((row) => showAccess(row, accessRequests.stateOf(row)));
  return args['open'] === true
    ? shown.filter(({ state }) => state === 'requested' || state === 'custodian-approved')
    : shown;
}

/** @throws AdapterError ADAPTER_NOT_FOUND */
export function showOneAccess(instance: Instance, args: Args): ShownAccess {
  const row = instance.accessRequests.rows.get(textOf(args, 'id'));
  if (row === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such request');
  return showAccess(row, instance.accessRequests.stateOf(row));
}

function textOf(args: Args, name: string): string {
  const value = args[name];
  if (typeof value !== 'string' || value === '')
    throw new AdapterError('ADAPTER_USAGE', `${name} is missing`);
  return value;
}
