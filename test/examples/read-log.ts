import { urlReader, verifyLog } from '../../ledger/verify/index.js';

const report = await verifyLog(urlReader(process.argv[2] ?? 'http://127.0.0.1:8707/log'));
for (const { name, ok, failure } of report.checks) {
  if (!ok) process.stdout.write(`${name}: ${failure?.rule} at leaf ${failure?.leaf ?? '?'}\n`);
}
for (const [type, count] of Object.entries(report.countsByType)) process.stdout.write(`${type} ${count}\n`);
process.stdout.write(`${report.ok ? 'verified' : 'NOT verified'}, ${report.size} leaves\n`);
