/** What a researcher does with a cohort: defined, counted, asked for, exported, fetched. */
import type {
  AggregateAnswer,
  AggregateQuestion,
  ShownCohort,
} from '../../../adapter/http/contract/index.js';
import { readFile } from '../ledger/log-files.js';
import { readToEnd, Refusal } from '../session/ask.js';
import { askAs } from '../session/session.js';
import { saveFile } from '../shell/save-file.js';
import { detachedJws, documentBytes } from '../wallet/detached-jws.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';

const REQUEST_KIND = 'firebreak cohort request';
const DECISION_KIND = 'firebreak cohort decision';
/** Between two looks at an export, ms. */
const LOOK_MS = 1000;

async function post<T>(wallet: Wallet, path: string, body = ''): Promise<T> {
  return (await (await askAs(wallet, path, { method: 'POST', body })).json()) as T;
}

/** @param definition - YAML or JSON. @throws Refusal that names lines. */
export function define(wallet: Wallet, definition: string): Promise<ShownCohort> {
  return post(wallet, '/cohorts', definition);
}

export function countOf(wallet: Wallet, { id }: ShownCohort): Promise<AggregateAnswer> {
  return post(wallet, `/cohorts/${id}/feasibility`);
}

export function aggregate(
  wallet: Wallet,
  { id }: ShownCohort,
  question: AggregateQuestion,
): Promise<AggregateAnswer> {
  return post(wallet, `/cohorts/${id}/aggregate`, JSON.stringify(question));
}

/** Signs what is asked of the hospitals, or what a hospital says to it, over the definition that is shown. */
export async function signCohort(
  wallet: Wallet,
  { id, definitionHash }: ShownCohort,
  outcome?: 'approved' | 'refused' | 'ended',
): Promise<void> {
  const fingerprint = fingerprintOf(wallet) ?? '';
  const vkey = new TextDecoder().decode(await readFile('/log/vkey'));
  const document = {
    kind: outcome === undefined ? REQUEST_KIND : DECISION_KIND,
    log: vkey.split('+')[0] ?? '',
    signer: wallet.certificate?.id ?? '',
    at: new Date().toISOString(),
    cohort: id,
    definition: definitionHash,
    ...(outcome === undefined ? {} : { outcome }),
  };
  const jws = detachedJws(wallet.keys, fingerprint, documentBytes(document));
  await post(
    wallet,
    outcome === undefined ? '/cohorts/requests' : '/cohorts/decisions',
    JSON.stringify({ document, jws }),
  );
}

/** Begins an export and waits until it is there. @param onProgress - In the server's words. @throws Refusal */
export async function exportCohort(
  wallet: Wallet,
  { id }: ShownCohort,
  onProgress: (text: string) => void,
): Promise<void> {
  const begun = await askAs(wallet, `/fhir/Group/${id}/$export`, { headers: { Prefer: 'respond-async' } });
  await readToEnd(begun);
  const status = new URL(begun.headers.get('Content-Location') ?? '', location.origin).pathname;
  for (;;) {
    const answer = await askAs(wallet, status);
    await readToEnd(answer);
    if (answer.status !== 202) return;
    onProgress(answer.headers.get('X-Progress') ?? '');
    const waitS = Number(answer.headers.get('Retry-After') ?? '1');
    await new Promise((resolve) => setTimeout(resolve, Number.isFinite(waitS) ? waitS * 1000 : LOOK_MS));
  }
}

/** Fetches a file of an export and lets it be saved. @throws Refusal */
export async function saveExported(wallet: Wallet, id: string, name: string): Promise<void> {
  const answer = await askAs(wallet, `/fhir/bulk/${id}/${name}`);
  const type = answer.headers.get('Content-Type');
  if (type === null) throw new Refusal(answer.status, 'the file has no type');
  saveFile(name, await answer.blob(), type);
}
