import type { Appender, StateView } from '../../../ledger/custody/index.js';
import type { Store } from '../../../ledger/store.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import type { Inbox } from '../../inbound/inbox.js';
import type { Records } from '../../instance/records.js';
import type { Sources } from '../../instance/sources.js';
import type { Subjects } from '../../instance/subjects.js';
import type { Logger } from '../../logger.js';
import type { PushIdentifiers } from '../push/identifiers.js';
import type { ErasureTables } from './tables.js';

/** The parts of an instance that erasing works on. */
export interface ErasuresOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly dataDir: string;
  readonly appender: Appender;
  readonly sources: Sources;
  readonly subjects: Subjects;
  readonly records: Records;
  readonly pushIdentifiers: Pick<PushIdentifiers, 'eraseWrites'>;
  readonly inbox: Inbox;
  /** Removes the sealed files that no row names any more. */
  readonly sweepBodies: () => Promise<unknown>;
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** How long receipts and evidence are kept. */
  readonly retentionYears: number;
  /** Told of a patient of whom nothing may stay in memory. */
  readonly onErased: (subjectKey: string) => void;
}

export interface ErasureContext extends ErasuresOptions {
  readonly tables: ErasureTables;
  /** The committed rows. */
  readonly view: Pick<StateView, 'get'>;
  /** Ends waiting when the instance closes. */
  readonly closing: AbortSignal;
}
