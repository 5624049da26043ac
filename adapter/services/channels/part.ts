/** Leaving a source: what we made there is taken away while we can still ask for it. */
import { codeOf } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { channelStates } from './states.js';
import { endSubscriptions } from './subscriptions.js';
import { reasonOf } from './wanted.js';

/** Who removes a source waits for it no longer, ms. */
const PART_MS_MAX = 15_000;

/**
 * Takes the Subscriptions of a source away that is about to be left, as far as it answers; what stays there fails at our
 * hook, whose secret is another by then.
 *
 * @returns Whether all are gone.
 */
export async function partFromSource(instance: Instance, id: string): Promise<boolean> {
  const states = channelStates(instance);
  const client = instance.client(id);
  if (client === undefined) return true;
  try {
    await states.alone(id, async () =>
      endSubscriptions({
        source: id,
        client,
        states,
        reason: reasonOf(instance, id),
        nowMs: instance.nowMs,
        logger: instance.logger,
        signal: AbortSignal.timeout(PART_MS_MAX),
      }),
    );
  } catch (error) {
    instance.logger.warn('Subscriptions stay at the source', { source: id, code: codeOf(error) });
  }
  return Object.keys(states.of(id).subscriptions).length === 0;
}
