/** The wards: they go on entering values at the hospital, whose server tells Firebreak as a HAPI server would. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from './random.js';
import { carryOut } from './wards/act.js';
import { HookSender } from './wards/hooks.js';
import type { HookCounts } from './wards/hooks.js';
import { HospitalClient } from './wards/hospital-client.js';
import { indexOf, wardPlan } from './wards/plan.js';
import type { WardStep } from './wards/plan.js';

export interface RunWardsOptions {
  /** FHIR base of the hospital. */
  readonly hospitalUrl: string;
  /** The hospital's own secret. */
  readonly hospitalToken: string;
  /** Where Firebreak takes this hospital's hooks: `…/hooks/{source}`. */
  readonly hookUrl: string;
  /** Secret of the source at Firebreak. */
  readonly hookSecret: string;
  /** The hospital's seed: values then fit the patients. */
  readonly seed: number;
  /**
   * Length of the plan in steps, counted from the hospital's beginning and not from this run's: a run after a restart
   * does what is left, and one that finds all done writes nothing. Without it the wards go on until the signal.
   */
  readonly events?: number;
  /** Steps a second, at most. */
  readonly ratePerS: number;
  readonly signal: AbortSignal;
  /** How late hooks go out, ms; default HAPI's 600 to 5,000. */
  readonly hookDelayMs?: readonly [min: number, max: number];
  /** Waits between tries of one hook, ms; default HAPI's. */
  readonly retryMs?: readonly number[];
  /** The machine's clock by default. */
  readonly nowMs?: () => number;
  /** Called after each step. */
  readonly onProgress?: (report: WardsReport) => void;
}

export interface WardsReport extends Readonly<HookCounts> {
  /** Versions and deletions written to the hospital by this run. */
  readonly written: number;
  /** Steps of the plan that are done, those of earlier runs included. */
  readonly position: number;
}

const HOOK_DELAY_MS = [600, 5000] as const;
/** Of the written: hooks that are sent twice, that come very late, and that are preceded by an empty one. */
const REPEATED_SHARE = 0.04;
const STRAGGLER = { share: 0.06, factor: 3 };
const EMPTY_SHARE = 0.02;

/**
 * Runs the wards. Where the plan stands is read from the hospital: what was entered there is not entered again.
 * Hooks that were under way when a run stopped are lost, as a real server's are.
 *
 * @throws DemoError DEMO_HOSPITAL_REFUSED when the hospital does not answer or refuses; not after the signal.
 */
export async function runWards(options: RunWardsOptions): Promise<WardsReport> {
  const nowMs = options.nowMs ?? Date.now;
  const hospital = new HospitalClient(options.hospitalUrl, options.hospitalToken);
  const sender = new HookSender({
    url: options.hookUrl.replace(/\/+$/, ''),
    secret: options.hookSecret,
    signal: options.signal,
    ...(options.retryMs === undefined ? {} : { retryMs: options.retryMs }),
  });
  const random = new Random(options.seed, 'hooks');
  const [delayMin, delayMax] = options.hookDelayMs ?? HOOK_DELAY_MS;
  let written = 0;
  let position = 0;
  const report = (): WardsReport => ({ ...sender.counts, written, position });
  try {
    const inpatients = await hospital.census((id) => (indexOf(id.replace(/-e1$/, '')) ?? 0) < 5_000_000);
    const plan = wardPlan(options.seed, inpatients);
    const steps: WardStep[] = [];
    const stepAt = (number: number): WardStep => {
      while (steps.length <= number) steps.push(plan.next().value as WardStep);
      return steps[number] as WardStep;
    };
    position = await findPosition(hospital, stepAt);
    // Up to the first write of this run, a step of the last run may have been done in part or in full.
    let check = true;
    const end = options.events ?? Number.POSITIVE_INFINITY;
    let dueMs = performance.now();
    while (position < end && !options.signal.aborted) {
      const step = stepAt(position);
      const writes = await carryOut(step, options.seed, hospital, nowMs(), check);
      if (writes.length > 0) check = false;
      for (const write of writes) {
        const number = written++;
        let delayMs = delayMin + (delayMax - delayMin) * random.uniform();
        if (random.chance(STRAGGLER.share)) delayMs *= STRAGGLER.factor;
        sender.push(write, number, delayMs);
        if (random.chance(REPEATED_SHARE)) sender.push(write, number, delayMs * (1 + random.uniform()), true);
        if (random.chance(EMPTY_SHARE)) sender.push({ method: 'POST', path: '' }, number, delayMs);
      }
      position++;
      options.onProgress?.(report());
      dueMs = Math.max(dueMs + 1000 / options.ratePerS, performance.now() - 1000);
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await sleep(waitMs, undefined, { signal: options.signal }).catch(() => {});
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    await sender.finish();
  }
  return report();
}

/** How many steps are surely done: one more than the last new value that the hospital has, or had. */
async function findPosition(hospital: HospitalClient, stepAt: (number: number) => WardStep): Promise<number> {
  const isDone = async (number: number): Promise<boolean> => {
    // Only new values leave a trace of their own; other steps are as done as the last such step before them.
    for (let at = number; at >= 0; at--) {
      const step = stepAt(at);
      if (step.kind === 'observe') return (await hospital.get(`Observation/${step.id}`)) !== undefined;
    }
    return false;
  };
  let done = 0;
  while (stepAt(done).kind !== 'observe') done++;
  if (!(await isDone(done))) return 0;
  let reach = done + 1;
  while (await isDone(reach)) {
    done = reach;
    reach *= 2;
  }
  while (reach - done > 1) {
    const middle = Math.floor((done + reach) / 2);
    if (await isDone(middle)) done = middle;
    else reach = middle;
  }
  while (done > 0 && stepAt(done).kind !== 'observe') done--;
  return done + 1;
}
