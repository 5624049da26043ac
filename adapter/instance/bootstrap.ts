/**
 * The first leaves of a log: the certification authority enrols itself and the instance. All of it is one batch, so
 * a crash leaves an empty store or a whole beginning.
 */
import { randomBytes } from 'node:crypto';
import type { Signer } from '../../ledger/custody/index.js';
import { countEntries } from '../../ledger/custody/index.js';
import type { Engine } from '../../ledger/engines/index.js';
import { buildSubmission, NONCE_BYTES } from '../../ledger/log/index.js';
import type { Draft, JsonObject } from '../../ledger/log/index.js';
import {
  createAuthority,
  makeCsr,
  newParticipantId,
  openAuthority,
  ORGANISATION_VALIDITY_MS,
} from '../../ledger/participants/index.js';
import type { Authority } from '../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { x25519PublicKey } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import type { Identity } from './identity.js';
import { CertifiedRows } from '../services/ca/index.js';
import { seedSigner } from './signers.js';
import { newHandle } from '../handle.js';

/** An enrolled organisation. */
export interface Organisation {
  /** Handle of its `participant.enrolled`. */
  readonly participant: string;
  /** Id in its certificate: `Organization/<id>` in consents. */
  readonly id: string;
  readonly name: string;
  readonly fingerprint: string;
  /** DER, base64. */
  readonly certificate: string;
}

export interface Bootstrapped {
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  readonly organisation: Organisation;
  /** Signs by the certificate in force: a renewal puts another in its place. */
  readonly instanceSigner: { actor: string; readonly sign: Signer['sign'] };
}

const ROOT = 'ca/root';
const ISSUING = 'ca/issuing';
/** Row of the instance's own organisation. */
export const INSTANCE_ROW = 'ca/instance';

export async function bootstrap(options: {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly engine: Engine;
  readonly identity: Identity;
  readonly nowMs: () => number;
}): Promise<Bootstrapped> {
  const { store, keys, engine, identity } = options;
  const seeds = { rootSeed: keys.caRootSeed, issuingSeed: keys.caIssuingSeed };
  const rootDer = store.getSync(ROOT);
  const issuingDer = store.getSync(ISSUING);
  const stored = store.getSync(INSTANCE_ROW);
  if (rootDer !== undefined && issuingDer !== undefined && stored !== undefined) {
    const authority = openAuthority({ rootDer, issuingDer, issuingSeed: seeds.issuingSeed });
    const organisation = JSON.parse(stored.toString('utf8')) as Organisation;
    return bind(authority, organisation, keys);
  }
  const nowMs = options.nowMs();
  const name = identity.demo ? 'Firebreak DEMO' : 'Firebreak';
  const authority = await createAuthority({ name: `${name} CA`, ...seeds, nowMs });
  const csr = await makeCsr({ seed: keys.instanceSeed, x25519Public: x25519PublicKey(keys.instanceX25519) });
  const id = newParticipantId();
  const issued = await authority.issue({
    csr: csr.pem,
    group: 'provider',
    role: 'instance',
    organisation: name,
    id,
    notBefore: nowMs,
    notAfter: nowMs + ORGANISATION_VALIDITY_MS,
  });
  const organisation: Organisation = {
    participant: newHandle(),
    id,
    name,
    fingerprint: issued.fingerprint,
    certificate: issued.der.toString('base64'),
  };
  const bound = bind(authority, organisation, keys);
  const drafts = [
    enrolment(bound.authoritySigner.actor, {
      handle: newHandle(),
      group: 'ca',
      name: `${name} CA`,
      certificate: authority.issuing.toString('base64'),
    }),
    enrolment(bound.authoritySigner.actor, {
      handle: organisation.participant,
      group: 'provider',
      role: 'instance',
      name,
      certificate: organisation.certificate,
    }),
  ];
  const submission = buildSubmission({
    origin: identity.origin,
    actor: bound.authoritySigner.actor,
    sign: bound.authoritySigner.sign,
    drafts,
    nonce: nonce(),
  });
  const writes: StoreWrite[] = [
    { type: 'put', key: ROOT, value: authority.root },
    { type: 'put', key: ISSUING, value: authority.issuing },
    { type: 'put', key: INSTANCE_ROW, value: Buffer.from(JSON.stringify(organisation), 'utf8') },
    new CertifiedRows(store, keys.storage.indexKey).put({
      handle: organisation.participant,
      id,
      group: 'provider',
      role: 'instance',
      name,
      certificates: [{ der: organisation.certificate, by: 'participant.enrolled', from: 0 }],
    }),
    countEntries(
      { get: () => undefined },
      drafts.map(({ type }) => type),
      1,
    ),
  ];
  await engine.commit({ submissions: [submission], writes });
  return bound;
}

function bind(authority: Authority, organisation: Organisation, keys: InstanceKeys): Bootstrapped {
  return {
    authority,
    authoritySigner: seedSigner(authority.fingerprint, keys.caIssuingSeed),
    organisation,
    instanceSigner: seedSigner(organisation.fingerprint, keys.instanceSeed),
  };
}

function enrolment(actor: string, body: JsonObject): Draft {
  return { v: 1, type: 'participant.enrolled', actor, tags: [], nonce: nonce(), body };
}

function nonce(): string {
  return randomBytes(NONCE_BYTES).toString('base64url');
}
