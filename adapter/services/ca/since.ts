/** What a restored instance does not know of its participants: drawn from the entries that are newer than its backup. */
import { CRL_REASONS, readCertificate } from '../../../ledger/participants/index.js';
import type { CrlReason } from '../../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { REVOCATION_REASONS } from '../../instance/clients.js';
import type { Since } from '../backup/since.js';
import { CertifiedRows, derOf, presentOf } from './certified.js';
import type { Certified } from './certified.js';
import { KeyRows } from './keys.js';
import { LIST_ROW, unsignedList } from './revocations.js';
import type { Revoked } from './revocations.js';

/** Rows of those who were renewed, rotated or revoked since; the list is signed at the next start. */
export function certifiedSince(
  store: Store,
  keys: InstanceKeys,
  {
    certified,
    revoked,
    revokedFor,
    keyless,
  }: Pick<Since, 'certified' | 'revoked' | 'revokedFor' | 'keyless'>,
): StoreWrite[] {
  const rows = new CertifiedRows(store, keys.storage.indexKey);
  const keyRows = new KeyRows(store, keys.storage.markKey);
  const writes: StoreWrite[] = [];
  const listed: (Revoked & { readonly at: number })[] = [];
  for (const handle of new Set([...certified.keys(), ...revoked.keys(), ...keyless.keys()])) {
    const before = rows.get(handle);
    // Enrolled after the backup: of such a participant nothing was restored that could mean something else.
    if (before === undefined || before.revoked !== undefined) continue;
    let now: Certified = before;
    for (const { by, leaf, at, certificate } of certified.get(handle) ?? []) {
      if (now.certificates.some(({ der }) => der === certificate)) continue;
      const { publicKey } = readCertificate(Buffer.from(certificate, 'base64'));
      if (by === 'key.rotated') {
        writes.push(keyRows.put(presentOf(now).publicKey, { handle, ended: true }));
        listed.push(...certificatesOf(now, 'superseded', at));
      }
      writes.push(keyRows.put(publicKey, { handle, ended: false }));
      now = { ...now, certificates: [...now.certificates, { der: certificate, by, from: leaf }] };
    }
    const said = revoked.get(handle);
    const at = said ?? keyless.get(handle);
    if (at !== undefined) {
      const reason = said === undefined ? 'superseded' : reasonOf(revokedFor.get(handle));
      writes.push(keyRows.put(presentOf(now).publicKey, { handle, ended: true, lost: true }));
      listed.push(...certificatesOf(now, reason, at));
      const known = REVOCATION_REASONS.find((one) => one === reason) ?? 'unspecified';
      const unsaid = said === undefined ? { isUnsaid: true as const } : {};
      now = { ...now, revoked: { at, from: 0, reason: known, ...unsaid } };
    }
    writes.push(rows.put(now));
  }
  if (listed.length > 0) writes.push(unsignedList(store.getSync(LIST_ROW), listed));
  return writes;
}

function certificatesOf(
  { certificates }: Certified,
  reason: CrlReason,
  at: number,
): (Revoked & { readonly at: number })[] {
  return certificates.map((one) => ({ certificate: readCertificate(derOf(one)), reason, at }));
}

function reasonOf(text: string | undefined): CrlReason {
  return text !== undefined && Object.hasOwn(CRL_REASONS, text) ? (text as CrlReason) : 'unspecified';
}
