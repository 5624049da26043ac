/** Lets patients act, phase by phase: many at a time, each thing once. */
import { DemoError } from '../errors.js';
import { DEMO_SEED } from '../patients.js';
import type { ConsentKind } from './documents.js';
import { FirebreakClient } from './firebreak-client.js';
import { makeKeys } from './keys.js';
import { choiceOf, CONSENT_MIX } from './mix.js';
import type { ConsentChoice, ConsentMix } from './mix.js';
import { enrolled, sign, withdraw } from './wallet-acts.js';
import type { Run } from './wallet-acts.js';
import { WalletFile } from './wallet-file.js';

/** `first`: all who decide at once; `late`: those who were slow; `withdraw`: those who change their mind. */
export type ConsentPhase = 'first' | 'late' | 'withdraw';

export interface RunConsentsOptions {
  /** Base address of Firebreak, such as `http://127.0.0.1:8080`. */
  readonly firebreakUrl: string;
  /** Id of the source at Firebreak. */
  readonly source: string;
  /** The source's secret: the hospital asks for the invitations. */
  readonly sourceSecret: string;
  /** Logical ids of Patients at the source. */
  readonly patientIds: readonly string[];
  /** Folder of `wallets.ndjson`. */
  readonly dataDir: string;
  /** Default `first`. */
  readonly phase?: ConsentPhase;
  /** Default `CONSENT_MIX`. */
  readonly mix?: ConsentMix;
  /** Of the draw of choices; default `DEMO_SEED`. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Patients at a time; default 8. */
  readonly concurrency?: number;
  /** The machine's clock by default. */
  readonly nowMs?: () => number;
  /** Called after each patient. */
  readonly onProgress?: (report: ConsentsReport) => void;
}

/** What this run did; what earlier runs had done is not in it. */
export interface ConsentsReport {
  /** Patients enrolled. */
  enrolled: number;
  /** Documents that permit. */
  consents: number;
  refusals: number;
  /** Documents that withdraw. */
  withdrawals: number;
  /** Patients for whom there was nothing left to do. */
  unchanged: number;
  /** Patients whose enrolment or document Firebreak refused. */
  failed: number;
  /** Why the first of them was refused. */
  firstFailure?: string;
}

export type EnrolAndConsentOptions = Omit<RunConsentsOptions, 'mix' | 'phase'>;

const CONCURRENCY_DEFAULT = 8;
/** Patients in one request for invitations. */
const INVITATIONS_MAX = 500;
/** Everyone signs at once. */
const ALL_SIGN: ConsentMix = { full: 1, careOnly: 0, late: 0, refuse: 0, withdraw: 0 };

const DOCUMENTS: Readonly<
  Record<ConsentChoice, Readonly<Partial<Record<ConsentPhase, readonly ConsentKind[]>>>>
> = {
  full: { first: ['care', 'research'] },
  careOnly: { first: ['care'] },
  late: { late: ['care', 'research'] },
  refuse: { first: ['refusal'] },
  withdraw: { first: ['care', 'research'], withdraw: [] },
};

/**
 * Lets the patients of one phase act. What was done is noted in the wallets' file before and after, so that a run
 * after a crash sends again what may not have arrived, byte for byte, and does nothing twice.
 *
 * @throws DemoError DEMO_FIREBREAK_UNREACHABLE when Firebreak is away for more than a minute (not after the signal),
 * DEMO_FIREBREAK_REFUSED when it refuses the hospital, DEMO_WALLETS_DAMAGED.
 */
export async function runConsents(options: RunConsentsOptions): Promise<ConsentsReport> {
  const { patientIds, phase = 'first', mix = CONSENT_MIX, seed = DEMO_SEED } = options;
  const signal = options.signal ?? new AbortController().signal;
  const report: ConsentsReport = {
    enrolled: 0,
    consents: 0,
    refusals: 0,
    withdrawals: 0,
    unchanged: 0,
    failed: 0,
  };
  const file = await WalletFile.open(options.dataDir);
  try {
    const acting = [...new Set(patientIds)].filter(
      (id) => DOCUMENTS[choiceOf(seed, id, mix)][phase] !== undefined,
    );
    const client = new FirebreakClient(options.firebreakUrl, signal);
    const run = { options, client, file, report, nowMs: options.nowMs ?? Date.now };
    const oid = acting.some((id) => file.get(id)?.enrolment === undefined) ? await client.x25519Oid() : '';
    for (let from = 0; from < acting.length && !signal.aborted; from += INVITATIONS_MAX) {
      const group = acting.slice(from, from + INVITATIONS_MAX);
      await prepare(run, group);
      await forEachOf(group, options.concurrency ?? CONCURRENCY_DEFAULT, signal, async (patient) => {
        await act(run, patient, phase, DOCUMENTS[choiceOf(seed, patient, mix)][phase] ?? [], oid);
      });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await file.close();
  }
  return report;
}

/** Enrols patients and signs the usual two consents for each: care and research. Repeating it adds nothing. */
export function enrolAndConsent(options: EnrolAndConsentOptions): Promise<ConsentsReport> {
  return runConsents({ ...options, mix: ALL_SIGN, phase: 'first' });
}

/** Makes the keys of those who have none, and asks invitations for those who are not enrolled. */
async function prepare({ options, client, file }: Run, patients: readonly string[]): Promise<void> {
  await Promise.all(
    patients
      .filter((patient) => file.get(patient) === undefined)
      .map((patient) => file.note({ do: 'made', patient, keys: makeKeys() })),
  );
  const uninvited = patients.filter((patient) => {
    const wallet = file.get(patient);
    return wallet?.enrolment === undefined && wallet?.invitation === undefined;
  });
  if (uninvited.length === 0) return;
  const codes = await client.invite(options.source, options.sourceSecret, uninvited);
  await Promise.all(
    [...codes].map(([patient, invitation]) => file.note({ do: 'invited', patient, invitation })),
  );
}

async function act(
  run: Run,
  patient: string,
  phase: ConsentPhase,
  kinds: readonly ConsentKind[],
  x25519Oid: string,
): Promise<void> {
  const { report, options } = run;
  try {
    const enrolment = await enrolled(run, patient, x25519Oid);
    const done =
      phase === 'withdraw'
        ? await withdraw(run, patient, enrolment)
        : await sign(run, patient, enrolment, kinds);
    if (!done) report.unchanged++;
  } catch (error) {
    // One patient's refusal is theirs; an address that does not answer, or a full disk, is everyone's.
    if (!(error instanceof DemoError) || error.code !== 'DEMO_FIREBREAK_REFUSED') throw error;
    report.failed++;
    report.firstFailure ??= error.message;
  }
  options.onProgress?.({ ...report });
}

async function forEachOf<T>(
  items: readonly T[],
  concurrency: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !signal.aborted && !failed) {
      const item = items[next++] as T;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: concurrency }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
