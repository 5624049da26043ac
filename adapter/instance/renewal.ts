/**
 * The instance's certificate is short-lived: it is renewed by its own authority before it ends, so that no entry is
 * ever signed under an expired one.
 */
import type { Appender, Signer } from '../../ledger/custody/index.js';
import { makeCsr, ORGANISATION_VALIDITY_MS, readCertificate } from '../../ledger/participants/index.js';
import type { Authority } from '../../ledger/participants/index.js';
import { x25519PublicKey } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import type { Engine } from '../../ledger/engines/index.js';
import type { CertifiedRows } from '../services/ca/index.js';
import { INSTANCE_ROW } from './bootstrap.js';
import type { Organisation } from './bootstrap.js';

/** Renewed when less than this is left, ms: a machine may be off for weeks. */
const RENEW_BEFORE_MS = 30 * 86_400_000;
/** How often a running instance looks, ms. */
export const RENEWAL_LOOK_MS = 6 * 3_600_000;

export interface RenewalOptions {
  readonly appender: Appender;
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  readonly keys: InstanceKeys;
  readonly engine: Engine;
  readonly certified: CertifiedRows;
  /** Its `actor` is put to the new certificate once that is on the log. */
  readonly instanceSigner: { actor: string; readonly sign: Signer['sign'] };
  readonly nowMs: () => number;
}

/**
 * Renews the instance's certificate when it is due.
 *
 * @param organisation - As last stored.
 * @returns The organisation with its certificate in force.
 * @throws ParticipantError when the issuing certificate itself is at its end; LedgerError as appending does.
 */
export async function renewIfDue(organisation: Organisation, options: RenewalOptions): Promise<Organisation> {
  const { appender, authority, authoritySigner, keys, instanceSigner } = options;
  const now = options.nowMs();
  const { notAfter } = readCertificate(Buffer.from(organisation.certificate, 'base64'));
  if (notAfter - now > RENEW_BEFORE_MS) return organisation;
  const csr = await makeCsr({ seed: keys.instanceSeed, x25519Public: x25519PublicKey(keys.instanceX25519) });
  const issued = await authority.issue({
    csr: csr.pem,
    group: 'provider',
    role: 'instance',
    organisation: organisation.name,
    id: organisation.id,
    notBefore: now,
    notAfter: Math.min(now + ORGANISATION_VALIDITY_MS, authority.notAfter),
  });
  const renewed: Organisation = {
    ...organisation,
    fingerprint: issued.fingerprint,
    certificate: issued.der.toString('base64'),
  };
  const body = { handle: organisation.participant, certificate: renewed.certificate };
  // Entry and row are one batch. A crash before it renews again; after it, the new certificate is found at the start.
  await appender.appendControl({ signer: authoritySigner }, (view) => {
    const certified = options.certified.get(organisation.participant, view);
    const from = options.engine.head().size;
    const certificate = { der: renewed.certificate, by: 'participant.renewed', from } as const;
    return {
      drafts: [{ type: 'participant.renewed', body }],
      writes: [
        { type: 'put', key: INSTANCE_ROW, value: Buffer.from(JSON.stringify(renewed), 'utf8') },
        ...(certified === undefined
          ? []
          : [
              options.certified.put({ ...certified, certificates: [...certified.certificates, certificate] }),
            ]),
      ],
      value: undefined,
    };
  });
  instanceSigner.actor = renewed.fingerprint;
  return renewed;
}
