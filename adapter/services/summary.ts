/** The summary: what happened, in figures that can be checked against the log. */
import type { Performance } from '../../analytics/index.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import type { Instance } from '../instance/instance.js';
import type { SeverityOutcome } from './severity.js';

export interface Summary {
  readonly origin: string;
  readonly demo: boolean;
  /** This run's events by channel and by resource type. */
  readonly received: {
    readonly byChannel: Readonly<Record<string, number>>;
    readonly byType: Readonly<Record<string, number>>;
  };
  /** What this run did with them. */
  readonly handled: Readonly<Record<string, number>>;
  /** Resources stored in this run, by type. */
  readonly stored: Readonly<Record<string, number>>;
  /** Entries of the whole log, by type. */
  readonly entries: Readonly<Record<string, number>>;
  /** What waits now, sealed, for its patients' answers. */
  readonly waiting: { readonly events: number; readonly patients: number };
  readonly deadLetters: { readonly count: number; readonly byCode: Readonly<Record<string, number>> };
  readonly log: { readonly size: number; readonly root: string };
  readonly verify: { readonly ok: boolean; readonly failures: readonly string[] };
  readonly model?: {
    readonly handle: string;
    readonly trainedNow: boolean;
    readonly performance: Performance;
  };
  readonly noModel?: string;
  readonly scores: { readonly issuedNow: number; readonly notScored: Readonly<Record<string, number>> };
  readonly address?: string;
}

/** Gathers the summary, the verification of the whole log included. */
export async function summarise(
  instance: Instance,
  severity: SeverityOutcome | undefined,
  address?: string,
): Promise<Summary> {
  const { statistics, engine } = instance;
  const report = await verifyLog(storeReader(instance.store));
  const byCode: Record<string, number> = {};
  let count = 0;
  for await (const { code } of instance.inbox.deadLetters()) {
    count += 1;
    byCode[code] = (byCode[code] ?? 0) + 1;
  }
  const { size, root } = engine.head();
  return {
    origin: instance.identity.origin,
    demo: instance.identity.demo,
    received: { byChannel: statistics.receivedByChannel, byType: statistics.receivedByType },
    handled: { ...statistics.pipeline },
    stored: statistics.storedByType,
    entries: instance.totals(),
    waiting: await instance.inbox.waiting(),
    deadLetters: { count, byCode },
    log: { size, root: root.toString('base64') },
    verify: {
      ok: report.ok,
      failures: report.checks
        .filter(({ ok }) => !ok)
        .map(({ name, failure }) => `${name}: ${failure?.rule ?? ''}`),
    },
    ...(severity?.model === undefined
      ? {}
      : {
          model: {
            handle: severity.model.handle,
            trainedNow: severity.trainedNow,
            performance: severity.model.performance,
          },
        }),
    ...(severity?.why === undefined ? {} : { noModel: severity.why }),
    scores: { issuedNow: severity?.scored ?? 0, notScored: severity?.notScored ?? {} },
    ...(address === undefined ? {} : { address }),
  };
}
