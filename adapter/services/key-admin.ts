/** The instance's own keys as the command line shows and rotates them: public parts only. */
import { fingerprintOf, readAuthorityCertificate, readCertificate } from '../../ledger/participants/index.js';
import type { Instance } from '../instance/instance.js';
import type { RotationUnderWay } from '../instance/log-rotation.js';
import { AdapterError } from '../errors.js';

export interface ListedKeys {
  /** Verifier keys that sign checkpoints today. */
  readonly log: readonly string[];
  readonly rotation?: RotationUnderWay;
  readonly instance: { readonly fingerprint: string; readonly notAfter: number };
  readonly authority: { readonly root: string; readonly issuing: string; readonly notAfter: number };
  /** Whether the private keys lie under a passphrase. */
  readonly protected: boolean;
}

const DAY_MS = 86_400_000;
const OVERLAP_MS_MAX = 3650 * DAY_MS;

export async function listKeys(instance: Instance): Promise<ListedKeys> {
  const { authority, engine, keyRing, logRotation, organisation } = instance;
  const vkeys = (await engine.read('vkey'))?.toString('utf8').trim().split('\n') ?? [];
  const { underWay } = logRotation;
  return {
    log: vkeys,
    ...(underWay === undefined ? {} : { rotation: underWay }),
    instance: {
      fingerprint: organisation.fingerprint,
      notAfter: readCertificate(Buffer.from(organisation.certificate, 'base64')).notAfter,
    },
    authority: {
      root: fingerprintOf(authority.root),
      issuing: fingerprintOf(authority.issuing),
      notAfter: readAuthorityCertificate(authority.issuing).notAfter,
    },
    protected: keyRing.isProtected,
  };
}

/**
 * Rotates the log's key.
 *
 * @param overlapMs - How long both keys sign; 0 to ten years.
 * @throws AdapterError ADAPTER_USAGE, ADAPTER_CONFLICT while a rotation is under way.
 */
export async function rotateLogKey(instance: Instance, overlapMs: number): Promise<RotationUnderWay> {
  if (!Number.isSafeInteger(overlapMs) || overlapMs < 0 || overlapMs > OVERLAP_MS_MAX)
    throw new AdapterError('ADAPTER_USAGE', 'an overlap is from 0 to 3650 days');
  return instance.logRotation.begin(overlapMs);
}
