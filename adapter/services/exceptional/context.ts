/** What emergencies and duties are opened with. */
import { randomBytes } from 'node:crypto';
import { signDocument } from '../../../ledger/consent/index.js';
import type { Appender } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import type { Store } from '../../../ledger/store.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import type { Sources } from '../../instance/sources.js';
import type { Subjects } from '../../instance/subjects.js';
import type { Logger } from '../../logger.js';
import type { CertifiedRows } from '../ca/index.js';
import type { Notices } from '../notices/index.js';
import type { Evidence } from './rows.js';

export interface ExceptionalOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: () => Appender;
  readonly certified: CertifiedRows;
  readonly subjects: () => Subjects;
  readonly sources: () => Sources;
  readonly notices: Notices;
  /** Origin of the log. */
  readonly origin: string;
  /** Fingerprint of the instance's certificate: it signs policies for the custodians. */
  readonly fingerprint: () => string;
  readonly emergencyMs: number;
  readonly reviewMs: number;
  /** Whether a patient's refusal holds in an emergency. */
  readonly mayBeRefused: boolean;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Bytes with a fresh salt, and what the log shows of them. */
export function evidenceOf(value: object): { readonly evidence: Evidence; readonly commitment: string } {
  const bytes = Buffer.from(JSON.stringify(value), 'utf8');
  const salt = randomBytes(32);
  return {
    evidence: { bytes: bytes.toString('base64'), salt: salt.toString('base64url') },
    commitment: commitmentOf(salt, bytes).toString('base64url'),
  };
}

/** What the custodian's instance permits, signed by it. */
export function signedPolicy(
  { keys, fingerprint }: Pick<ExceptionalOptions, 'keys' | 'fingerprint'>,
  policy: object,
): object {
  const document = { kind: 'firebreak custodian policy', policy } as JsonObject;
  return { document, jws: signDocument(document, keys.instanceSeed, fingerprint()) };
}
