/** A process whose wallets are never idle, to be killed at any moment; its argument is the data folder. */
import { openTestInstance, servicesOf } from '../../../support/instance.js';
import { enrolPerson } from '../../../support/person.js';
import {
  byStaff,
  codeFor,
  linkOf,
  lossOf,
  requestOf,
  rotationOf,
  unlinkOf,
} from '../../../support/wallet-acts.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';

const { instance } = await openTestInstance(process.argv[2] ?? '');
const staff = [await enrolPerson(instance, 'staff'), await enrolPerson(instance, 'clinician')];
process.stdout.write('ready\n');
for (;;) {
  const name = `p-${process.hrtime.bigint()}`;
  let wallet = await enrolWallet(servicesOf(instance), 'ward', name);
  await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  const invitation = await codeFor(instance, 'clinic', name);
  const { csr } = await requestOf(wallet.seed);
  const enrolled = await instance.enrolment.link(linkOf(instance, wallet, { invitation, csr }));
  const link = { seed: wallet.seed, enrolled };
  await instance.consents.submit(signedBundle(link, consentFor(link)));
  const next = await requestOf();
  const rotated = await instance.wallets.keys.rotate(rotationOf(instance, wallet, next.csr));
  wallet = { seed: next.seed, enrolled: rotated };
  await instance.wallets.unlinking.end(unlinkOf(instance, link));
  const lost = await instance.wallets.reEnrolment.begin(byStaff(staff, lossOf(instance, name)));
  const fresh = await requestOf();
  const body = JSON.stringify({ invitation: lost.invitation, csr: fresh.csr });
  await instance.enrolment.enrol(Buffer.from(body));
}
