/**
 * `/demo/wallets/…`: keys of invented people, so that a visitor of a demo is somebody by one click. A real instance has
 * no such address.
 */
import type { Express, Request } from 'express';
import { AdapterError } from '../errors.js';
import { DEMO_ROLES } from './contract/index.js';
import type { DemoRole } from './contract/index.js';

/** Gives the wallet of somebody of a role, as the portal keeps it; `undefined` while nobody is there yet. */
export type DemoWallets = (role: DemoRole) => Promise<object | undefined>;

/** @param wallets - Absent where this is no demo. */
export function mountDemo(app: Express, wallets: DemoWallets | undefined): void {
  if (wallets === undefined) return;
  app.post('/demo/wallets/:role', async (request: Request<{ role: string }>, response) => {
    const role = DEMO_ROLES.find((one) => one === request.params.role);
    const wallet = role === undefined ? undefined : await wallets(role);
    if (wallet === undefined)
      throw new AdapterError(
        'ADAPTER_NOT_FOUND',
        'nobody of that role is in the demo yet; try again in a while',
      );
    response.set('Cache-Control', 'no-store').json(wallet);
  });
}
