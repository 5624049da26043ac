/**
 * The one rule that leads from an entry to what the state map says. Pure, and without a look at the map: a value
 * depends on its last entry alone.
 */
import { LedgerError } from '../errors.js';
import { canonicalBytes, HASH_BYTES, sha256, unknownType } from '../log/index.js';
import type { Draft } from '../log/index.js';
import { stateKey } from './hashing.js';

/** What the rule reads of an entry. */
export type StateEntry = Pick<Draft, 'type' | 'tags' | 'body'>;

/** What the map says of a consent, by the last entry that named its handle. */
export type ConsentStatement = {
  readonly status: 'active' | 'replaced' | 'withdrawn';
  /** Validity, ms since the epoch; null is unlimited, and null where the consent is no longer active. */
  readonly start: number | null;
  readonly end: number | null;
  /** Index of that entry. */
  readonly leaf: number;
};

/** What the map says of a participant: the latest certificate, by hash, or a patient's commitment to it. */
export type ParticipantStatement =
  | { readonly status: 'enrolled'; readonly certificate: string; readonly leaf: number }
  | { readonly status: 'enrolled'; readonly commitment: string; readonly leaf: number }
  | { readonly status: 'revoked'; readonly leaf: number };

/** A key's new value. */
export interface StateUpdate {
  /** 32 bytes. */
  readonly key: Buffer;
  /** 32 bytes: a tag's leaf index, else the statement's hash. */
  readonly value: Buffer;
  /** Canonical JSON of which `value` is the SHA-256. */
  readonly statement?: Buffer;
}

/**
 * What an entry changes, in order: the later of two updates of one key holds.
 *
 * `consent.signed` makes its handle active and the one it replaces replaced; `consent.withdrawn` ends one;
 * `participant.enrolled`, `.renewed` and `.revoked` and a participant's `key.rotated` set a participant; each tag leads
 * to the entry that carries it.
 *
 * @param entry - Of good form.
 * @param leaf - Its index.
 * @throws LedgerError LEDGER_BAD_ENTRY for handles and tags that are not 32 bytes.
 */
export function applyEntry({ type, tags, body }: StateEntry, leaf: number): StateUpdate[] {
  const updates: StateUpdate[] = [];
  switch (type) {
    case 'consent.signed':
      if (body['replaces'] !== undefined)
        updates.push(consentUpdate(body['replaces'], ended('replaced', leaf)));
      updates.push(
        consentUpdate(body['handle'], {
          status: 'active',
          start: timeOf(body['start']),
          end: timeOf(body['end']),
          leaf,
        }),
      );
      break;
    case 'consent.withdrawn':
      updates.push(consentUpdate(body['handle'], ended('withdrawn', leaf)));
      break;
    case 'participant.enrolled':
    case 'participant.renewed':
    case 'participant.revoked':
      updates.push(participantUpdate(body['handle'], participantStatement(type, body, leaf)));
      break;
    case 'key.rotated':
      // A rotation of the log's own key names no participant.
      if (body['key'] === 'participant')
        updates.push(participantUpdate(body['handle'], participantStatement(type, body, leaf)));
      break;
    case 'representative.appointed':
    case 'representative.ended':
    case 'access.requested':
    case 'access.decided':
    case 'record.stored':
    case 'record.superseded':
    case 'record.deleted':
    case 'record.merged':
    case 'record.unmerged':
    case 'record.erased':
    case 'disclosure':
    case 'claim.attested':
    case 'cohort.exported':
    case 'aggregate.answered':
    case 'model.published':
    case 'score.issued':
    case 'source.reconciled':
    case 'state.anchored':
    case 'submission':
      // The map says nothing of these but where their tags are.
      break;
    default:
      unknownType(type);
  }
  for (const tag of tags) updates.push({ key: stateKey('tag', tag), value: tagValue(leaf) });
  return updates;
}

function ended(status: 'replaced' | 'withdrawn', leaf: number): ConsentStatement {
  return { status, start: null, end: null, leaf };
}

function consentUpdate(handle: unknown, statement: ConsentStatement): StateUpdate {
  return { key: stateKey('consent', text(handle)), ...statementValue(statement) };
}

function participantUpdate(handle: unknown, statement: ParticipantStatement): StateUpdate {
  return { key: stateKey('participant', text(handle)), ...statementValue(statement) };
}

function participantStatement(
  type: StateEntry['type'],
  body: StateEntry['body'],
  leaf: number,
): ParticipantStatement {
  if (type === 'participant.revoked') return { status: 'revoked', leaf };
  if (typeof body['certificate'] !== 'string') {
    return { status: 'enrolled', commitment: text(body['commitment']), leaf };
  }
  const certificate = sha256(Buffer.from(body['certificate'], 'base64')).toString('base64url');
  return { status: 'enrolled', certificate, leaf };
}

/** The value that a statement makes, and the bytes it is the hash of. @see RFC 8785 */
export function statementValue(statement: ConsentStatement | ParticipantStatement): {
  readonly value: Buffer;
  readonly statement: Buffer;
} {
  const bytes = canonicalBytes({ ...statement });
  return { value: sha256(bytes), statement: bytes };
}

/** The value of a tag: its entry's leaf index as u64-BE behind 24 zero bytes. */
export function tagValue(leaf: number): Buffer {
  const value = Buffer.alloc(HASH_BYTES);
  value.writeUIntBE(leaf, HASH_BYTES - 6, 6);
  return value;
}

/** The leaf index in a tag's value, or `undefined` when it is not one. */
export function readTagValue(value: Uint8Array): number | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length !== HASH_BYTES) return undefined;
  const leaf = bytes.readUIntBE(HASH_BYTES - 6, 6);
  return tagValue(leaf).equals(bytes) ? leaf : undefined;
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new LedgerError('LEDGER_BAD_ENTRY', 'an entry without the member that the state map reads');
}

function timeOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
