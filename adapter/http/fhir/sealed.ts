/** Answers for the caller's eyes alone: sealed to its certified key where it asks for `application/jose`. */
import type { Response } from 'express';
import { sealAnswer } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import type { FacadeAnswer } from '../../services/facade/index.js';
import { callerOf } from '../auth/index.js';
import { acceptsSealed } from './headers.js';

/** A sealed answer is made in memory, several times over. */
const BYTES_MAX = 32 * 1024 * 1024;
const JOSE = 'application/jose';

/** Whether the answer to a request is to be sealed. */
export function isSealed({ req: request }: Response): boolean {
  return acceptsSealed(request.headers.accept);
}

/** Sends bytes as they are, or sealed. Length and encryption hide the content, not that there is some. */
export async function sendBytes(response: Response, bytes: Buffer, contentType: string): Promise<void> {
  if (!isSealed(response)) {
    response.set('Content-Type', contentType).send(bytes);
    return;
  }
  const { fingerprint: kid, x25519: publicKey } = callerOf(response.req);
  const head = { contentType, url: response.req.originalUrl };
  const jwe = await sealAnswer(bytes, head, { kid, publicKey });
  // As bytes, so that no character set is named.
  response.set('Content-Type', JOSE).send(Buffer.from(jwe, 'latin1'));
}

/** @throws AdapterError ADAPTER_NOT_ACCEPTABLE for more than can be sealed at once. */
export async function gathered({ body }: Extract<FacadeAnswer, { kind: 'content' }>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > BYTES_MAX)
      throw new AdapterError('ADAPTER_NOT_ACCEPTABLE', 'it is too large to be sealed: ask for it unsealed');
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}
