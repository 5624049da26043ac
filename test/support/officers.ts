/** Two officers who approve what a browser asked for. */
import { ENROLMENT_APPROVAL_KIND } from '../../adapter/http/contract/index.js';
import type { Page } from 'playwright-core';
import { OfficersDesk } from '../../adapter/services/authority/index.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { signDocument } from '../../ledger/consent/index.js';
import { enrolPerson } from './person.js';
import type { TestPerson } from './person.js';

export interface Officers {
  readonly officers: readonly [TestPerson, TestPerson];
  readonly desk: OfficersDesk;
}

export async function twoOfficers(instance: Instance): Promise<Officers> {
  const desk = new OfficersDesk({
    ...instance,
    instance: instance.organisation.participant,
    origin: instance.identity.origin,
  });
  return {
    desk,
    officers: [await enrolPerson(instance, 'officer'), await enrolPerson(instance, 'officer')],
  };
}

/** One officer approves all that waits for somebody else than the officer. @returns How many. */
export async function approveAll(
  instance: Instance,
  { desk }: Officers,
  officer: TestPerson,
): Promise<number> {
  const asPerson = { role: 'officer', id: officer.id } as Parameters<OfficersDesk['shown']>[0];
  const { applications } = await desk.shown(asPerson);
  const mine = applications.filter(({ isMine }) => isMine);
  for (const { id, csrSha256 } of mine) {
    const document = {
      kind: ENROLMENT_APPROVAL_KIND,
      log: instance.identity.origin,
      signer: officer.id,
      at: new Date().toISOString(),
      request: id,
      csr: csrSha256,
    };
    const jws = signDocument(document, officer.seed, officer.fingerprint);
    await desk.approve(Buffer.from(JSON.stringify({ document, jws })));
  }
  return mine.length;
}

/** Has both officers approve what a page asked for, and the page take its certificate. */
export async function takeCertificate(page: Page, instance: Instance, officers: Officers): Promise<void> {
  for (const officer of officers.officers) await approveAll(instance, officers, officer);
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByText('You have your certificate').waitFor();
}
