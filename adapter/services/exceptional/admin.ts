/** Emergencies and duties for the command line, which comes by the admin socket. */
import type { Instance } from '../../instance/instance.js';
import type { EndedDuty, OpenedDuty } from './duties.js';
import type { OpenedEmergency, ReviewedEmergency } from './emergencies.js';
import type { ShownDuty, ShownEmergency } from '../../http/contract/index.js';

type Args = Readonly<Record<string, unknown>>;

export function openEmergency({ exceptional }: Instance, args: Args): Promise<OpenedEmergency> {
  return exceptional.emergencies.open(signedOf(args));
}

export function reviewEmergency({ exceptional }: Instance, args: Args): Promise<ReviewedEmergency> {
  return exceptional.emergencies.review(signedOf(args));
}

/** @param args - `overdue`: only those that nobody has reviewed in time. */
export async function listEmergencies({ exceptional }: Instance, args: Args): Promise<ShownEmergency[]> {
  const all = await exceptional.shownEmergencies();
  return args['overdue'] === true ? all.filter(({ isOverdue }) => isOverdue) : all;
}

export function addDuty({ exceptional }: Instance, args: Args): Promise<OpenedDuty> {
  return exceptional.duties.add(signedOf(args));
}

export function endDuty({ exceptional }: Instance, args: Args): Promise<EndedDuty> {
  return exceptional.duties.end(signedOf(args));
}

export function listDuties({ exceptional }: Instance): Promise<ShownDuty[]> {
  return Promise.resolve(exceptional.shownDuties());
}

/** Origin of the log, which signed documents name. */
export function logOrigin({ identity }: Instance): Promise<{ origin: string }> {
  return Promise.resolve({ origin: identity.origin });
}

function signedOf(args: Args): Buffer {
  return Buffer.from(String(args['signed']), 'utf8');
}
