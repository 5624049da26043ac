/** The least that answers a hook: Express, the body read, nothing kept. Ends when its parent does. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use(express.raw({ type: () => true, limit: '64mb' }), (_request, response) => {
  response.status(200).type('application/fhir+json').send('{"resourceType":"OperationOutcome"}');
});
const server = createServer(app);
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('disconnect', () => process.exit(0));
