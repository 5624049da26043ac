/** What the running instance does for other commands. */
import { listDeadLetters, replayDeadLetters } from './dead-letters.js';
import type { Instance } from '../instance/instance.js';
import type { AdminHandler } from './admin.js';
import { analyse } from './analysis.js';
import { addClient, listClients, revokeClient } from './client-admin.js';
import type { AddClientArgs } from './client-admin.js';
import { exportPublished } from './export-published.js';
import { eraseAsAsked, eraseDue, listHolds, releaseHold, setHold } from './erasure/index.js';
import type { EraseRequest, HoldRequest } from './erasure/index.js';
import { runImport } from './importing.js';
import type { ImportArgs } from './importing.js';
import { prove } from './proofs/index.js';
import type { ProveArgs } from './proofs/index.js';
import { addSource, listSources } from './source-admin.js';
import type { AddSourceArgs } from './source-admin.js';
import type { SourceReadings } from './source-readings.js';
import { sendVaultRows } from './vault-rows.js';

export function adminHandlers(
  instance: Instance,
  readings: SourceReadings,
): Readonly<Record<string, AdminHandler>> {
  return {
    analyze: (_args, onProgress) => analyse(instance, onProgress),
    import: (args, onProgress, signal) =>
      runImport(instance, args as unknown as ImportArgs, onProgress, signal),
    'source-add': (args) => addSource(instance, args as unknown as AddSourceArgs),
    'client-add': (args) => addClient(instance, args as unknown as AddClientArgs),
    'client-list': async () => listClients(instance),
    'client-revoke': (args) => revokeClient(instance, String(args['id'])),
    'source-list': async () => listSources(instance),
    'source-sync': (args, onProgress) => readings.read(String(args['id']), onProgress),
    'dead-letters': () => listDeadLetters(instance),
    'dead-letters-replay': (args) => replayDeadLetters(instance, args['seqs'] as readonly string[]),
    prove: (args) => prove(instance, args as unknown as ProveArgs),
    erase: (args) => eraseAsAsked(instance, args as unknown as EraseRequest),
    'erase-due': () => eraseDue(instance),
    'hold-set': (args) => setHold(instance, args as unknown as HoldRequest),
    'hold-release': (args) => releaseHold(instance, args as unknown as HoldRequest),
    'hold-list': () => listHolds(instance),
    'log-export': (args) => exportPublished(instance, String(args['dir'])),
    'vault-rows': (_args, onProgress, signal) => sendVaultRows(instance.store, onProgress, signal),
    witnesses: async () => instance.witnessing.report() ?? null,
  };
}
