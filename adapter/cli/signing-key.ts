/** Signing a document on the command line with the signer's own key: it stays on this machine. */
import { createPrivateKey } from 'node:crypto';
import { signDocument } from '../../ledger/consent/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { fingerprintOf, fromPem, readCertificate } from '../../ledger/participants/index.js';
import { AdapterError } from '../errors.js';
import { readText } from './read-text.js';

/** A key and the certificate that it is certified by. */
export interface SigningKey {
  /** Id in the certificate. */
  readonly id: string;
  /** @returns JSON `{document, jws}`. */
  readonly sign: (document: object) => string;
}

/**
 * @param keyFile - PKCS#8, PEM, Ed25519.
 * @param certificateFile - PEM.
 * @throws AdapterError ADAPTER_USAGE
 */
export function signingKey(keyFile: string, certificateFile: string): SigningKey {
  const der = fromPem('CERTIFICATE', readText(certificateFile));
  if (der === undefined) throw usage(`${certificateFile} is not one PEM block of a certificate`);
  const { id } = readCertificate(der);
  const key = privateKey(keyFile);
  const kid = fingerprintOf(der);
  return {
    id,
    sign: (document) => JSON.stringify({ document, jws: signDocument(document as JsonObject, key, kid) }),
  };
}

function privateKey(file: string): ReturnType<typeof createPrivateKey> {
  const pem = readText(file);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${file} is no private key in PEM`, { cause });
  }
  throw usage(`${file} is another kind than Ed25519`);
}

function usage(message: string): AdapterError {
  return new AdapterError('ADAPTER_USAGE', message);
}
