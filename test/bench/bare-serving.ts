/**
 * The least that serves with a receipt: Express, 1 KiB appended to a file and synced, then bytes that were put there
 * before. Ends when its parent does.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';

const folder = mkdtempSync(join(tmpdir(), 'firebreak-bare-'));
const receipts = await open(join(folder, 'receipts'), 'a');
const receipt = randomBytes(1024);
const kept = new Map<string, Buffer>();

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.put('/*path', express.raw({ type: () => true, limit: '64mb' }), (request, response) => {
  kept.set(request.originalUrl, request.body as Buffer);
  response.status(200).end();
});
app.get('/*path', async (request, response) => {
  await receipts.appendFile(receipt);
  await receipts.datasync();
  response
    .status(200)
    .set('Content-Type', 'application/fhir+json; charset=utf-8')
    .send(kept.get(request.originalUrl));
});
const server = createServer(app);
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
