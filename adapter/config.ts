/**
 * Configuration: `firebreak.yaml`, then environment (`FIREBREAK_…`), then flags; later wins. Read once at
 * start, validated, frozen, passed down. `process.env` is read here and nowhere else in `adapter/`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { AdapterError, messageOf } from './errors.js';
import type { LogLevel } from './logger.js';

export interface Config {
  /** Folder of all state. Default `./.firebreak`. Trusted, and must not be lost: keys and ledger live here. */
  readonly dataDir: string;
  /** Address to listen on. Default `127.0.0.1`; any other shows `/log/` to whoever reaches it. */
  readonly host: string;
  /** TCP port, 0 for any free one. Default 8707. */
  readonly port: number;
  /** Where others reach this instance, such as `https://firebreak.example`. Default: the address listened on. */
  readonly publicUrl: string | undefined;
  /** Who may read `/log/`. Must be set when `host` is not a loopback address. */
  readonly logAudience: 'machine' | 'participants' | 'public';
  /** A Redis of your own. Default: a private one, started and ended with us. May be lost at any time. */
  readonly redisUrl: string | undefined;
  /** A `redis-server` binary for the private one. Default: the one on PATH or unpacked by set-up. */
  readonly redisServer: string | undefined;
  /** Queues, one worker each; a patient always meets the same one. Default 4. */
  readonly partitions: number;
  /** Largest body of a hook, bytes after decompression. Default 64 MiB. Larger ones need memory of about 6x. */
  readonly bodyBytesMax: number;
  /** Largest Binary, Media or DocumentReference, bytes. Default 512 MiB. They go to disk as they come, not to memory. */
  readonly imageBytesMax: number;
  /** Of records kept in memory as they were last served, bytes; 0 keeps none. */
  readonly servedBytesMax: number;
  /** Below this much free space nothing more is acknowledged, bytes. Default 64 MiB. */
  readonly diskReserveBytes: number;
  /** File with the passphrase of the keys, where they lie under one. Default: asked for on the terminal. */
  readonly passphraseFile: string | undefined;
  /** Requests a second to a source that has no rate of its own. Default 100. */
  readonly sourceRequestsPerSecond: number;
  /** How often each source is reconciled, hours; 0 leaves it to be done by hand. Default 24, less up to a fifth. */
  readonly reconcileHours: number;
  /** How often a source that is read by bulk export alone is exported, hours; 0 leaves it to be done by hand. */
  readonly exportHours: number;
  /** Requests a second of one client that reads over FHIR; five seconds' worth at once. Default 200. */
  readonly readerRequestsPerSecond: number;
  /** How often a source is asked what was updated, seconds; five times as long where Subscriptions tell. Default 60. */
  readonly pollSeconds: number;
  /** Requests a second of one system that pushes; four times as many at once. Default 500. */
  readonly pushRequestsPerSecond: number;
  /** How long the body of a push may take to come, seconds. Default 60. */
  readonly pushBodySeconds: number;
  /** How often a changed state map is anchored on the log, seconds. Default 600. */
  readonly anchorSeconds: number;
  /** ε of all answers with noise that are ever given on the patients of this instance, to whomever. Default 10. */
  readonly privacyBudget: number;
  /** How long an emergency lets a clinician read, minutes. Default 60. Longer is more to be reviewed. */
  readonly emergencyMinutes: number;
  /** After so many days an unanswered access request is over. Default 30. */
  readonly requestDays: number;
  /** How soon a second person reviews an emergency, hours. Default 72. */
  readonly emergencyReviewHours: number;
  /** Whether what a patient has refused stays refused in an emergency. Default `yes`: the patient may rule it out. */
  readonly emergencyMayBeRefused: 'yes' | 'no';
  /** How long a record waits for its patient's answer, days; then it is discarded. Default 365; 0: without an end. */
  readonly waitingDays: number;
  /** How long receipts of disclosures and evidence of consents are kept, years. Default 6. */
  readonly retentionYears: number;
  /**
   * How many people an enrolment takes. `two`: one asks (`ca enrol`), another approves, and a source or client needs an
   * enrolment approved before. `one`: whoever asks. Default: two by `ca enrol`, one where it comes with a source or client.
   */
  readonly enrolmentApproval: 'two' | 'one' | undefined;
  /**
   * Authorities whose certificates say who an organisation is: `group=file` pairs with commas between, the files in PEM.
   * Default: none. Whoever they certify may enrol under the name in the certificate, once a second person approves.
   */
  readonly trustAnchors: string | undefined;
  /** Whether their word is enough: `yes` admits whoever shows such a certificate, without a second person. Default `no`. */
  readonly trustAnchorsAdmit: 'yes' | 'no';
  /**
   * Files of their revocation lists, DER or PEM, with commas between; read again each time. Default: none are asked. With
   * one set, a certificate counts only while a list of its issuer is in time.
   */
  readonly trustAnchorLists: string | undefined;
  /** A C2SP policy file: whose cosignatures the log's checkpoints need. Default: nobody's. */
  readonly witnessPolicy: string | undefined;
  /** Addresses of the policy's witnesses, `name=url` pairs; they go before the policy's own. */
  readonly witnesses: string | undefined;
  /** Least level that is logged. Default `info`. */
  readonly logLevel: LogLevel;
}

