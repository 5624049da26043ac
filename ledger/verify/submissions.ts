/**
 * Leads every leaf back to a signature: submissions, the certificates they are signed with, and who may sign what.
 */
import { LedgerError } from '../errors.js';
import { parseVkey, sha256 } from '../log/index.js';
import type { Entry } from '../log/index.js';
import { Certificates } from './certificates.js';
import type { Enrolled, EndedBy } from './certificates.js';
import { HandleTable } from './handle-table.js';
import type { SnapshotReader, SnapshotWriter } from './snapshot.js';
import type { SubmissionSeal } from './submission-seal.js';

/** Reasons that tell of a key, and nothing of the person who held it. */
const REASONS_OF_KEYS: ReadonlySet<string> = new Set(['unspecified', 'keyCompromise', 'superseded']);

/** A rule broken at a leaf. */
export interface Breach {
  readonly leaf: number;
  readonly rule: string;
  readonly expected?: string;
  readonly found?: string;
}

interface Open {
  readonly leaf: number;
  readonly entry: Entry;
  readonly count: number;
  /** Leaf hashes of the drafts so far. */
  readonly drafts: Buffer[];
  /** How many leaves of it were passed, those without a good form too. */
  passed: number;
  /** Whether its signer was in force at the leaf before. */
  inForce: boolean;
  broken: boolean;
}

/** Follows a log's submissions from its first leaf on. */
export class Submissions {
  readonly #origin: string;
  readonly #certificates = new Certificates();
  readonly #roots = new HandleTable();
  /** The latest certificate of each organisation, by its handle. */
  readonly #certificateOf = new Map<string, string>();
  /** All certificates that an organisation had, by its handle. */
  readonly #certificatesOf = new Map<string, string[]>();
  /** Takes what root and signature are checked with, beside the rules here. */
  readonly #onSeal: (leaf: number, seal: SubmissionSeal) => void;
  #open: Open | undefined;
  #checked = 0;

  constructor(origin: string, onSeal: (leaf: number, seal: SubmissionSeal) => void) {
    this.#origin = origin;
    this.#onSeal = onSeal;
  }

  /** Submissions that came to their end. */
  get checked(): number {
    return this.#checked;
  }

  /** The organisation of an actor, if enrolled by now. */
  enrolled(actor: string): Enrolled | undefined {
    return this.#certificates.get(actor);
  }

