/** The kinds of rows that erasing reads and writes; what they hold is sealed. */
import { erasedKey, holdKey } from '../../../ledger/custody/index.js';
import type { Store } from '../../../ledger/store.js';
import type { StorageKeys } from '../../../ledger/vault/index.js';
import type { ErasingRow, ErasureRow } from './evidence.js';
import type { HoldRow, PastHold } from './holds.js';
import { SealedRows } from './sealed-rows.js';

export interface ErasureTables {
  /** Erasures that are not finished. */
  readonly erasing: SealedRows<ErasingRow>;
  /** Erased versions: patient `/` handle. */
  readonly erasures: SealedRows<ErasureRow>;
  /** Patients of whom all was erased; the evidence goes when retention ends. */
  readonly erased: SealedRows<{ readonly at: number; readonly evidence?: string }>;
  readonly holds: SealedRows<HoldRow>;
  /** Released holds: patient `/` time of the release. */
  readonly pastHolds: SealedRows<PastHold>;
  /** Receipts of disclosures: patient `/` handle. */
  readonly receipts: SealedRows<{ readonly receipt: string }>;
  /** Emergencies, which are a kind of receipt: patient `/` handle. */
  readonly emergencies: SealedRows<{ readonly endMs: number }>;
  /** Consents as kept: patient `/` handle. */
  readonly consents: SealedRows<{
    readonly handle: string;
    readonly identifier: string;
    readonly dateTimeMs: number;
  }>;
  readonly invitations: SealedRows<{ readonly source: string; readonly patient: string }>;
  /** Evidence of models, by handle. */
  readonly models: SealedRows<{ readonly cohort?: readonly string[] }>;
}

export function openTables(store: Store, { indexKey, vaultKek }: StorageKeys): ErasureTables {
  return {
    erasing: new SealedRows(store, indexKey, 'erasing/'),
    erasures: new SealedRows(store, indexKey, 'erasure/'),
    erased: new SealedRows(store, indexKey, erasedKey('')),
    holds: new SealedRows(store, indexKey, holdKey('')),
    pastHolds: new SealedRows(store, indexKey, 'hold-past/'),
    receipts: new SealedRows(store, indexKey, 'disclosure/'),
    emergencies: new SealedRows(store, indexKey, 'emergency/'),
    consents: new SealedRows(store, indexKey, 'consent/'),
    invitations: new SealedRows(store, indexKey, 'invitation/'),
    models: new SealedRows(store, vaultKek, 'model-evidence/'),
  };
}
