import type { Instance } from '../instance/instance.js';

/** How often the depth is looked at, ms. */
const LOOK_MS = 25;

/**
 * Waits until everything that was acknowledged has been dealt with.
 *
 * @param onLook - Told of the events that are still pending.
 */
export async function drain(
  instance: Instance,
  onLook: (pending: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<void> {
  while (!instance.isIdle()) {
    signal?.throwIfAborted();
    onLook(instance.inbox.pendingCount);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
