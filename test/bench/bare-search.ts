/**
 * The least that searches: Express over Observations in memory, by patient, code and date, newest first. It asks nobody,
 * opens nothing and leaves no receipt. Ends when its parent does.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Bundle, Observation } from 'fhir/r4.js';

const byPatient = new Map<string, Observation[]>();

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.post('/load', express.json({ limit: '64mb', type: () => true }), (request, response) => {
  for (const { resource } of (request.body as Bundle<Observation>).entry ?? []) {
    const patient = resource?.subject?.reference ?? '';
    const known = byPatient.get(patient);
    if (resource === undefined) continue;
    if (known === undefined) byPatient.set(patient, [resource]);
    else known.push(resource);
  }
  response.status(200).end();
});
app.get('/fhir/Observation', (request, response) => {
  const { patient, code, date } = request.query as Record<string, string>;
  const [system, value] = (code ?? '').split('|');
  const from = (date ?? '').replace(/^ge/, '');
  const found = (byPatient.get(patient ?? '') ?? [])
    .filter(
      (one) =>
        one.code.coding?.some((coding) => coding.system === system && coding.code === value) === true &&
        (one.effectiveDateTime ?? '') >= from,
    )
    .toSorted((a, b) => ((a.effectiveDateTime ?? '') < (b.effectiveDateTime ?? '') ? 1 : -1));
  const entry = found.map((resource) => ({ resource, search: { mode: 'match' } }));
  response
    .status(200)
    .set('Content-Type', 'application/fhir+json; charset=utf-8')
    .send(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', entry }));
});
const server = createServer(app);
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('disconnect', () => process.exit(0));
