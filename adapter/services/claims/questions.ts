/** A question of a bank about expenses: its form, and whether the patient of the record signed it. */
import { hash } from 'node:crypto';
import { documentBytes, documentKid, verifyDocument } from '../../../ledger/consent/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import { expensesFault, isJsonObject, parseJson } from '../../../mappings/index.js';
import { EXPENSES_KIND } from '../../http/contract/index.js';
import type { ExpensesQuestion, SignedExpensesQuestion } from '../../http/contract/index.js';
import type { Subject } from '../../instance/subjects.js';
import { derOf } from '../ca/index.js';
import type { CertifiedRows } from '../ca/index.js';
import { timeOf, unfit } from '../exceptional/documents.js';
import { purposeCoding } from '../tokens/index.js';

/** A question is put soon, or signed anew. */
export const OPEN_MS_MAX = 90 * 86_400_000;
/** By how much the patient's clock may be ahead. */
const AHEAD_MS_MAX = 120_000;
const TEXT_CHARS_MAX = 1000;
const TEXTS = [
  'kind',
  'log',
  'signer',
  'at',
  'until',
  'patient',
  'to',
  'purpose',
  'currency',
  'start',
  'end',
] as const;
const FAULTS = {
  'bad-amount': 'atLeast is an amount above nothing, in figures',
  'bad-currency': 'no currency of ISO 4217',
  'bad-date': 'that is no day',
  'reversed-dates': 'it ends before it begins',
  'too-long': 'longer than ten years',
} as const;

/** @throws AdapterError ADAPTER_UNPROCESSABLE naming the member that is at fault; MappingError for what is no JSON. */
export function readQuestion(body: Buffer): SignedExpensesQuestion {
  const value = parseJson(body);
  const { document, jws, ...beside } = isJsonObject(value) ? value : {};
  if (!isJsonObject(document) || typeof jws !== 'string' || Object.keys(beside).length > 0)
    throw unfit('send {"document": …, "jws": …}', 'document');
  for (const name of TEXTS) {
    const text: unknown = document[name];
    if (typeof text !== 'string' || text === '' || text.length > TEXT_CHARS_MAX)
      throw unfit(`${name} is missing or too long`, `document.${name}`);
  }
  const known = new Set<string>([...TEXTS, 'atLeast']);
  for (const name of Object.keys(document))
    if (!known.has(name)) throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
  if (document['kind'] !== EXPENSES_KIND) throw unfit(`the kind is “${EXPENSES_KIND}”`, 'document.kind');
  const question = document as unknown as ExpensesQuestion;
  const fault = expensesFault(question);
  if (fault !== undefined) {
    const [code, member] = fault;
    throw unfit(`${code}: ${FAULTS[code]}`, `document.${member}`);
  }
  return { document: question, jws };
}

/**
 * That it may be put here, now, by this organisation.
 *
 * @throws AdapterError ADAPTER_UNPROCESSABLE
 */
export function requireMeant(
  { log, at, until, to, purpose }: ExpensesQuestion,
  asks: { readonly origin: string; readonly to: string; readonly purpose: string; readonly nowMs: number },
): void {
  if (log !== asks.origin) throw unfit('it is for another log', 'document.log');
  if (to !== asks.to) throw unfit('it was signed for another organisation', 'document.to');
  if (purposeCoding(purpose) !== asks.purpose)
    throw unfit('it was signed for another purpose', 'document.purpose');
  const [signedMs, untilMs] = [timeOf(at), timeOf(until)];
  if (!(signedMs <= asks.nowMs + AHEAD_MS_MAX)) throw unfit('it is signed in time to come', 'document.at');
  if (!(untilMs > asks.nowMs)) throw unfit('its time is over', 'document.until');
  if (untilMs - signedMs > OPEN_MS_MAX) throw unfit('it stands for more than 90 days', 'document.until');
}

/** Fingerprint of the patient's certificate that signed it; `undefined` where the record's patient did not. */
export function signerOf(
  rows: CertifiedRows,
  { wallet }: Subject,
  { document, jws }: SignedExpensesQuestion,
): string | undefined {
  const certified = wallet === undefined ? undefined : rows.get(wallet.participant);
  if (certified?.group !== 'patient' || certified.handle !== document.signer) return undefined;
  const kid = documentKid(jws);
  const certificate = certified.certificates
    .map((one) => readCertificate(derOf(one)))
    .find(({ fingerprint }) => fingerprint === kid);
  if (certificate === undefined) return undefined;
  const { publicKey, fingerprint } = certificate;
  return verifyDocument(formOf(document), jws, publicKey, fingerprint) === 'ok' ? fingerprint : undefined;
}

/** base64url SHA-256 of what was signed. */
export function questionHash(document: ExpensesQuestion): string {
  return hash('sha256', documentBytes(formOf(document)), 'base64url');
}

function formOf(document: ExpensesQuestion): JsonObject {
  return document as unknown as JsonObject;
}
