/** Sends what was written, and tells how far it is: an image is large, and a ward's network slow. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { OperationOutcome } from 'fhir/r4.js';
import { CLINICAL_WRITE_KIND } from '../../../adapter/http/contract/index.js';
import type { Written } from '../../../adapter/http/contract/index.js';
import { toBase64url, utf8 } from '../../../ledger/proofs/index.js';
import { Refusal } from '../session/ask.js';
import type { Wallet } from '../wallet/wallet.js';
import { signedAct } from '../work/signed-act.js';
import type { Draft } from './drafts.js';

const TIMEOUT_MS = 300_000;
const CREATED = 201;

/** @param progress - Told the share that was sent, 0 to 1. @throws Refusal */
export async function sendWrite(
  wallet: Wallet,
  patient: string,
  draft: Draft,
  progress: (share: number) => void,
): Promise<Written> {
  const resource = JSON.stringify(draft);
  const signed = await signedAct(wallet, {
    kind: CLINICAL_WRITE_KIND,
    patient,
    resource: toBase64url(sha256(utf8(resource))),
  });
  const body = JSON.stringify({ ...signed, resource });
  return new Promise((settle, fail) => {
    // `fetch` does not tell how far it is.
    const request = new XMLHttpRequest();
    request.open('POST', '/clinical/records');
    request.timeout = TIMEOUT_MS;
    const away = (): void => fail(new Refusal(0, 'the server cannot be reached'));
    request.addEventListener('error', away);
    request.addEventListener('timeout', away);
    request.upload.addEventListener('progress', ({ loaded, total }) => {
      if (total > 0) progress(loaded / total);
    });
    request.addEventListener('load', () => {
      if (request.status === CREATED) settle(JSON.parse(request.responseText) as Written);
      else fail(new Refusal(request.status, wordsIn(request.responseText)));
    });
    request.send(body);
  });
}

function wordsIn(text: string): string {
  try {
    return (JSON.parse(text) as Partial<OperationOutcome>).issue?.[0]?.diagnostics ?? '';
  } catch {
    return '';
  }
}
