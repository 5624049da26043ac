/** What the running instance does for other commands. */
import { exportLog } from '../../ledger/engines/index.js';
import { listDeadLetters, replayDeadLetters } from './dead-letters.js';
import type { Instance } from '../instance/instance.js';
import type { AdminHandler } from './admin.js';
import { analyse } from './analysis.js';
import { runImport } from './importing.js';
import type { ImportArgs } from './importing.js';
import { proveRecord } from './proving.js';
import type { ProveArgs } from './proving.js';
import { addSource, listSources } from './source-admin.js';
import type { AddSourceArgs } from './source-admin.js';
import type { SourceReadings } from './source-readings.js';

export function adminHandlers(
  instance: Instance,
  readings: SourceReadings,
): Readonly<Record<string, AdminHandler>> {
  return {
    analyze: (_args, onProgress) => analyse(instance, onProgress),
    import: (args, onProgress, signal) =>
      runImport(instance, args as unknown as ImportArgs, onProgress, signal),
    'source-add': (args) => addSource(instance, args as unknown as AddSourceArgs),
    'source-list': async () => listSources(instance),
    'source-sync': (args, onProgress) => readings.read(String(args['id']), onProgress),
    'dead-letters': () => listDeadLetters(instance),
    'dead-letters-replay': (args) => replayDeadLetters(instance, args['seqs'] as readonly string[]),
    prove: (args) => proveRecord(instance, args as unknown as ProveArgs),
    'log-export': (args) => exportLog(instance.engine, String(args['dir'])),
  };
}
