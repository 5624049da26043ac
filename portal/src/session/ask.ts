/** Asking the server: an answer, or a refusal in the server's own words. */
import type { OperationOutcome } from 'fhir/r4.js';

/** The server said no, or could not be reached (status 0). */
export class Refusal extends Error {
  readonly status: number;
  /** Seconds to wait, where the server named them. */
  readonly retryAfterS: number | undefined;

  constructor(status: number, message: string, retryAfterS?: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Refusal';
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

const TIMEOUT_MS = 30_000;

/** What this page does itself is no news to it, for so long after its answer, ms. */
const ECHO_MS = 1500;
let acts = 0;
let actedAt = Number.NEGATIVE_INFINITY;

/** Whether what happens now may be what this page has just done. */
export function isActing(): boolean {
  return acts > 0 || performance.now() - actedAt < ECHO_MS;
}

/** @throws Refusal for everything but success. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  const isAct = (init.method ?? 'GET') !== 'GET' && !path.startsWith('/auth/');
  if (isAct) acts += 1;
  try {
    response = await fetch(path, {
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...init,
    });
  } catch (cause) {
    throw new Refusal(0, 'the server cannot be reached', undefined, { cause });
  } finally {
    if (isAct) {
      acts -= 1;
      actedAt = performance.now();
    }
  }
  if (response.ok) return response;
  const wait = Number(response.headers.get('Retry-After') ?? Number.NaN);
  throw new Refusal(response.status, await wordsOf(response), Number.isFinite(wait) ? wait : undefined);
}

/** @throws Refusal */
export async function askJson<T>(path: string, init?: RequestInit): Promise<T> {
  return (await (await ask(path, init)).json()) as T;
}

/**
 * An answer read to its end, whoever wants to know it or not: while one is not read, its connection serves no other,
 * and a browser has six of them. @throws Refusal
 */
export async function askToEnd(path: string, init?: RequestInit): Promise<void> {
  await readToEnd(await ask(path, init));
}

/** @see askToEnd */
export async function readToEnd(response: Response): Promise<void> {
  await response.arrayBuffer();
}

async function wordsOf(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as Partial<OperationOutcome> & { error_description?: string };
    const issue = body.issue?.[0];
    return issue?.diagnostics ?? issue?.details?.text ?? body.error_description ?? response.statusText;
  } catch {
    return response.statusText;
  }
}
