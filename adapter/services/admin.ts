/**
 * The admin socket: how another command reaches the process that has the data folder. It is a unix socket which only
 * this user can open; requests are one JSON line, answers are JSON lines of progress and one of result.
 */
import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import type { AdapterErrorCode } from '../errors.js';

export interface AdminRequest {
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export type AdminHandler = (
  args: Readonly<Record<string, unknown>>,
  onProgress: (progress: unknown) => void,
  signal: AbortSignal,
) => Promise<unknown>;

type Answer =
  | { readonly progress: unknown }
  | { readonly result: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

/** What the running instance refuses is the same refusal here: exit statuses hang on it. */
const PASSED_ON = [
  'ADAPTER_USAGE',
  'ADAPTER_CONFLICT',
  'ADAPTER_NOT_FOUND',
  'ADAPTER_FORBIDDEN',
  'ADAPTER_UNPROCESSABLE',
  'ADAPTER_DISK_FULL',
  'ADAPTER_SOURCE_REFUSED',
  'ADAPTER_SOURCE_UNREACHABLE',
] as const satisfies readonly AdapterErrorCode[];

/** A request is a command and a few paths. */
const REQUEST_BYTES_MAX = 1024 * 1024;

export interface AdminServer {
  close(): Promise<void>;
}

/** Listens on the socket; a stale one of a crashed run is replaced, since the store's lock is ours. */
export async function listenAdmin(
  path: string,
  handlers: Readonly<Record<string, AdminHandler>>,
): Promise<AdminServer> {
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const abort = new AbortController();
    socket.on('close', () => {
      sockets.delete(socket);
      abort.abort();
    });
    socket.on('error', () => socket.destroy());
    void serve(socket, handlers, abort.signal);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o600);
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(path, { force: true });
    },
  };
}

async function serve(
  socket: Socket,
  handlers: Readonly<Record<string, AdminHandler>>,
  signal: AbortSignal,
): Promise<void> {
  const send = (answer: Answer): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
  };
  try {
    const { command, args } = await readRequest(socket);
    const handler = Object.hasOwn(handlers, command) ? handlers[command] : undefined;
    if (handler === undefined)
      throw new AdapterError('ADAPTER_USAGE', `the running instance knows no ${command}`);
    send({ result: await handler(args, (progress) => send({ progress }), signal) });
  } catch (error) {
    send({ error: { code: codeOf(error), message: messageOf(error) } });
  }
  socket.end();
}

async function readRequest(socket: Socket): Promise<AdminRequest> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > REQUEST_BYTES_MAX) break;
    const end = text.indexOf('\n');
    if (end >= 0) return JSON.parse(text.slice(0, end)) as AdminRequest;
  }
  throw new AdapterError('ADAPTER_BAD_REQUEST', 'the request ended early');
}

/**
 * Asks the process that has a data folder.
 *
 * @throws AdapterError ADAPTER_NOT_RUNNING when nobody listens; what the other side threw, by its message.
 */
export async function askAdmin(
  path: string,
  request: AdminRequest,
  onProgress: (progress: unknown) => void = () => undefined,
): Promise<unknown> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('error', (cause) => {
      reject(
        new AdapterError('ADAPTER_NOT_RUNNING', 'the instance that has the folder does not answer', {
          cause,
        }),
      );
    });
  });
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    const answer = JSON.parse(line) as Answer;
    if ('progress' in answer) onProgress(answer.progress);
    else if ('result' in answer) {
      socket.destroy();
      return answer.result;
    } else {
      socket.destroy();
      const { code, message } = answer.error;
      const known = PASSED_ON.find((one) => one === code);
      if (known !== undefined) throw new AdapterError(known, message);
      throw new AdapterError('ADAPTER_CONFLICT', `${code}: ${message}`);
    }
  }
  throw new AdapterError('ADAPTER_NOT_RUNNING', 'the running instance ended before it answered');
}
