import { proofSchema } from '../../ledger/proofs/index.js';

/** The schema of proof files by its path in the published log: beside those of entries, of which it is none. */
export const proofSchemaFiles: ReadonlyMap<string, Buffer> = new Map([
  ['schemas/proof.json', Buffer.from(`${JSON.stringify(proofSchema, null, 2)}\n`, 'utf8')],
]);
