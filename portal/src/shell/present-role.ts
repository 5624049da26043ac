/** Whose wallet is open, for the ways to the pages. Known here without loading what a wallet needs. */
import { useSyncExternalStore } from 'react';

let present: string | undefined;
const listeners = new Set<() => void>();

/** Told by the wallet when it is opened and when it is locked. */
export function tellRole(role: string | undefined): void {
  present = role;
  for (const listener of listeners) listener();
}

export function usePresentRole(): string | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => present,
  );
}
