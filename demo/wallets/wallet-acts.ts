/** What one wallet does: enrol, sign, withdraw. Each step is noted before and after, so that it can be taken up again. */
import { randomUUID } from 'node:crypto';
import { DemoError } from '../errors.js';
import { consentDocument } from './documents.js';
import type { ConsentKind, ConsentTerms } from './documents.js';
import type { Enrolment, FirebreakClient } from './firebreak-client.js';
import { certificationRequest } from './keys.js';
import type { ConsentsReport, RunConsentsOptions } from './run-consents.js';
import { signedBundle } from './signed-bundle.js';
import type { Wallet, WalletFile } from './wallet-file.js';

/** One run's means and its count of what was done. */
export interface Run {
  readonly options: RunConsentsOptions;
  readonly client: FirebreakClient;
  readonly file: WalletFile;
  readonly report: ConsentsReport;
  readonly nowMs: () => number;
}

/** The patient's enrolment; made now when there is none. */
export async function enrolled(run: Run, patient: string, x25519Oid: string): Promise<Enrolment> {
  const { client, file, options, report } = run;
  const wallet = walletOf(file, patient);
  if (wallet.enrolment !== undefined) return wallet.enrolment;
  // The name says nothing: the authority gives its own.
  const csr = await certificationRequest(wallet.keys, 'wallet', x25519Oid);
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
export async function sign(
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
export async function withdraw(run: Run, patient: string, enrolment: Enrolment): Promise<boolean> {
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
