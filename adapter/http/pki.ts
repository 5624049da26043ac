/** The authority over HTTP: what the routes need, and those of its revocation list and of renewal. */
import type { IncomingHttpHeaders } from 'node:http';
import express from 'express';
import type { Express, Response } from 'express';
import { outcome } from './outcome.js';

export interface PkiService {
  /** What a PKCS#10 request must carry, and where a certificate names group and role. */
  readonly profile: () => {
    readonly x25519Oid: string;
    readonly groupOid: string;
    readonly roleOid: string;
    readonly keyType: 'Ed25519';
  };
  /** DER of `root` or `issuing`. */
  readonly certificate: (name: string) => Buffer | undefined;
  /** The revocation list, as DER. @throws AdapterError ADAPTER_STORE_FAILED when there is none in force */
  readonly revocationList: () => Promise<Buffer>;
  /** Renews the certificate of whose key signed the assertion; `retryAfterS` when one address asks too often. */
  readonly renew: (assertion: string, from: string) => Promise<object | { readonly retryAfterS: number }>;
  /** Invites patients of a source, at the hospital's request. */
  readonly invite: (source: string, headers: IncomingHttpHeaders, body: Buffer) => Promise<object>;
  /** Enrols a patient by invitation. */
  readonly enrol: (body: Buffer) => Promise<object>;
  /** Admits an organisation on another authority's certificate. */
  readonly register: (body: Buffer) => Promise<object>;
}

/** Where a certificate is renewed; also the audience of what asks for it. */
export const RENEWAL_PATH = '/pki/renew';

/** An assertion is far smaller. */
const ASSERTION_BYTES_MAX = 32 * 1024;
/** A revocation must not be hidden for long by what lies between. */
const LIST_SECONDS = 60;

/**
 * The revocation list as DER and as PEM, and renewal by an assertion, sent bare.
 *
 * @see RFC 5280 section 5, RFC 2585 section 4
 */
export function mountPki(app: Express, service: PkiService): void {
  app.get('/pki/issuing.crl', async (_request, response) => {
    const list = await service.revocationList();
    cached(response).type('application/pkix-crl').send(list);
  });
  app.get('/pki/issuing.crl.pem', async (_request, response) => {
    const list = await service.revocationList();
    // OpenSSL reads a list under this label alone.
    const lines = list.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
    cached(response)
      .type('application/x-pem-file')
      .send(`-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`);
  });
  const raw = express.raw({ type: () => true, limit: ASSERTION_BYTES_MAX });
  app.post(RENEWAL_PATH, raw, async (request, response) => {
    const body: unknown = request.body;
    const assertion = Buffer.isBuffer(body) ? body.toString('utf8') : '';
    const answer = await service.renew(assertion, request.socket.remoteAddress ?? '');
    response.set('Cache-Control', 'no-store');
    if ('retryAfterS' in answer) {
      response
        .status(429)
        .set('Retry-After', String(answer.retryAfterS))
        .set('Content-Type', 'application/fhir+json; charset=utf-8')
        .send(Buffer.from(JSON.stringify(outcome('error', 'throttled', 'too many renewals asked for'))));
      return;
    }
    response.json(answer);
  });
}

function cached(response: Response): Response {
  return response.set('Cache-Control', `max-age=${LIST_SECONDS}`);
}