  /**
   * Takes the next leaf.
   *
   * @param entry - `undefined` where the leaf has no good form: its submission then cannot be checked, which the
   * form's own failure says.
   * @param draft - Leaf hash of the draft that the entry was made from.
   * @returns Rules broken.
   */
  next(leaf: number, entry: Entry | undefined, draft: Buffer): Breach[] {
    const open = this.#open;
    if (open === undefined) return entry === undefined ? [] : this.#begin(leaf, entry);
    const breaches: Breach[] = [];
    if (entry === undefined) open.broken = true;
    else breaches.push(...this.#draft(open, leaf, entry, draft));
    open.passed += 1;
    if (open.passed === open.count) {
      this.#open = undefined;
      this.#checked += 1;
      if (!open.broken) breaches.push(...this.#finish(open));
    }
    return breaches;
  }

  /** To be called at the log's end. */
  end(): Breach[] {
    return this.#open === undefined
      ? []
      : [{ leaf: this.#open.leaf, rule: 'the log ends within a submission' }];
  }

  /** Writes where it stands, between two submissions. */
  save(out: SnapshotWriter): void {
    this.#certificates.save(out);
    this.#roots.save(out);
    out.json([...this.#certificateOf]);
    out.json([...this.#certificatesOf]);
  }

  /** Goes on from what {@link save} has written. @throws LedgerError LEDGER_CORRUPT */
  restore(from: SnapshotReader): void {
    this.#certificates.restore(from);
    this.#roots.restore(from);
    for (const [handle, actor] of from.json() as [string, string][]) this.#certificateOf.set(handle, actor);
    for (const [handle, actors] of from.json() as [string, string[]][])
      this.#certificatesOf.set(handle, actors);
  }

  #begin(leaf: number, entry: Entry): Breach[] {
    if (entry.type !== 'submission') return [{ leaf, rule: 'an entry outside of any submission' }];
    const { origin, certificate, root, count } = entry.body;
    this.#open = { leaf, entry, count: Number(count), drafts: [], passed: 0, inForce: true, broken: false };
    const breaches: Breach[] = [];
    if (origin !== this.#origin) breaches.push({ leaf, rule: 'a submission made for another log' });
    if (certificate !== entry.actor) breaches.push({ leaf, rule: 'the certificate is not the actor’s' });
    if (entry.tags.length > 0) breaches.push({ leaf, rule: 'a submission with tags' });
    if (this.#roots.get(textOf(root)) !== 0)
      breaches.push({ leaf, rule: 'a submission that is in the log already' });
    this.#roots.set(textOf(root), 1);
    // The first submission brings its own authority, so its signer is known at its end only.
    if (leaf !== 0 && this.enrolled(entry.actor) === undefined) {
      breaches.push({ leaf, rule: 'the actor is not enrolled' });
    }
    breaches.push(...this.#endedSigner(this.#open, leaf));
    return breaches;
  }

  #draft(open: Open, leaf: number, entry: Entry, draft: Buffer): Breach[] {
    const { actor, body, type } = entry;
    open.drafts.push(draft);
    const breaches = this.#endedSigner(open, leaf);
    if (type === 'submission') breaches.push({ leaf, rule: 'a submission within a submission' });
    if (actor !== open.entry.actor)
      breaches.push({ leaf, rule: 'an entry of another actor than its submission’s' });
    const enrolsAuthority = type === 'participant.enrolled' && body['group'] === 'ca';
    if (leaf === 1 && !enrolsAuthority) breaches.push({ leaf, rule: 'the first entry enrols no authority' });
    if (type === 'participant.enrolled') {
      const rule = this.#enrol(open, entry);
      if (rule !== undefined) breaches.push({ leaf, rule });
    }
    if (type === 'participant.renewed') {
      const rule = this.#renew(entry);
      if (rule !== undefined) breaches.push({ leaf, rule });
    }
    if (type === 'participant.revoked') {
      const rule = this.#revoke(entry);
      if (rule !== undefined) breaches.push({ leaf, rule });
    }
    if (type === 'key.rotated') {
      const rule = this.#rotate(entry);
      if (rule !== undefined) breaches.push({ leaf, rule });
    }
    return breaches;
  }

  /** An authority may revoke itself, and is then not heard any more, in the same submission neither; said once. */
  #endedSigner(open: Open, leaf: number): Breach[] {
    if (!open.inForce) return [];
    const ended = this.#certificates.ended(open.entry.actor);
    if (ended === undefined) return [];
    open.inForce = false;
    return [{ leaf, rule: `the actor’s certificate was ${ended}` }];
  }

  #enrol(open: Open, { actor, body }: Entry): string | undefined {
    const signer = this.enrolled(actor);
    if (body['group'] === 'patient') {
      const may = signer?.group === 'ca' || signer?.role === 'instance';
      return may ? undefined : 'a patient is enrolled by neither authority nor instance';
    }
    if (open.leaf !== 0 && signer?.group !== 'ca') return 'an organisation is not enrolled by an authority';
    const role = typeof body['role'] === 'string' ? body['role'] : undefined;
    const certificate = textOf(body['certificate']);
    const broken = this.#certificates.enrol(textOf(body['group']), role, certificate);
    if (broken === undefined) this.#certified(textOf(body['handle']), actorOf(certificate));
    return broken;
  }

  #certified(handle: string, actor: string): void {
    this.#certificateOf.set(handle, actor);
    this.#certificatesOf.set(handle, [...(this.#certificatesOf.get(handle) ?? []), actor]);
  }

  /** A renewal certifies the same key of the same organisation; another key would be a rotation. A patient's is hidden. */
  #renew({ actor, body }: Entry): string | undefined {
    const renewed = textOf(body['handle']);
    if (body['certificate'] === undefined) {
      if (this.#certificateOf.has(renewed)) return 'an organisation is renewed without its certificate';
      return this.#maySpeakOf(renewed, actor) ? undefined : 'a certificate is not renewed by an authority';
    }
    if (this.enrolled(actor)?.group !== 'ca') return 'a certificate is not renewed by an authority';
    const before = this.enrolled(this.#certificateOf.get(renewed) ?? '');
    if (before === undefined || before.group === 'ca') return 'it renews no organisation';
    const certificate = textOf(body['certificate']);
    const broken = this.#certificates.enrol(before.group, before.role, certificate);
    if (broken !== undefined) return broken;
    const next = actorOf(certificate);
    this.#certified(renewed, next);
    return this.enrolled(next)?.key.equals(before.key) === true ? undefined : 'it certifies another key';
  }

  /** Of an organisation by an authority; of a patient, whose certificates are not published, by an instance too. */
  #revoke({ actor, body }: Entry): string | undefined {
    const handle = textOf(body['handle']);
    if (!this.#maySpeakOf(handle, actor)) return 'a participant is not revoked by an authority';
    if (!this.#certificateOf.has(handle) && !REASONS_OF_KEYS.has(textOf(body['reason'])))
      return 'a patient’s revocation says why, beyond the key';
    this.#end(handle, 'revoked');
    return undefined;
  }

  /** A rotation certifies another key of the same organisation, and the former one signs nothing any more. */
  #rotate({ actor, body }: Entry): string | undefined {
    if (body['key'] === 'log') {
      if (this.enrolled(actor)?.role !== 'instance') return 'the log’s key is not rotated by its instance';
      return [body['from'], body['to']].every((vkey) => this.#isLogKey(textOf(vkey)))
        ? undefined
        : 'it names what is no key of this log';
    }
    const handle = textOf(body['handle']);
    if (!this.#maySpeakOf(handle, actor)) return 'a key is not rotated by an authority';
    if (body['certificate'] === undefined)
      return this.#certificateOf.has(handle) ? 'an organisation’s new certificate is not shown' : undefined;
    const before = this.enrolled(this.#certificateOf.get(handle) ?? '');
    if (before === undefined || before.group === 'ca') return 'it rotates the key of no organisation';
    const certificate = textOf(body['certificate']);
    const broken = this.#certificates.enrol(before.group, before.role, certificate);
    if (broken !== undefined) return broken;
    this.#end(handle, 'rotated away');
    const rotated = actorOf(certificate);
    this.#certified(handle, rotated);
    return this.enrolled(rotated)?.key.equals(before.key) === true ? 'it certifies the same key' : undefined;
  }

  /** Whether it is a vkey of the log's name, its id right and its key safe. @see https://c2sp.org/signed-note */
  #isLogKey(vkey: string): boolean {
    try {
      return parseVkey(vkey).name === this.#origin;
    } catch (error) {
      if (error instanceof LedgerError) return false;
      throw error;
    }
  }

  #maySpeakOf(handle: string, actor: string): boolean {
    const by = this.enrolled(actor);
    return by?.group === 'ca' || (by?.role === 'instance' && !this.#certificateOf.has(handle));
  }

  #end(handle: string, why: EndedBy): void {
    for (const actor of this.#certificatesOf.get(handle) ?? []) this.#certificates.end(actor, why);
  }

  #finish({ leaf, entry, count, drafts }: Open): Breach[] {
    const signer = this.enrolled(entry.actor);
    // Said at its beginning already, save for the first submission.
    if (signer === undefined) return leaf === 0 ? [{ leaf, rule: 'the actor is not enrolled' }] : [];
    if (leaf === 0 && signer.group !== 'ca')
      return [{ leaf, rule: 'the first submission is no authority’s' }];
    if (entry.at < signer.notBeforeMs || entry.at > signer.notAfterMs) {
      return [{ leaf, rule: 'the certificate was not valid at that time' }];
    }
    this.#onSeal(leaf, {
      actor: entry.actor,
      count,
      origin: this.#origin,
      root: textOf(entry.body['root']),
      signature: textOf(entry.body['signature']),
      drafts: Buffer.concat(drafts),
      key: signer.key,
    });
    return [];
  }
}

/** The actor that a certificate makes: base64url SHA-256 of its DER. */
function actorOf(certificate: string): string {
  return sha256(Buffer.from(certificate, 'base64')).toString('base64url');
}

/** A member that the schema says is text. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
