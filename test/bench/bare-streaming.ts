/**
 * The least that streams a file: Express, and a file that was put there before. Ends when its parent does.
 */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import express from 'express';

const folder = mkdtempSync(join(tmpdir(), 'firebreak-bare-'));
const file = join(folder, 'file');

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.put('/*path', async (request, response) => {
  await pipeline(request, createWriteStream(file));
  response.status(200).end();
});
app.get('/*path', async (_request, response) => {
  response.status(200).set('Content-Type', 'application/fhir+ndjson');
  await pipeline(createReadStream(file), response);
});
const server = createServer(app);
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
