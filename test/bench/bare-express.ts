/** The least that answers a hook truly: Express, the body read, appended to a file and synced. Ends when its parent does. */
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';

const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-bare-'));
const file = await open(join(folder, 'bodies'), 'a');
const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use(express.raw({ type: () => true, limit: '64mb' }), async (request, response) => {
  await file.write(request.body as Buffer);
  await file.datasync();
  response.status(200).type('application/fhir+json').send('{"resourceType":"OperationOutcome"}');
});
const server = createServer(app);
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
