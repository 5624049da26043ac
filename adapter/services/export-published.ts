/** The published log as files. */
import { exportLog } from '../../ledger/engines/index.js';
import type { Exported } from '../../ledger/engines/index.js';
import type { Instance } from '../instance/instance.js';
import { proofSchemaFiles } from './proof-schema.js';

/** Witnesses get this long to cosign what was committed just before, ms. */
const COSIGNED_MS_MAX = 3000;

/**
 * Writes the log and the schemas of its entries and proof files, as of the checkpoint that is served: where there is a witness policy, the one that a quorum cosigned.
 *
 * @throws LedgerError as `exportLog` does.
 */
export async function exportPublished(instance: Instance, dir: string): Promise<Exported> {
  const { engine, witnessing } = instance;
  // A checkpoint without its quorum is not for the folder: what it has is shown to those who want cosigned ones.
  await witnessing.covering(engine.head().size, COSIGNED_MS_MAX);
  const note = witnessing.published();
  return exportLog({ checkpoint: () => note, read: (path) => engine.read(path) }, dir, proofSchemaFiles);
}
