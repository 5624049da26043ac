/** A stand-in for Firebreak's hook endpoint: keeps what it is sent, and answers what the test says. */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly status: number;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Status of the next answers; called with the count of requests before. */
  answer: (
    request: { method: string; path: string; body: string },
    before: number,
  ) => number | { status: number; json: object };
}

/** Listens on a free port of 127.0.0.1 until the test ends. */
export async function startReceiver(
  t: TestContext,
  answer: Receiver['answer'] = () => 200,
): Promise<Receiver> {
  const received: Received[] = [];
  const receiver: { url: string; received: Received[]; answer: Receiver['answer'] } = {
    url: '',
    received,
    answer,
  };
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString('utf8');
      const asked = { method: request.method ?? '', path: request.url ?? '', body };
      const given = receiver.answer(asked, received.length);
      const { status, json } = typeof given === 'number' ? { status: given, json: {} } : given;
      received.push({ ...asked, headers: request.headers, status });
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}
