/**
 * Connections to one server, judged when they are made: the addresses that a name stands for at that moment are the
 * ones that are connected to, so a name that is resolved differently the next time is judged anew.
 */
import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AdapterError } from '../errors.js';
import { AddressGate } from './addresses.js';

/** Resolves a name to all of its addresses. */
export type ResolveName = (
  hostname: string,
  done: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

export interface ConnectionsOptions {
  /** The server; loopback addresses are taken only where this names one. */
  readonly baseUrl: string;
  /** Ranges of private addresses that are taken too. Default: none. */
  readonly allowPrivate?: readonly string[] | undefined;
  /** Default: the system's resolver. */
  readonly resolveName?: ResolveName | undefined;
}

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  readonly signal: AbortSignal;
}

/** An answer whose body is yet to be read; it is decompressed on the way. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readable;
}

/** Connections kept to one server. */
const SOCKETS_MAX = 16;
const IDLE_MS = 5_000;
const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);
const BODILESS = new Set([204, 205, 304]);
const INFLATED_CHUNK_BYTES = 64 * 1024;

/** Whether an address of the web names this machine. */
export function isLoopbackHost(hostname: string): boolean {
  return LOOPBACK_HOSTS.has(hostname);
}

export class Connections {
  readonly #gate: AddressGate;
  readonly #lookup: LookupFunction;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /** @throws AdapterError ADAPTER_USAGE for ranges that are not of private addresses. */
  constructor(options: ConnectionsOptions) {
    const loopback = isLoopbackHost(new URL(options.baseUrl).hostname);
    this.#gate = new AddressGate({ loopback, allowPrivate: options.allowPrivate ?? [] });
    this.#lookup = checkedLookup(this.#gate, options.resolveName ?? resolveBySystem);
    // The agent ends a socket that is idle for this long; one at work is its caller's to end.
    const kept = { keepAlive: true, maxSockets: SOCKETS_MAX, timeout: IDLE_MS, scheduling: 'lifo' } as const;
    this.#http = new HttpAgent(kept);
    this.#https = new HttpsAgent(kept);
  }

  /**
   * Sends a request and resolves with the head of the answer. The body must be read or destroyed.
   *
   * @throws AdapterError ADAPTER_SOURCE_REFUSED for an address that must not be connected to, or an encoding that is not
   * known; else what the connection failed with.
   */
  async open(exchange: Exchange): Promise<OpenAnswer> {
    const { method, url, headers, body, signal } = exchange;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    // A literal is never looked up. The URL's parser has turned decimal, hex and octal forms into dotted ones.
    if (isIP(host) !== 0 && !this.#gate.permits(host)) throw refusedAddress();
    const isHttps = url.protocol === 'https:';
    if (!isHttps && url.protocol !== 'http:') {
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', `nothing is read over ${url.protocol}`);
    }
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (isHttps ? httpsRequest : httpRequest)(url, {
        method,
        agent: isHttps ? this.#https : this.#http,
        lookup: this.#lookup,
        signal,
        headers: {
          'user-agent': 'firebreak',
          ...headers,
          'accept-encoding': 'gzip, deflate, br',
          ...(body === undefined ? {} : { 'content-length': String(body.length) }),
        },
      });
      request.once('response', resolve);
      request.on('error', (error) => reject(reasonOf(signal) ?? error));
      request.end(body);
    });
    const status = message.statusCode ?? 0;
    const isEmpty = method === 'HEAD' || BODILESS.has(status);
    try {
      return {
        status,
        headers: headersOf(message.headers),
        body: isEmpty ? message : decoded(message, message.headers['content-encoding']),
      };
    } catch (error) {
      message.on('error', () => undefined).destroy();
      throw error;
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

/** Why a signal was aborted, where it was: Node's own error says only that it was. */
function reasonOf(signal: AbortSignal): Error | undefined {
  return signal.aborted && signal.reason instanceof Error ? signal.reason : undefined;
}

function refusedAddress(): AdapterError {
  return new AdapterError(
    'ADAPTER_SOURCE_REFUSED',
    'the source’s address is not a public one; a server in your own network needs --allow-private',
  );
}

const resolveBySystem: ResolveName = (hostname, done) => {
  systemLookup(hostname, { all: true, order: 'verbatim' }, done);
};

/** One address that must not be connected to spoils the name: an honest one has none. */
function checkedLookup(gate: AddressGate, resolveName: ResolveName): LookupFunction {
  return (hostname, options, done) => {
    resolveName(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) return done(error, '');
      if (first === undefined) return done(new Error('the name has no address'), '');
      if (!addresses.every(({ address }) => gate.permits(address))) return done(refusedAddress(), '');
      if (options.all === true) return done(null, [...addresses]);
      return done(null, first.address, first.family);
    });
  };
}

function headersOf(headers: IncomingHttpHeaders): Headers {
  const found = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) found.append(name, one);
  }
  return found;
}

/** One encoding at most: two are two bombs. */
function decoded(message: IncomingMessage, encoding: string | undefined): Readable {
  const options = { chunkSize: INFLATED_CHUNK_BYTES };
  switch (encoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return message;
    case 'gzip':
    case 'x-gzip':
      return pipeline(message, createGunzip(options), () => undefined);
    case 'deflate':
      return pipeline(message, createInflate(options), () => undefined);
    case 'br':
      return pipeline(message, createBrotliDecompress(options), () => undefined);
    default:
      throw new AdapterError(
        'ADAPTER_SOURCE_REFUSED',
        'the source’s answer has an encoding that is not known',
      );
  }
}
