/** The published log over HTTP. What comes is judged by the caller. */

/** A file could not be read. `status` 0: nobody answered. */
export class LogReadError extends Error {
  readonly status: number;

  constructor(path: string, status: number, options?: ErrorOptions) {
    super(`${path}: ${status === 0 ? 'no answer' : `HTTP ${status}`}`, options);
    this.name = 'LogReadError';
    this.status = status;
  }
}

const TIMEOUT_MS = 20_000;

/** @throws LogReadError */
export async function readLogFile(path: string): Promise<Uint8Array> {
  return readFile(`/log/${path}`);
}

/** @throws LogReadError */
export async function readFile(address: string): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS), credentials: 'omit' });
  } catch (error) {
    throw new LogReadError(address, 0, { cause: error });
  }
  // To its end, a refusal as well: while it is not read, its connection serves no other.
  const bytes = await response.arrayBuffer();
  if (!response.ok) throw new LogReadError(address, response.status);
  return new Uint8Array(bytes);
}

/** @throws LogReadError */
export async function readLogText(path: string): Promise<string> {
  return new TextDecoder().decode(await readLogFile(path));
}
