/** A process whose authority is never idle, to be killed at any moment; its argument is the data folder. */
import { openTestInstance } from '../../../support/instance.js';
import { enrolByTwo, newRequest, proofOf } from './organisation.js';

const { instance } = await openTestInstance(process.argv[2] ?? '');
process.stdout.write('ready\n');
for (let i = 0; ; i++) {
  const requested = await newRequest();
  const { id } = await enrolByTwo(instance, requested, `Organisation ${i}`);
  await instance.certification.renew(id);
  const next = await newRequest();
  await instance.certification.rotate(id, next.csr, proofOf(requested.seed, next.csr));
  await instance.certification.revoke(id, 'keyCompromise');
}
