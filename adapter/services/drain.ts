import type { Instance } from '../instance/instance.js';

/** How often the depth is looked at, ms. */
const LOOK_MS = 25;

/**
 * Waits until everything that was acknowledged has been dealt with.
 *
 * @throws AdapterError ADAPTER_DISK_FULL or ADAPTER_STORE_FAILED when the store ends writing meanwhile.
 * @param onLook - Told of the events that are still pending.
 */
export async function drain(
  instance: Instance,
  onLook: (pending: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<void> {
  while (!instance.isIdle()) {
    signal?.throwIfAborted();
    const failure = instance.storeFailure();
    if (failure !== undefined) throw failure;
    onLook(instance.inbox.pendingCount);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
