/** Rows of certificates for a folder that was begun before there were any; done once. */
import type { Appender } from '../../../ledger/custody/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import type { Organisation } from '../../instance/bootstrap.js';
import type { Clients } from '../../instance/clients.js';
import type { Certification } from './certification.js';
import type { Certified } from './certified.js';
import type { Revoked } from './revocations.js';

const DONE = 'ca/rows';
const PARTICIPANTS = 'participant/';
const SUBJECTS = 'subject/';
/** Rows written in one batch. */
const BATCH = 1000;

export interface CompleteOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly certification: Certification;
  readonly clients: Clients;
  readonly organisation: Organisation;
}

/** Writes the rows that are missing. A crash leaves some written, and the next start goes through all again. */
export async function completeCertifiedRows(options: CompleteOptions): Promise<number> {
  const { store, appender } = options;
  if (store.getSync(DONE) !== undefined) return 0;
  let writes: StoreWrite[] = [];
  const revoked: Revoked[] = [];
  let count = 0;
  const flush = async (): Promise<void> => {
    const batch = writes;
    writes = [];
    await appender.writeRows(() => ({ writes: batch, value: undefined }));
  };
  for await (const found of certifiedOf(options)) {
    if (options.certification.rows.get(found.handle) !== undefined) continue;
    count += 1;
    writes.push(...rowsOf(options, found, revoked));
    if (writes.length >= BATCH) await flush();
  }
  await flush();
  await appender.writeRows((view) => ({
    writes: [
      ...(revoked.length === 0 ? [] : [options.certification.revocations.writes(view, revoked)]),
      { type: 'put', key: DONE, value: Buffer.from('1') },
    ],
    value: undefined,
  }));
  return count;
}

function rowsOf({ certification }: CompleteOptions, certified: Certified, revoked: Revoked[]): StoreWrite[] {
  const { handle, group } = certified;
  const [{ der } = { der: '' }] = certified.certificates;
  const certificate = readCertificate(Buffer.from(der, 'base64'));
  const isRevoked = certified.revoked !== undefined;
  if (isRevoked) revoked.push({ certificate, reason: certified.revoked.reason });
  const rows = [certification.rows.put(certified)];
  if (group !== 'patient' || isRevoked)
    rows.push(certification.keys.put(certificate.publicKey, { handle, ended: isRevoked }));
  return rows;
}

/** All who were enrolled: the instance, organisations, and patients with a wallet. */
async function* certifiedOf(options: CompleteOptions): AsyncGenerator<Certified> {
  const { store, keys, clients, organisation } = options;
  yield certifiedBy(organisation.participant, organisation.certificate, clients);
  for await (const [key, row] of store.iterator({ gte: PARTICIPANTS, lt: `${PARTICIPANTS}~` })) {
    const handle = key.slice(PARTICIPANTS.length);
    // A patient's row is sealed, and its certificate lies with the subject.
    if (row[0] === '{'.charCodeAt(0)) {
      const { certificate } = JSON.parse(row.toString('utf8')) as { certificate: string };
      yield certifiedBy(handle, certificate, clients);
    }
  }
  for await (const [key, row] of store.iterator({ gte: SUBJECTS, lt: `${SUBJECTS}~` })) {
    const plain = openRow(keys.storage.indexKey, key, row).toString('utf8');
    const { wallet } = JSON.parse(plain) as { wallet?: { participant: string; certificate: string } };
    if (wallet !== undefined) yield certifiedBy(wallet.participant, wallet.certificate, clients);
  }
}

function certifiedBy(handle: string, der: string, clients: Clients): Certified {
  const { id, group, role, organisation } = readCertificate(Buffer.from(der, 'base64'));
  const ended = clients.list().find((client) => client.participant === handle)?.revokedAt;
  return {
    handle,
    id,
    group,
    ...(role === undefined ? {} : { role }),
    ...(organisation === undefined ? {} : { name: organisation }),
    // Where on the log they stand is looked for from its beginning on.
    certificates: [{ der, by: 'participant.enrolled', from: 0 }],
    ...(ended === undefined ? {} : { revoked: { at: ended, from: 0, reason: 'unspecified' } }),
  };
}
