/** An import from its first file to its last committed entry. */
import { join } from 'node:path';
import { AdapterError } from '../errors.js';
import { importFiles } from '../inbound/import.js';
import type { ImportProgress } from '../inbound/import.js';
import type { Instance } from '../instance/instance.js';
import { drain } from './drain.js';
import { serveHttp } from './server.js';

export interface ImportArgs {
  readonly paths: readonly string[];
  /** Source that the files count as; made at the first import. */
  readonly source: string;
  /** Gives each imported patient a demo wallet that signs the usual consents. */
  readonly demo: boolean;
}

export interface ImportResult extends ImportProgress {
  readonly handled: Readonly<Record<string, number>>;
  readonly stored: Readonly<Record<string, number>>;
  readonly waiting: { readonly events: number; readonly patients: number };
  readonly deadLetters: { readonly count: number; readonly byCode: Readonly<Record<string, number>> };
  readonly entries: Readonly<Record<string, number>>;
  readonly log: { readonly size: number; readonly root: string };
  readonly wallets?: { readonly enrolled: number; readonly consents: number };
}

/**
 * Imports files and waits until all of it has been dealt with.
 *
 * @throws AdapterError ADAPTER_FORBIDDEN for demo wallets on an instance that is no demo; as `importFiles` does.
 */
export async function runImport(
  instance: Instance,
  args: ImportArgs,
  onProgress: (progress: ImportProgress & { pending?: number }) => void,
  signal?: AbortSignal,
): Promise<ImportResult> {
  if (args.demo && !instance.identity.demo) {
    throw new AdapterError('ADAPTER_FORBIDDEN', 'demo wallets are for a demo instance, and this one is real');
  }
  await ensureImportSource(instance, args.source);
  const before = {
    handled: { ...instance.statistics.pipeline },
    stored: { ...instance.statistics.storedByType },
  };
  const patients = new Set<string>();
  const progress = await importFiles(args.paths, {
    source: args.source,
    inbox: instance.inbox,
    statistics: instance.statistics,
    nowMs: instance.nowMs,
    onProgress,
    onPatient: (id) => patients.add(id),
    ...(signal === undefined ? {} : { signal }),
  });
  const wallets = args.demo ? await demoWallets(instance, args.source, [...patients]) : undefined;
  await drain(instance, (pending) => onProgress({ ...progress, pending }), signal);
  const byCode: Record<string, number> = {};
  let count = 0;
  for await (const { code, source } of instance.inbox.deadLetters()) {
    if (source !== args.source) continue;
    count += 1;
    byCode[code] = (byCode[code] ?? 0) + 1;
  }
  const { size, root } = instance.engine.head();
  return {
    ...progress,
    handled: since(before.handled, instance.statistics.pipeline),
    stored: since(before.stored, instance.statistics.storedByType),
    waiting: await instance.inbox.waiting(),
    deadLetters: { count, byCode },
    entries: instance.totals(),
    log: { size, root: root.toString('base64') },
    ...(wallets === undefined ? {} : { wallets }),
  };
}

async function ensureImportSource(instance: Instance, id: string): Promise<void> {
  const known = instance.sources.get(id);
  if (known !== undefined) {
    if (known.kind === 'import') return;
    throw new AdapterError('ADAPTER_CONFLICT', `${id} is a FHIR server; choose another --source for files`);
  }
  const { participant, id: custodianId, name } = instance.organisation;
  await instance.sources.add(
    {
      id,
      kind: 'import',
      name: 'imported files',
      custodian: { participant, id: custodianId, name },
      allowResearch: true,
    },
    instance.nowMs(),
  );
}

/** The wallets come in through the public address, as real ones do; where nothing listens yet, one is opened. */
async function demoWallets(
  instance: Instance,
  source: string,
  patientIds: readonly string[],
): Promise<{ enrolled: number; consents: number }> {
  const secret = instance.sources.get(source)?.secret ?? '';
  // Loaded when it is asked for: a real instance never has it in memory.
  const { enrolAndConsent } = await import('../../demo/index.js');
  const server = await serveHttp({ ...instance, config: { ...instance.config, port: 0 } }, () => undefined);
  try {
    return await enrolAndConsent({
      firebreakUrl: server.address,
      source,
      sourceSecret: secret,
      patientIds,
      // Beside the demo hospital's own wallets: another source may have patients of the same ids.
      dataDir: join(instance.config.dataDir, 'demo', `wallets-${source}`),
    });
  } finally {
    await server.close();
  }
}

function since(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [name, count] of Object.entries(now)) {
    const grown = count - (before[name] ?? 0);
    if (grown > 0) out[name] = grown;
  }
  return out;
}
