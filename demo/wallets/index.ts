/** Patients' wallets: they enrol with Firebreak, sign consents and refusals, and withdraw. */
import { randomUUID } from 'node:crypto';
import { DemoError } from '../errors.js';
import { DEMO_SEED } from '../patients.js';
import { consentDocument } from './documents.js';
import type { ConsentKind, ConsentTerms } from './documents.js';
import { FirebreakClient } from './firebreak-client.js';
import type { Enrolment } from './firebreak-client.js';
import { certificationRequest, makeKeys } from './keys.js';
import { choiceOf, CONSENT_MIX } from './mix.js';
import type { ConsentChoice, ConsentMix } from './mix.js';
import { signedBundle } from './signed-bundle.js';
import { WalletFile } from './wallet-file.js';
import type { Wallet } from './wallet-file.js';

export { CONSENT_MIX } from './mix.js';
export type { ConsentMix } from './mix.js';

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

interface Run {
  readonly options: RunConsentsOptions;
  readonly client: FirebreakClient;
  readonly file: WalletFile;
  readonly report: ConsentsReport;
  readonly nowMs: () => number;
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

async function enrolled(run: Run, patient: string, x25519Oid: string): Promise<Enrolment> {
  const { client, file, options, report } = run;
  const wallet = walletOf(file, patient);
  if (wallet.enrolment !== undefined) return wallet.enrolment;
  // The name says nothing: the authority gives its own.
  const csr = certificationRequest(wallet.keys, 'wallet', x25519Oid);
  let enrolment: Enrolment;
  try {
    enrolment = await client.enrol(wallet.invitation ?? '', csr, wallet.keys.ed25519.x);
  } catch (error) {
    if (!(error instanceof DemoError) || error.code !== 'DEMO_FIREBREAK_REFUSED') throw error;
    // An invitation ends after some days: one more is asked for, once.
    const fresh = (await client.invite(options.source, options.sourceSecret, [patient])).get(patient);
    if (fresh === undefined) throw error;
    await file.note({ do: 'invited', patient, invitation: fresh });
    enrolment = await client.enrol(fresh, csr, wallet.keys.ed25519.x);
  }
  await file.note({ do: 'enrolled', patient, enrolment });
  report.enrolled++;
  return enrolment;
}

/** Signs what is not signed yet. @returns Whether there was anything to do. */
async function sign(
  run: Run,
  patient: string,
  enrolment: Enrolment,
  kinds: readonly ConsentKind[],
): Promise<boolean> {
  let done = false;
  for (const kind of kinds) {
    const known = walletOf(run.file, patient).documents.find(
      (one) => one.kind === kind && one.status === 'active',
    );
    if (known?.sent === true) continue;
    const document = known ?? {
      kind,
      identifier: randomUUID(),
      dateTimeMs: run.nowMs(),
      status: 'active' as const,
    };
    await hand(run, patient, enrolment, document, known === undefined);
    if (kind === 'refusal') run.report.refusals++;
    else run.report.consents++;
    done = true;
  }
  return done;
}

/** Withdraws every consent that was handed in: the same identifier, a later date, inactive. */
async function withdraw(run: Run, patient: string, enrolment: Enrolment): Promise<boolean> {
  let done = false;
  for (const consent of walletOf(run.file, patient).documents) {
    if (consent.status !== 'active' || !consent.sent || consent.kind === 'refusal') continue;
    const known = walletOf(run.file, patient).documents.find(
      ({ identifier, status }) => identifier === consent.identifier && status === 'inactive',
    );
    if (known?.sent === true) continue;
    const dateTimeMs = Math.max(run.nowMs(), consent.dateTimeMs + 1);
    const { kind, identifier } = consent;
    const document = known ?? { kind, identifier, dateTimeMs, status: 'inactive' as const };
    await hand(run, patient, enrolment, document, known === undefined);
    run.report.withdrawals++;
    done = true;
  }
  return done;
}

/** Decides, sends, and notes that it arrived. A crash in between sends the same bytes again. */
async function hand(
  { client, file }: Run,
  patient: string,
  enrolment: Enrolment,
  terms: ConsentTerms,
  isNew: boolean,
): Promise<void> {
  const { kind, identifier, dateTimeMs, status } = terms;
  const document: ConsentTerms = { kind, identifier, dateTimeMs, status };
  if (isNew) await file.note({ do: 'decided', patient, document });
  const { keys } = walletOf(file, patient);
  await client.submit(signedBundle(consentDocument(enrolment, document), keys, enrolment.fingerprint));
  await file.note({ do: 'sent', patient, document });
}

function walletOf(file: WalletFile, patient: string): Wallet {
  const wallet = file.get(patient);
  if (wallet === undefined) throw new DemoError('DEMO_WALLETS_DAMAGED', 'a patient has no wallet');
  return wallet;
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
