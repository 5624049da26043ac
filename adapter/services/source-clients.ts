/** The readers of the sources, one each, made anew when what they are made of changes. */
import { basic, bearer } from '../inbound/authorization.js';
import type { Authorization } from '../inbound/authorization.js';
import type { ResolveName } from '../inbound/connections.js';
import { SourceClient } from '../inbound/source-client.js';
import type { SourceKeys } from '../instance/source-keys.js';
import type { Credential, Source, Sources } from '../instance/sources.js';
import { SmartClient } from './smart-client.js';

export interface SourceClientsOptions {
  readonly sources: Sources;
  readonly keys: SourceKeys;
  /** Requests a second of sources that have no rate of their own. */
  readonly requestsPerSecond: number;
  readonly nowMs: () => number;
  /** Default: the system's resolver. */
  readonly resolveName?: ResolveName | undefined;
}

/** What a reader is made of. */
export type Reached = Pick<Source, 'baseUrl' | 'credential' | 'allowPrivate' | 'requestsPerSecond'>;

interface Made {
  readonly of: Reached;
  readonly client: SourceClient;
  close(): void;
}

export class SourceClients {
  readonly #options: SourceClientsOptions;
  readonly #made = new Map<string, Made>();

  constructor(options: SourceClientsOptions) {
    this.#options = options;
  }

  /** The reader of a source; none for files, and for a source that was removed. */
  of(id: string): SourceClient | undefined {
    const source = this.#options.sources.get(id);
    const made = this.#made.get(id);
    if (source?.baseUrl === undefined || source.state === 'removed') {
      made?.close();
      this.#made.delete(id);
      return undefined;
    }
    if (made !== undefined && isSame(made.of, source)) return made.client;
    made?.close();
    const fresh = this.#make(source.baseUrl, source);
    this.#made.set(id, fresh);
    return fresh.client;
  }

  /** Runs something with a reader of a server that is no source, or not in this way. */
  async trying<T>(
    reached: Reached & { readonly baseUrl: string },
    use: (client: SourceClient) => Promise<T>,
  ): Promise<T> {
    const made = this.#make(reached.baseUrl, reached);
    try {
      return await use(made.client);
    } finally {
      made.close();
    }
  }

  close(): void {
    for (const made of this.#made.values()) made.close();
    this.#made.clear();
  }

  #make(baseUrl: string, of: Reached): Made {
    const { resolveName, requestsPerSecond } = this.#options;
    const authorization = this.#authorization(of.credential, of.allowPrivate);
    const client = new SourceClient({
      baseUrl,
      authorization,
      allowPrivate: of.allowPrivate,
      requestsPerSecond: of.requestsPerSecond ?? requestsPerSecond,
      resolveName,
    });
    return {
      of,
      client,
      close: () => {
        client.close();
        if (authorization instanceof SmartClient) authorization.close();
      },
    };
  }

  #authorization(
    credential: Credential | undefined,
    allowPrivate: readonly string[] | undefined,
  ): Authorization | undefined {
    if (credential === undefined) return undefined;
    if (credential.kind === 'bearer') return bearer(credential.token);
    if (credential.kind === 'basic') return basic(credential.username, credential.password);
    const { keys, nowMs, resolveName } = this.#options;
    const { clientId, tokenUrl, scope, algorithm } = credential;
    const signingKey = () => keys.signing(algorithm);
    return new SmartClient({ clientId, tokenUrl, scope, signingKey, allowPrivate, resolveName, nowMs });
  }
}

/** A changed row keeps the objects in it that did not change. */
function isSame(a: Reached, b: Reached): boolean {
  return (
    a.baseUrl === b.baseUrl &&
    a.credential === b.credential &&
    a.allowPrivate === b.allowPrivate &&
    a.requestsPerSecond === b.requestsPerSecond
  );
}
