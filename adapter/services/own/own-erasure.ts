/** The patient's own right to be forgotten: what would go, and its destruction on the patient's signed request. */
import { ERASURE_REQUEST } from '../../../ledger/custody/index.js';
import type { SignedErasureRequest } from '../../../ledger/custody/index.js';
import { AdapterError } from '../../errors.js';
import type { OwnErasure } from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import { eraseAsAsked } from '../erasure/index.js';
import type { EraseAnswer } from '../erasure/index.js';
import type { Person } from '../people/index.js';

/** What an erasure of all would destroy. Nothing is written. @throws AdapterError as {@link nameOf} does. */
export async function previewErasure(instance: Instance, person: Person): Promise<OwnErasure> {
  return shown(await eraseAsAsked(instance, { name: nameOf(person) }));
}

/**
 * Destroys all that is kept of a patient. Whoever holds a session cannot: the request is signed by the patient's key.
 *
 * @param body - `{"request": …, "jws": …}`, JSON.
 * @throws AdapterError ADAPTER_FORBIDDEN for a request that is no order, ADAPTER_CONFLICT while a legal hold lies,
 * ADAPTER_BAD_REQUEST for what is no request for all of it.
 */
export async function eraseOwn(instance: Instance, person: Person, body: Buffer): Promise<OwnErasure> {
  const name = nameOf(person);
  return shown(await eraseAsAsked(instance, { name, request: signedOf(body), yes: true }));
}

function nameOf({ patient }: Person): string {
  if (patient === undefined)
    throw new AdapterError('ADAPTER_FORBIDDEN', 'only patients have a record of their own');
  return patient.reference;
}

function signedOf(body: Buffer): SignedErasureRequest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'the request is JSON', { cause });
  }
  const { request, jws } = (parsed ?? {}) as Partial<SignedErasureRequest>;
  if (request?.kind !== ERASURE_REQUEST || request.scope !== 'all' || typeof jws !== 'string')
    throw new AdapterError(
      'ADAPTER_BAD_REQUEST',
      'send a signed request to erase all, {"request": …, "jws": …}',
    );
  return { request, jws };
}

function shown({
  outcome,
  versions,
  scores,
  models,
  held,
  erasedAt,
  compacted,
  backupsUntil,
}: EraseAnswer): OwnErasure {
  return {
    outcome,
    records: versions.length,
    scores: scores.length,
    models: models.length,
    isHeld: held,
    ...(erasedAt === undefined ? {} : { erasedAt }),
    ...(compacted === undefined ? {} : { isGone: compacted }),
    ...(backupsUntil === undefined ? {} : { backupsUntil }),
  };
}
