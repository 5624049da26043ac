/**
 * Tokens of systems and sessions of people: how many a second are given for a good assertion or signature, eight at
 * a time, and how many are found good. A token is a synced write; finding it is a read of the row and of the client.
 */
import { TokenService } from '../../adapter/services/tokens/index.js';
import { Sessions } from '../../adapter/services/people/index.js';
import { createLogger } from '../../adapter/logger.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { assertionOf, enrolClient, tokenForm } from '../support/client.js';
import type { TestClient } from '../support/client.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { signerOf, signInBody } from '../support/session.js';
import { enrolWallet } from '../support/wallet.js';
import type { Bench, Measured } from './bench.js';
import { rate } from './bench.js';

const ROUNDS = 5;
const ISSUED = 200;
const CHECKED = 20_000;
const AT_ONCE = 8;
const CLIENTS = 8;
const PASSING_MS = 30;
const ADDRESS = 'http://bench.example';
const silent = createLogger('error', () => undefined);

export const tokensBench: Bench = {
  names: ['token-issue', 'token-check', 'session-open', 'session-check'],
  about: 'tokens for assertions and sessions for signatures, eight at a time, and finding them good',
  run: async () => {
    const dir = temporaryFolder();
    const opened = await openTestInstance(dir);
    const { instance } = opened;
    try {
      return [...(await measureTokens(instance)), ...(await measureSessions(instance))];
    } finally {
      await opened.close();
      removeFolder(dir);
    }
  },
};

async function measureTokens(instance: Instance): Promise<Measured[]> {
  const clients: TestClient[] = [];
  for (let i = 0; i < CLIENTS; i++) clients.push(await enrolClient(instance, { name: `Clinic ${i}` }));
  let passedMs = 0;
  const url = `${ADDRESS}/auth/token`;
  const service = new TokenService({
    ...instance,
    indexKey: instance.keys.storage.indexKey,
    tokenUrl: () => url,
    logger: silent,
    // One client may ask five times a second: time passes for it as it asks.
    nowMs: () => Date.now() + passedMs,
  });
  const issued: number[] = [];
  const checked: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const forms = Array.from({ length: ISSUED }, (_, i) => {
      const client = clients[i % CLIENTS];
      if (client === undefined) throw new Error('no client');
      return new Map(Object.entries(tokenForm(assertionOf(client, url))));
    });
    let token = '';
    const startedMs = performance.now();
    await atOnce(forms, async (form, i) => {
      passedMs += PASSING_MS;
      const answer = await service.issue(form, addressOf(round, i));
      if (!answer.ok) throw new Error(`no token: ${answer.error}`);
      token = answer.accessToken;
    });
    if (round > 0) issued.push(rate(ISSUED, startedMs));
    const checkedMs = performance.now();
    for (let i = 0; i < CHECKED; i++)
      if (service.callerOf(token) === undefined) throw new Error('a good token is not found');
    if (round > 0) checked.push(rate(CHECKED, checkedMs));
  }
  return [
    { bench: 'token-issue', unit: 'tokens/s', ours: issued },
    { bench: 'token-check', unit: 'checks/s', ours: checked },
  ];
}

async function measureSessions(instance: Instance): Promise<Measured[]> {
  const source = await addImportSource(instance);
  const signer = signerOf(await enrolWallet(servicesOf(instance), source.id, 'p'));
  const sessions = new Sessions({
    ...instance,
    certified: instance.certification.rows,
    origins: () => [ADDRESS],
    logger: silent,
  });
  const opened: number[] = [];
  const checked: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const bodies = Array.from({ length: ISSUED }, (_, i) => {
      const given = sessions.challenge(addressOf(round, i));
      if ('retryAfterS' in given) throw new Error('no challenge');
      return Buffer.from(signInBody(ADDRESS, signer, given.challenge));
    });
    let token = '';
    const startedMs = performance.now();
    await atOnce(bodies, async (body, i) => {
      const answer = await sessions.open(body, addressOf(round, i));
      if ('retryAfterS' in answer) throw new Error('no session');
      token = answer.token;
    });
    if (round > 0) opened.push(rate(ISSUED, startedMs));
    const checkedMs = performance.now();
    for (let i = 0; i < CHECKED; i++)
      if (sessions.personOf(token) === undefined) throw new Error('a good session is not found');
    if (round > 0) checked.push(rate(CHECKED, checkedMs));
  }
  return [
    { bench: 'session-open', unit: 'sessions/s', ours: opened },
    { bench: 'session-check', unit: 'checks/s', ours: checked },
  ];
}

/** Does something with each, {@link AT_ONCE} at a time. */
async function atOnce<T>(items: readonly T[], act: (item: T, i: number) => Promise<void>): Promise<void> {
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [i, item] of left) await act(item, i);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Another one each time: what comes from one address is limited. */
function addressOf(round: number, i: number): string {
  return `10.0.${round}.${i}`;
}
