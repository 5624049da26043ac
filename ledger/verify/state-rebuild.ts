/**
 * Rebuilds the state map from the entries, by the rule as the decision record states it, and compares it with each anchor.
 */
import { canonicalBytes, HASH_BYTES, sha256, unknownType } from '../log/index.js';
import type { Entry, JsonObject } from '../log/index.js';
import { TAG_ROW_BYTES } from './bundle-hashes.js';
import type { Failure } from './report.js';
import type { SnapshotReader, SnapshotWriter } from './snapshot.js';
import { StateTree } from './state-tree.js';

/** A change that waits for an anchor: leaf index as u64-BE, key, value. */
const CHANGE_BYTES = 8 + 32 + 32;
const CHANGES_START = 1024;

/** What an anchor's check found. */
export interface AnchorCheck {
  readonly failure?: Omit<Failure, 'leaf'>;
}

/** Follows a log from its first entry on. A root is computed where an anchor asks for it, and nowhere else. */
export class StateRebuild {
  #tree: StateTree | undefined;
  /** Changes of entries behind the last anchor's size. */
  #ahead = Buffer.alloc(CHANGES_START * CHANGE_BYTES);
  #aheadBytes = 0;
  #size = 0;

  /**
   * Takes the next entry of good form.
   *
   * @param tags - Its tags, each with its key: {@link TAG_ROW_BYTES} a tag.
   * @returns What was found of an anchor; `undefined` for other entries.
   */
  next(leaf: number, entry: Entry, tags: Buffer): AnchorCheck | undefined {
    if (entry.type === 'state.anchored') return this.#anchor(leaf, entry.body);
    for (const [kind, name, statement] of statements(entry, leaf)) {
      this.#change(leaf, keyOf(kind, name), sha256(canonicalBytes(statement)));
    }
    for (let at = 0; at < tags.length; at += TAG_ROW_BYTES) {
      this.#change(leaf, tags.subarray(at + HASH_BYTES, at + TAG_ROW_BYTES), asNumber(leaf));
    }
    return undefined;
  }

  /** Writes where it stands. */
  save(out: SnapshotWriter): void {
    out.number(this.#size);
    out.bytes(this.#ahead.subarray(0, this.#aheadBytes));
    (this.#tree ?? new StateTree()).save(out);
  }

  /** Goes on from what {@link save} has written. @throws LedgerError LEDGER_CORRUPT */
  restore(from: SnapshotReader): void {
    this.#size = from.number();
    const ahead = from.bytes();
    this.#ahead = Buffer.alloc(Math.max(CHANGES_START * CHANGE_BYTES, ahead.length));
    ahead.copy(this.#ahead);
    this.#aheadBytes = ahead.length;
    this.#tree = new StateTree();
    this.#tree.restore(from);
  }

  #change(leaf: number, key: Buffer, value: Buffer): void {
    if (this.#aheadBytes === this.#ahead.length) {
      this.#ahead = Buffer.concat([this.#ahead, Buffer.alloc(this.#ahead.length)]);
    }
    const at = this.#aheadBytes;
    this.#ahead.writeUInt32BE(Math.floor(leaf / 2 ** 32), at);
    this.#ahead.writeUInt32BE(leaf >>> 0, at + 4);
    key.copy(this.#ahead, at + 8);
    value.copy(this.#ahead, at + 40);
    this.#aheadBytes += CHANGE_BYTES;
  }

  #anchor(leaf: number, { size, keys, root }: JsonObject): AnchorCheck {
    if (typeof size !== 'number' || size > leaf || size < this.#size) {
      const expected = `${this.#size} to ${leaf}`;
      return { failure: { rule: 'an anchor of a size out of order', expected, found: shown(size) } };
    }
    this.#size = size;
    const tree = (this.#tree ??= new StateTree());
    let at = 0;
    for (; at < this.#aheadBytes && Number(this.#ahead.readBigUInt64BE(at)) < size; at += CHANGE_BYTES) {
      tree.set(this.#ahead.subarray(at + 8, at + 40), this.#ahead.subarray(at + 40, at + CHANGE_BYTES));
    }
    this.#ahead.copyWithin(0, at, this.#aheadBytes);
    this.#aheadBytes -= at;
    if (keys !== tree.keys) {
      return {
        failure: {
          rule: 'the state has another count of keys',
          expected: shown(keys),
          found: `${tree.keys}`,
        },
      };
    }
    const found = tree.root().toString('base64url');
    if (found === root) return {};
    return { failure: { rule: 'the entries give another state', expected: shown(root), found } };
  }
}

/** Kind, handle and statement of what an entry says. */
function statements(
  { type, body }: Entry,
  leaf: number,
): [kind: string, name: string, statement: JsonObject][] {
  const handle = textOf(body['handle']);
  switch (type) {
    case 'consent.signed': {
      const { start = null, end = null, replaces } = body;
      const signed: [string, string, JsonObject] = [
        'consent',
        handle,
        { status: 'active', start, end, leaf },
      ];
      if (replaces === undefined) return [signed];
      return [['consent', textOf(replaces), { status: 'replaced', start: null, end: null, leaf }], signed];
    }
    case 'consent.withdrawn':
      return [['consent', handle, { status: 'withdrawn', start: null, end: null, leaf }]];
    case 'participant.enrolled':
    case 'participant.renewed':
    case 'key.rotated': {
      if (type === 'key.rotated' && body['key'] === 'log') return [];
      const { certificate, commitment } = body;
      if (certificate === undefined) {
        return [['participant', handle, { status: 'enrolled', commitment: textOf(commitment), leaf }]];
      }
      const hash = sha256(Buffer.from(textOf(certificate), 'base64')).toString('base64url');
      return [['participant', handle, { status: 'enrolled', certificate: hash, leaf }]];
    }
    case 'participant.revoked':
      return [['participant', handle, { status: 'revoked', leaf }]];
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
      return [];
    default:
      return unknownType(type);
  }
}

function keyOf(kind: string, name: string): Buffer {
  return sha256(Buffer.concat([Buffer.from(`firebreak/state/v1/${kind}\n`), Buffer.from(name, 'base64url')]));
}

/** The leaf index as a value: 32 bytes, big-endian. Reused, since a change copies it. */
const leafValue = Buffer.alloc(32);
function asNumber(leaf: number): Buffer {
  leafValue.writeUInt32BE(Math.floor(leaf / 2 ** 32), 24);
  leafValue.writeUInt32BE(leaf >>> 0, 28);
  return leafValue;
}

/** A number or a hash, as the schema says, for the report. */
function shown(value: unknown): string {
  return typeof value === 'number' ? `${value}` : textOf(value);
}

/** A member that the schema says is text. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
