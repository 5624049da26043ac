/** A real HAPI FHIR JPA server as a process of its own, started by the tool that lies beside the shared test data. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bundle, BundleEntry, FhirResource } from 'fhir/r4.js';
import { eventually, isAlive } from './firebreak-process.js';

const run = promisify(execFile);
/** Jars are fetched at the first start. */
const START_MS_MAX = 10 * 60_000;
const PAGE = 500;

function tool(): string | undefined {
  const shared = process.env['FIREBREAK_SHARED'] ?? join(process.cwd(), '..', 'shared');
  const path = join(shared, 'tools', 'hapi', 'run.sh');
  return existsSync(path) ? path : undefined;
}

function has(command: string): boolean {
  return spawnSync(command, ['-version'], { stdio: 'ignore' }).error === undefined;
}

/** Why there can be no such server here; `false` where there can. */
export function hapiMissing(): string | false {
  if (tool() === undefined) return 'the tool that starts HAPI is absent';
  for (const command of ['java', 'mvn']) if (!has(command)) return `${command} is not on PATH`;
  return false;
}

/** What a read, write or operation was answered. */
export interface HapiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export class HapiServer {
  readonly base: string;
  readonly #options: readonly string[];
  #pid: number;

  private constructor(base: string, pid: number, options: readonly string[]) {
    this.base = base;
    this.#pid = pid;
    this.#options = options;
  }

  /** @param options - As the tool takes them, such as `--db=/path/of/files`. */
  static async start(...options: readonly string[]): Promise<HapiServer> {
    const { base, pid } = await start('0', options);
    return new HapiServer(base, pid, options);
  }

  /** Ends it as the kernel does when memory is short. */
  async kill(): Promise<void> {
    process.kill(this.#pid, 'SIGKILL');
    await eventually('the server to be gone', () => !isAlive(this.#pid));
  }

  /** Starts it again at its address; its data are there if it had files. */
  async startAgain(): Promise<void> {
    const { base, pid } = await start(new URL(this.base).port, this.#options);
    assert.equal(base, this.base);
    this.#pid = pid;
  }

  async stop(): Promise<void> {
    if (isAlive(this.#pid)) await run(tool() ?? '', ['stop', String(this.#pid)]);
  }

  async ask(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<HapiAnswer> {
    const response = await fetch(path.startsWith('http') ? path : `${this.base}/${path}`, {
      method,
      headers: {
        accept: 'application/fhir+json',
        // The same search within a minute would get its first answer.
        'cache-control': 'no-cache',
        ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  /** Asks, and fails unless it worked. */
  async good<T = FhirResource>(method: string, path: string, body?: object): Promise<T> {
    const answer = await this.ask(method, path, body);
    assert.ok(
      answer.status < 300,
      `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 500)}`,
    );
    return answer.body as T;
  }

  /**
   * What it holds now: `Type/id` and the current version, or `undefined` for what its history says is deleted. A history
   * whose resources were deleted leaves out as many of the oldest, so what is there is searched.
   *
   * @param types - These alone.
   */
  async state(types: ReadonlySet<string>): Promise<Map<string, string | undefined>> {
    const state = new Map<string, string | undefined>();
    for (const type of types) {
      for await (const { resource } of this.#entries(`${type}?_count=${PAGE}`))
        state.set(`${type}/${resource?.id ?? ''}`, resource?.meta?.versionId);
      for await (const { request } of this.#entries(`${type}/_history?_count=${PAGE}`)) {
        const name = request?.url?.split('/').slice(0, 2).join('/') ?? '';
        if (request?.method === 'DELETE' && !state.has(name)) state.set(name, undefined);
      }
    }
    return state;
  }

  async *#entries(path: string): AsyncGenerator<BundleEntry> {
    for (let next: string | undefined = path; next !== undefined;) {
      const page: Bundle = await this.good<Bundle>('GET', next);
      yield* page.entry ?? [];
      next = page.link?.find(({ relation }) => relation === 'next')?.url;
    }
  }
}

async function start(port: string, options: readonly string[]): Promise<{ base: string; pid: number }> {
  const { stdout } = await run(tool() ?? '', ['start', port, ...options], { timeout: START_MS_MAX });
  const value = (name: string): string =>
    new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? assert.fail(stdout);
  return { base: value('BASE'), pid: Number(value('PID')) };
}