export type ConfigOrigin = 'default' | 'file' | 'environment' | 'flag';

export interface LoadedConfig {
  readonly config: Config;
  /** Where each value came from, for `firebreak doctor`. */
  readonly origins: Readonly<Record<keyof Config, ConfigOrigin>>;
}

type Raw = string | number;

interface Field<K extends keyof Config> {
  readonly fallback: Config[K];
  readonly env: readonly string[];
  readonly read: (raw: Raw, name: string) => Config[K];
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

function text(raw: Raw): string {
  return String(raw);
}

function redisUrl(raw: Raw, name: string): string {
  const url = String(raw);
  if (!URL.canParse(url) || !['redis:', 'rediss:'].includes(new URL(url).protocol)) {
    throw new AdapterError('ADAPTER_BAD_CONFIG', `${name} must be an address such as redis://127.0.0.1:6379`);
  }
  return url;
}

function webAddress(raw: Raw, name: string): string {
  const url = String(raw);
  const isBare =
    URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol) && !/[?#@]/.test(url);
  if (!isBare) {
    throw new AdapterError(
      'ADAPTER_BAD_CONFIG',
      `${name} must be an address such as https://firebreak.example`,
    );
  }
  return url.replace(/\/+$/, '');
}

function whole(min: number, max: number): (raw: Raw, name: string) => number {
  return (raw, name) => {
    const value = typeof raw === 'number' ? raw : /^\d+$/.test(raw) ? Number(raw) : Number.NaN;
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new AdapterError('ADAPTER_BAD_CONFIG', `${name} must be a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

function oneOf<const T extends string>(...allowed: readonly T[]): (raw: Raw, name: string) => T {
  return (raw, name) => {
    const found = allowed.find((value) => value === raw);
    if (found === undefined) {
      throw new AdapterError('ADAPTER_BAD_CONFIG', `${name} must be one of ${allowed.join(', ')}`);
    }
    return found;
  };
}

const FIELDS: { readonly [K in keyof Config]: Field<K> } = {
  dataDir: { fallback: '.firebreak', env: ['FIREBREAK_DATA'], read: text },
  host: { fallback: '127.0.0.1', env: ['FIREBREAK_HOST'], read: text },
  port: { fallback: 8707, env: ['FIREBREAK_PORT'], read: whole(0, 65_535) },
  publicUrl: { fallback: undefined, env: ['FIREBREAK_PUBLIC_URL'], read: webAddress },
  logAudience: {
    fallback: 'machine',
    env: ['FIREBREAK_LOG_AUDIENCE'],
    read: oneOf('machine', 'participants', 'public'),
  },
  redisUrl: { fallback: undefined, env: ['FIREBREAK_REDIS_URL', 'REDIS_URL'], read: redisUrl },
  redisServer: { fallback: undefined, env: ['FIREBREAK_REDIS_SERVER'], read: text },
  partitions: { fallback: 4, env: ['FIREBREAK_PARTITIONS'], read: whole(1, 64) },
  bodyBytesMax: {
    fallback: 64 * 1024 * 1024,
    env: ['FIREBREAK_BODY_BYTES_MAX'],
    read: whole(1024, 512 * 1024 * 1024),
  },
  imageBytesMax: {
    fallback: 512 * 1024 * 1024,
    env: ['FIREBREAK_IMAGE_BYTES_MAX'],
    read: whole(1024, 1024 * 1024 * 1024 * 1024),
  },
  servedBytesMax: {
    fallback: 64 * 1024 * 1024,
    env: ['FIREBREAK_SERVED_BYTES_MAX'],
    read: whole(0, 64 * 1024 * 1024 * 1024),
  },
  diskReserveBytes: {
    fallback: 64 * 1024 * 1024,
    env: ['FIREBREAK_DISK_RESERVE_BYTES'],
    read: whole(0, Number.MAX_SAFE_INTEGER),
  },
  passphraseFile: { fallback: undefined, env: ['FIREBREAK_PASSPHRASE_FILE'], read: text },
  sourceRequestsPerSecond: {
    fallback: 100,
    env: ['FIREBREAK_SOURCE_REQUESTS_PER_SECOND'],
    read: whole(1, 100_000),
  },
  exportHours: { fallback: 24, env: ['FIREBREAK_EXPORT_HOURS'], read: whole(0, 8760) },
  reconcileHours: { fallback: 24, env: ['FIREBREAK_RECONCILE_HOURS'], read: whole(0, 8760) },
  readerRequestsPerSecond: {
    fallback: 200,
    env: ['FIREBREAK_READER_REQUESTS_PER_SECOND'],
    read: whole(1, 1_000_000),
  },
  pollSeconds: { fallback: 60, env: ['FIREBREAK_POLL_SECONDS'], read: whole(1, 86_400) },
  pushRequestsPerSecond: {
    fallback: 500,
    env: ['FIREBREAK_PUSH_REQUESTS_PER_SECOND'],
    read: whole(1, 100_000),
  },
  pushBodySeconds: { fallback: 60, env: ['FIREBREAK_PUSH_BODY_SECONDS'], read: whole(1, 3600) },
  anchorSeconds: { fallback: 600, env: ['FIREBREAK_ANCHOR_SECONDS'], read: whole(1, 2_000_000) },
  requestDays: { fallback: 30, env: ['FIREBREAK_REQUEST_DAYS'], read: whole(1, 366) },
  privacyBudget: { fallback: 10, env: ['FIREBREAK_PRIVACY_BUDGET'], read: whole(1, 100) },
  emergencyMinutes: { fallback: 60, env: ['FIREBREAK_EMERGENCY_MINUTES'], read: whole(1, 1440) },
  emergencyReviewHours: { fallback: 72, env: ['FIREBREAK_EMERGENCY_REVIEW_HOURS'], read: whole(1, 720) },
  emergencyMayBeRefused: {
    fallback: 'yes',
    env: ['FIREBREAK_EMERGENCY_MAY_BE_REFUSED'],
    read: oneOf('yes', 'no'),
  },
  waitingDays: { fallback: 365, env: ['FIREBREAK_WAITING_DAYS'], read: whole(0, 36_500) },
  retentionYears: { fallback: 6, env: ['FIREBREAK_RETENTION_YEARS'], read: whole(1, 200) },
  enrolmentApproval: {
    fallback: undefined,
    env: ['FIREBREAK_ENROLMENT_APPROVAL'],
    read: oneOf('two', 'one'),
  },
  trustAnchors: { fallback: undefined, env: ['FIREBREAK_TRUST_ANCHORS'], read: text },
  trustAnchorsAdmit: { fallback: 'no', env: ['FIREBREAK_TRUST_ANCHORS_ADMIT'], read: oneOf('yes', 'no') },
  trustAnchorLists: { fallback: undefined, env: ['FIREBREAK_TRUST_ANCHOR_LISTS'], read: text },
  witnessPolicy: { fallback: undefined, env: ['FIREBREAK_WITNESS_POLICY'], read: text },
  witnesses: { fallback: undefined, env: ['FIREBREAK_WITNESSES'], read: text },
  logLevel: {
    fallback: 'info',
    env: ['FIREBREAK_LOG_LEVEL'],
    read: oneOf('debug', 'info', 'warn', 'error'),
  },
};

function readFile(path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new AdapterError('ADAPTER_BAD_CONFIG', `${path} is not YAML: ${messageOf(cause)}`, { cause });
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new AdapterError('ADAPTER_BAD_CONFIG', `${path} must hold a mapping of names to values`);
  }
  const known = new Set(Object.keys(FIELDS));
  for (const name of Object.keys(parsed)) {
    if (!known.has(name)) {
      throw new AdapterError(
        'ADAPTER_BAD_CONFIG',
        `${path}: unknown name ${name}; known: ${[...known].join(', ')}`,
      );
    }
  }
  return parsed as Record<string, unknown>;
}

/** Where the configuration's file lies, whether it exists or not. */
export function configPath(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): string {
  return resolve(cwd, env['FIREBREAK_CONFIG'] ?? 'firebreak.yaml');
}

/**
 * Reads the configuration.
 *
 * @param flags - Values of the command line, by field name; absent ones are left out.
 * @throws AdapterError ADAPTER_BAD_CONFIG naming the field and what it takes.
 */
export function loadConfig(
  flags: Partial<Record<keyof Config, Raw>> = {},
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): LoadedConfig {
  const path = configPath(env, cwd);
  const file = existsSync(path) ? readFile(path) : {};
  const values: Record<string, unknown> = {};
  const origins: Record<string, ConfigOrigin> = {};
  for (const name of Object.keys(FIELDS) as (keyof Config)[]) {
    const field = FIELDS[name];
    const variable = field.env.find((candidate) => env[candidate] !== undefined && env[candidate] !== '');
    const fromFile = file[name];
    if (flags[name] !== undefined) {
      values[name] = field.read(flags[name], `--${name}`);
      origins[name] = 'flag';
    } else if (variable !== undefined) {
      values[name] = field.read(env[variable] ?? '', variable);
      origins[name] = 'environment';
    } else if (fromFile !== undefined) {
      if (typeof fromFile !== 'string' && typeof fromFile !== 'number') {
        throw new AdapterError('ADAPTER_BAD_CONFIG', `${path}: ${name} must be a text or a number`);
      }
      values[name] = field.read(fromFile, `${path}: ${name}`);
      origins[name] = 'file';
    } else {
      values[name] = field.fallback;
      origins[name] = 'default';
    }
  }
  const config = values as unknown as Config;
  if (!LOOPBACK.has(config.host) && config.logAudience === 'machine') {
    throw new AdapterError(
      'ADAPTER_BAD_CONFIG',
      `listening on ${config.host} shows the log to others: set logAudience to participants or public`,
    );
  }
  const policy = config.witnessPolicy === undefined ? undefined : resolve(cwd, config.witnessPolicy);
  return {
    config: Object.freeze({ ...config, dataDir: resolve(cwd, config.dataDir), witnessPolicy: policy }),
    origins: origins as Record<keyof Config, ConfigOrigin>,
  };
}
