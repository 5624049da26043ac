/**
 * The demo as a process of its own: opens the hospital, then lets patients sign and wards work, until its parent goes.
 * It knows Firebreak by its public address; what an administrator would type in comes as messages.
 */
import { join } from 'node:path';
import { DemoError } from './errors.js';
import { hospitalRequest, openHospitalIdentity } from './hospital-identity.js';
import { startHospital } from './hospital/index.js';
import type { Hospital } from './hospital/index.js';
import { runConsents } from './wallets/index.js';
import type { ConsentsReport } from './wallets/index.js';
import { FirebreakClient } from './wallets/firebreak-client.js';
import { runWards } from './wards.js';
import { HospitalClient } from './wards/hospital-client.js';

interface Start {
  readonly type: 'start';
  readonly dataDir: string;
  readonly patients: number;
  readonly firebreakUrl: string;
  readonly seed?: number;
}

interface Connect {
  readonly type: 'connect';
  readonly firebreakUrl: string;
  readonly source: string;
  readonly secret: string;
  readonly once: boolean;
}

const HOSPITAL_NAME = 'Demo Hospital';
/** What the patients do, as the progress says it. */
const PHASE_WORDS = { first: 'patients answer', late: 'late answers', withdraw: 'withdrawals' } as const;
/** Steps of the wards' plan before the demo counts as settled, for each patient; and its bounds. */
const STEPS_PER_PATIENT = 0.5;
const STEPS_MIN = 40;
const STEPS_MAX = 2000;
/** Pace of that plan, and of the wards afterwards, steps a second. */
const PLAN_PER_S = 80;
const LIVE_PER_S = 1;

const stop = new AbortController();
let hospital: Hospital | undefined;
let token = '';

// Ctrl-C reaches the whole group; the parent ends us by closing the channel, after it has stopped listening.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => void end());
process.on('message', (message: Start | Connect) => {
  (message.type === 'start' ? start(message) : connect(message)).catch((error: unknown) => {
    if (stop.signal.aborted) return;
    tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
});

async function start({ dataDir, patients, firebreakUrl, seed }: Start): Promise<void> {
  const folder = join(dataDir, 'demo');
  const identity = openHospitalIdentity(folder);
  token = identity.token;
  const opened = await startHospital({
    dataDir: join(folder, 'hospital'),
    token,
    patients,
    ...(seed === undefined ? {} : { seed }),
  });
  hospital = opened;
  const oid = await new FirebreakClient(firebreakUrl, stop.signal).x25519Oid();
  tell({
    type: 'hospital',
    url: opened.url,
    token,
    csr: await hospitalRequest(identity, HOSPITAL_NAME, oid),
    name: HOSPITAL_NAME,
    patients: opened.count('Patient'),
  });
  demoDir = folder;
}

let demoDir = '';

async function connect({ firebreakUrl, source, secret, once }: Connect): Promise<void> {
  const open = hospital;
  if (open === undefined) throw new DemoError('DEMO_BAD_OPTION', 'the hospital is not open');
  const { seed, patients } = open.origin;
  const signal = stop.signal;
  const patientIds = await new HospitalClient(open.url, token).patientIds();
  const consents = { firebreakUrl, source, sourceSecret: secret, dataDir: demoDir, seed, signal };
  const total: ConsentsReport = {
    enrolled: 0,
    consents: 0,
    refusals: 0,
    withdrawals: 0,
    unchanged: 0,
    failed: 0,
  };
  const phase = async (name: 'first' | 'late' | 'withdraw', ids: readonly string[]): Promise<void> => {
    const report = await runConsents({
      ...consents,
      patientIds: ids,
      phase: name,
      onProgress: ({ enrolled, consents: signed, refusals, withdrawals }) => {
        progress(
          `${PHASE_WORDS[name]}: ${enrolled} enrolled, ${signed} consents, ${refusals} refusals, ${withdrawals} withdrawn`,
        );
      },
    });
    for (const key of ['enrolled', 'consents', 'refusals', 'withdrawals', 'unchanged', 'failed'] as const) {
      total[key] += report[key];
    }
    if (report.firstFailure !== undefined) throw new DemoError('DEMO_FIREBREAK_REFUSED', report.firstFailure);
  };
  const wards = {
    hospitalUrl: open.url,
    hospitalToken: token,
    hookUrl: `${firebreakUrl}/hooks/${source}`,
    hookSecret: secret,
    seed,
    signal,
  };
  const events = Math.max(STEPS_MIN, Math.min(STEPS_MAX, Math.round(patients * STEPS_PER_PATIENT)));
  const [worked] = await Promise.all([
    runWards({
      ...wards,
      events,
      ratePerS: PLAN_PER_S,
      onProgress: ({ position }) => progress(`wards: ${position} of ${events} steps`),
    }),
    phase('first', patientIds),
  ]);
  // Whom the wards admitted has signed nothing yet.
  const everyone = await new HospitalClient(open.url, token).patientIds();
  await phase('first', everyone);
  await phase('late', everyone);
  await phase('withdraw', everyone);
  if (signal.aborted) return;
  tell({ type: 'settled', report: { ...total, ...worked } });
  if (!once) await runWards({ ...wards, ratePerS: LIVE_PER_S });
}

function progress(text: string): void {
  tell({ type: 'progress', text });
}

function tell(news: object): void {
  if (process.connected) process.send?.(news);
}

async function end(): Promise<void> {
  stop.abort();
  await hospital?.close();
  process.exit(0);
}
