/** An instance in a folder of its own, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../adapter/config.js';
import type { Config } from '../../adapter/config.js';
import { openInstance } from '../../adapter/instance/instance.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { createLogger } from '../../adapter/logger.js';
import type { Source } from '../../adapter/instance/sources.js';
import type { Firebreak } from './wallet.js';

export interface TestInstance {
  readonly instance: Instance;
  /** What it logged so far. */
  readonly logged: () => string;
  close(): Promise<void>;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'firebreak-test-'));
}

export function removeFolder(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}

export function testConfig(
  dataDir: string,
  more: Partial<Record<keyof Config, string | number>> = {},
): Config {
  const redisServer = process.env['FIREBREAK_REDIS_SERVER'];
  return loadConfig(
    { dataDir, port: 0, ...(redisServer === undefined ? {} : { redisServer }), ...more },
    {},
    process.cwd(),
  ).config;
}

/** Opens an instance on a folder; closing it leaves the folder. */
export async function openTestInstance(
  dataDir: string,
  more: Partial<Record<keyof Config, string | number>> = {},
  demo = false,
): Promise<TestInstance> {
  let logged = '';
  const logger = createLogger('debug', (line) => {
    logged += line;
  });
  const instance = await openInstance({ config: testConfig(dataDir, more), demo, logger });
  return { instance, logged: () => logged, close: () => instance.close() };
}

/** A source of files, whose custodian is the instance. */
export async function addImportSource(instance: Instance, id = 'ward'): Promise<Source> {
  const { participant, id: custodian, name } = instance.organisation;
  return instance.sources.add(
    {
      id,
      kind: 'import',
      name: 'test',
      custodian: { participant, id: custodian, name },
      allowResearch: true,
    },
    instance.nowMs(),
  );
}

/** Enrolment and consent through an instance's own services. */
export function servicesOf(instance: Instance): Firebreak {
  return {
    invite: (source, patients) => instance.enrolment.invite(source, patients),
    enrol: (body) => instance.enrolment.enrol(body),
    submit: (bundle) => instance.consents.submit(bundle),
  };
}
