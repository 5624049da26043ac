/** A researcher's side of cohorts: signs in with the own key, and talks to an instance over HTTP like any outsider. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SIGN_IN_KIND } from '../http/contract/index.js';
import { AdapterError, messageOf } from '../errors.js';
import type { SigningKey } from './signing-key.js';

/** A session is ended after a quarter of an hour; it is opened anew before. */
const SESSION_MS = 10 * 60_000;
const LOOKS_MAX = 100_000;

export class CohortClient {
  readonly #server: string;
  readonly #key: SigningKey;
  readonly #purpose: string;
  #session: { readonly token: string; readonly until: number } | undefined;

  constructor(server: string, key: SigningKey, purpose: string) {
    this.#server = server.replace(/\/$/, '');
    this.#key = key;
    this.#purpose = purpose;
  }

  get id(): string {
    return this.#key.id;
  }

  sign(document: object): string {
    return this.#key.sign(document);
  }

  /** @returns The parsed answer. @throws AdapterError with what the server says. */
  async json(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await this.#fetch(path, init);
    return response.json();
  }

  /** Begins an export and waits for its manifest. */
  async exported(path: string, onProgress: (line: string) => void): Promise<unknown> {
    const begun = await this.#fetch(path, { headers: { prefer: 'respond-async' } });
    const location = begun.headers.get('content-location') ?? '';
    for (let look = 0; look < LOOKS_MAX; look++) {
      const response = await this.#fetch(location, {}, [429]);
      if (response.status === 200) return { location, manifest: await response.json() };
      onProgress(response.headers.get('x-progress') ?? 'waiting');
      await response.arrayBuffer();
      const seconds = Number(response.headers.get('retry-after') ?? '1');
      await new Promise((resolve) => setTimeout(resolve, Math.min(60, Math.max(1, seconds)) * 1000));
    }
    throw new AdapterError('ADAPTER_STOPPING', 'the export does not end');
  }

  /** Writes a file whole or not at all. @returns Its SHA-256, hex. */
  async download(url: string, to: string): Promise<string> {
    const response = await this.#fetch(url);
    const part = `${to}.part-${process.pid}`;
    const hash = createHash('sha256');
    try {
      if (response.body === null) throw new AdapterError('ADAPTER_UNPROCESSABLE', 'an empty answer');
      const body = Readable.fromWeb(response.body);
      await pipeline(
        body,
        async function* (pieces: AsyncIterable<Buffer>) {
          for await (const piece of pieces) {
            hash.update(piece);
            yield piece;
          }
        },
        createWriteStream(part, { mode: 0o600 }),
      );
      await rename(part, to);
    } catch (cause) {
      await rm(part, { force: true });
      throw cause instanceof AdapterError
        ? cause
        : new AdapterError('ADAPTER_UNPROCESSABLE', `cannot write ${to}: ${messageOf(cause)}`, { cause });
    }
    return hash.digest('hex');
  }

  async #fetch(path: string, init: RequestInit = {}, taken: readonly number[] = []): Promise<Response> {
    const url = path.startsWith('http') ? path : this.#server + path;
    // A token goes to the server that it is for, whatever a manifest says.
    if (new URL(url).origin !== new URL(this.#server).origin)
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the server names an address that is not its own');
    const authorization = `Bearer ${await this.#token()}`;
    const response = await this.#send(url, {
      ...init,
      headers: { ...Object.fromEntries(new Headers(init.headers)), authorization },
    });
    if (response.ok || taken.includes(response.status)) return response;
    throw await refusalOf(response);
  }

  async #token(): Promise<string> {
    if (this.#session !== undefined && this.#session.until > Date.now()) return this.#session.token;
    const asked = await this.#send(`${this.#server}/auth/challenge`, { method: 'POST' });
    if (!asked.ok) throw await refusalOf(asked);
    const { challenge } = (await asked.json()) as { challenge: string };
    const server = new URL(this.#server).origin;
    const document = { kind: SIGN_IN_KIND, server, challenge, participant: this.id, purpose: this.#purpose };
    const body = this.sign(document);
    const opened = await this.#send(`${this.#server}/auth/session`, { method: 'POST', body });
    if (!opened.ok) throw await refusalOf(opened);
    const { token } = (await opened.json()) as { token: string };
    this.#session = { token, until: Date.now() + SESSION_MS };
    return token;
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (cause) {
      throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `${this.#server} does not answer`, { cause });
    }
  }
}

/** SHA-256 of a file, hex; undefined where there is none. */
export async function hashOfFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}

async function refusalOf(response: Response): Promise<AdapterError> {
  const text = await response.text();
  let said = text.slice(0, 500);
  try {
    const { issue } = JSON.parse(text) as { issue?: { diagnostics?: string }[] };
    said = issue?.map(({ diagnostics }) => diagnostics ?? '').join('\n') ?? said;
  } catch {
    // It is told as it came.
  }
  return new AdapterError(
    response.status === 404 ? 'ADAPTER_NOT_FOUND' : 'ADAPTER_SOURCE_REFUSED',
    `${response.status}: ${said}`,
  );
}
