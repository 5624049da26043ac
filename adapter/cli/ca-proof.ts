import { createPrivateKey, sign } from 'node:crypto';
import { fromPem } from '../../ledger/participants/index.js';
import { AdapterError } from '../errors.js';

/**
 * The signature of a present key over the request for the key that takes its place.
 *
 * @param keyPem - PKCS#8.
 * @param csrPem - PKCS#10.
 * @returns 64 bytes, over the DER of the request.
 * @throws AdapterError ADAPTER_USAGE
 */
export function proofOf(keyPem: string, csrPem: string): Buffer {
  const der = fromPem('CERTIFICATE REQUEST', csrPem);
  if (der === undefined)
    throw new AdapterError('ADAPTER_USAGE', 'that is not one PEM block of a certificate request');
  try {
    const key = createPrivateKey(keyPem);
    if (key.asymmetricKeyType === 'ed25519') return sign(null, der, key);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', 'that is no private key in PEM', { cause });
  }
  throw new AdapterError('ADAPTER_USAGE', 'the certified key is an Ed25519 key; this is another kind');
}
