/** What the log says of the time between a backup and now: all that a restored instance must know before it acts. */
import { BUNDLE_BYTES_MAX, entriesPath, splitBundle, TILE_WIDTH } from '../../../ledger/log/index.js';
import type { Entry } from '../../../ledger/log/index.js';
import { BackupError } from './errors.js';
import type { ReadEntries } from './catch-up.js';

/** An entry that concerns a patient. */
export interface TaggedEntry {
  readonly leaf: number;
  readonly at: number;
  readonly handle: string;
  readonly tags: readonly string[];
}

/** A certificate that took the place of another one. */
export interface SinceCertified {
  readonly by: 'participant.renewed' | 'key.rotated';
  readonly leaf: number;
  readonly at: number;
  /** DER, base64. */
  readonly certificate: string;
}

/** Entries by what they mean for what was restored. */
export interface Since {
  /** Every tag used. */
  readonly tags: Set<string>;
  readonly signed: (TaggedEntry & { readonly replaces: string | undefined })[];
  readonly withdrawn: TaggedEntry[];
  /** Handles of what the custodian, or the patient, approved once and ended. */
  readonly ended: Set<string>;
  /** Records and scores. */
  readonly stored: TaggedEntry[];
  /** Successor of each superseded version. */
  readonly superseded: Map<string, string>;
  /** When each deleted version was. */
  readonly deleted: Map<string, number>;
  readonly erased: Map<string, number>;
  /** When each participant was revoked. */
  readonly revoked: Map<string, number>;
  /** When each patient got a key that nobody knows here. */
  readonly keyless: Map<string, number>;
  /** Why. */
  readonly revokedFor: Map<string, string>;
  /** Certificates that participants got by renewals and rotations, in their order. */
  readonly certified: Map<string, SinceCertified[]>;
  /** The last certificate of each renewed participant, DER in base64, where it is public. */
  readonly renewed: Map<string, string>;
  /** Keys of the log that took the place of others. */
  readonly logKeys: string[];
}

/**
 * Reads the entries from one size up to another.
 *
 * @throws BackupError RESTORE_PUBLISHED_LOG when some are missing.
 */
export async function readSince(read: ReadEntries, from: number, to: number): Promise<Since> {
  const since: Since = {
    tags: new Set(),
    signed: [],
    withdrawn: [],
    ended: new Set(),
    stored: [],
    superseded: new Map(),
    deleted: new Map(),
    erased: new Map(),
    revoked: new Map(),
    keyless: new Map(),
    revokedFor: new Map(),
    certified: new Map(),
    renewed: new Map(),
    logKeys: [],
  };
  for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < to; index++) {
    const width = Math.min(TILE_WIDTH, to - index * TILE_WIDTH);
    const bundle = await read(entriesPath(index, width), BUNDLE_BYTES_MAX);
    const { found } = splitBundle(bundle ?? Buffer.alloc(0), width);
    if (found.length < width)
      throw new BackupError('RESTORE_PUBLISHED_LOG', 'entries of the log are missing');
    for (const [i, bytes] of found.entries()) {
      const leaf = index * TILE_WIDTH + i;
      if (leaf >= from) take(since, leaf, JSON.parse(bytes.toString('utf8')) as Entry);
    }
  }
  return since;
}

function take(since: Since, leaf: number, { type, at, tags, body }: Entry): void {
  for (const tag of tags) since.tags.add(tag);
  const handle = textOf(body['handle']);
  const entry: TaggedEntry = { leaf, at, handle, tags };
  switch (type) {
    case 'consent.signed': {
      const replaces = body['replaces'] === undefined ? undefined : textOf(body['replaces']);
      since.signed.push({ ...entry, replaces });
      break;
    }
    case 'consent.withdrawn':
      since.withdrawn.push(entry);
      break;
    case 'access.decided':
      if (body['outcome'] !== 'approved') since.ended.add(handle);
      break;
    case 'record.stored':
    case 'score.issued':
      since.stored.push(entry);
      break;
    case 'record.superseded':
      since.superseded.set(handle, textOf(body['by']));
      break;
    case 'record.deleted':
      since.deleted.set(handle, at);
      break;
    case 'record.erased':
      since.erased.set(handle, at);
      break;
    case 'participant.revoked':
      since.revoked.set(handle, at);
      since.revokedFor.set(handle, textOf(body['reason']));
      break;
    case 'participant.renewed':
      if (typeof body['certificate'] === 'string') since.renewed.set(handle, body['certificate']);
      takeCertified(since, handle, { by: type, leaf, at, certificate: textOf(body['certificate']) });
      break;
    case 'key.rotated':
      if (body['key'] === 'log') since.logKeys.push(textOf(body['to']));
      else if (body['certificate'] === undefined) {
        // A patient's new key is not on the log. The old one was given up: it must not come back, so there is none.
        since.keyless.set(handle, at);
      } else takeCertified(since, handle, { by: type, leaf, at, certificate: textOf(body['certificate']) });
      break;
    case 'participant.enrolled':
    case 'representative.appointed':
    case 'representative.ended':
    case 'access.requested':
    case 'disclosure':
    case 'claim.attested':
    case 'cohort.exported':
    case 'aggregate.answered':
    case 'model.published':
    case 'source.reconciled':
    case 'state.anchored':
    case 'submission':
      // Their rows are lost, and nothing that was restored means something else because of them.
      break;
    case 'record.merged':
    case 'record.unmerged':
      // The Patient that said so is newer than the backup: it is read again, and heard, when the source is next read.
      break;
  }
}

/** A patient's certificate is not on the log. */
function takeCertified(since: Since, handle: string, certified: SinceCertified): void {
  if (certified.certificate === '') return;
  since.certified.set(handle, [...(since.certified.get(handle) ?? []), certified]);
}

/** Members of entries that the verifier has passed are of their types. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
