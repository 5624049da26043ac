import { isNothingMissed } from '../../../ledger/proofs/index.js';
import type { Instance } from '../../instance/instance.js';
import { showSource } from '../source-admin.js';
import type { ShownSource } from '../source-admin.js';
import { Certificates } from './certificates.js';

/** The newest reconciliation of a source. */
export interface LastReconciled {
  readonly handle: string;
  /** When it began to read. */
  readonly at: string;
  readonly isNothingMissed: boolean;
}

/** All that is known of a source, and when it was last reconciled. @throws AdapterError ADAPTER_NOT_FOUND */
export async function showReconciled(
  instance: Instance,
  id: string,
): Promise<ShownSource & { readonly reconciled: LastReconciled | null }> {
  const shown = showSource(instance, id);
  const last = await new Certificates(instance.store, instance.keys.storage.indexKey).last(id);
  if (last === undefined) return { ...shown, reconciled: null };
  const { handle, document } = last;
  return {
    ...shown,
    reconciled: { handle, at: document.begun, isNothingMissed: isNothingMissed(document) },
  };
}
