/** What wallets and representatives send about their own enrolments: signed documents in, certificates out. */
import express from 'express';
import type { Express, Request, Response } from 'express';

/** What the routes need: each takes a body as it was sent. */
export interface WalletService {
  readonly link: (body: Buffer) => Promise<object>;
  readonly unlink: (body: Buffer) => Promise<object>;
  readonly renewWallet: (body: Buffer) => Promise<object>;
  readonly rotate: (body: Buffer) => Promise<object>;
  readonly reEnrol: (body: Buffer) => Promise<object>;
  readonly appoint: (body: Buffer) => Promise<object>;
  readonly endAppointment: (body: Buffer) => Promise<object>;
}

/** Addresses and what they take. */
export const WALLETS_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/pki/links', 'POST'],
  ['/pki/links/end', 'POST'],
  ['/pki/wallet/renewals', 'POST'],
  ['/pki/wallet/rotations', 'POST'],
  ['/pki/re-enrolments', 'POST'],
  ['/pki/representatives', 'POST'],
  ['/pki/representatives/end', 'POST'],
];

const BODY_BYTES_MAX = 64 * 1024;

export function mountWallets(app: Express, service: WalletService): void {
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  const take = (path: string, status: number, what: (body: Buffer) => Promise<object>): void => {
    app.post(path, raw, async (request: Request, response: Response) => {
      const body: unknown = request.body;
      const answer = await what(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
      response.set('Cache-Control', 'no-store').status(status).json(answer);
    });
  };
  take('/pki/links', 201, (body) => service.link(body));
  take('/pki/links/end', 200, (body) => service.unlink(body));
  take('/pki/wallet/renewals', 200, (body) => service.renewWallet(body));
  take('/pki/wallet/rotations', 200, (body) => service.rotate(body));
  take('/pki/re-enrolments', 201, (body) => service.reEnrol(body));
  take('/pki/representatives', 201, (body) => service.appoint(body));
  take('/pki/representatives/end', 200, (body) => service.endAppointment(body));
}
