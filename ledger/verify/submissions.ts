/**
 * Leads every leaf back to a signature: submissions, the certificates they are signed with, and who may sign what.
 */
import { canonicalBytes, canonicalize, leafHash, rootOf, sha256, verify } from '../log/index.js';
import type { Entry } from '../log/index.js';
import { Certificates } from './certificates.js';
import type { Enrolled } from './certificates.js';
import { HandleTable } from './handle-table.js';

/** First bytes under a submission's signature. */
const DOMAIN = 'firebreak/submission/v1\n';

/** A rule broken at a leaf. */
export interface Breach {
  readonly leaf: number;
  readonly rule: string;
}

interface Open {
  readonly leaf: number;
  readonly entry: Entry;
  readonly count: number;
  /** Leaf hashes of the drafts so far. */
  readonly drafts: Buffer[];
  /** How many leaves of it were passed, those without a good form too. */
  passed: number;
  broken: boolean;
}

/** Follows a log's submissions from its first leaf on. */
export class Submissions {
  readonly #origin: string;
  readonly #certificates = new Certificates();
  readonly #roots = new HandleTable();
  /** The latest certificate of each organisation, by its handle. */
  readonly #certificateOf = new Map<string, string>();
  #open: Open | undefined;
  #checked = 0;

  constructor(origin: string) {
    this.#origin = origin;
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
   * @returns Rules broken.
   */
  next(leaf: number, entry: Entry | undefined): Breach[] {
    const open = this.#open;
    if (open === undefined) return entry === undefined ? [] : this.#begin(leaf, entry);
    const breaches: Breach[] = [];
    if (entry === undefined) open.broken = true;
    else breaches.push(...this.#draft(open, leaf, entry));
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

  #begin(leaf: number, entry: Entry): Breach[] {
    if (entry.type !== 'submission') return [{ leaf, rule: 'an entry outside of any submission' }];
    const { origin, certificate, root, count } = entry.body;
    this.#open = { leaf, entry, count: Number(count), drafts: [], passed: 0, broken: false };
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
    return breaches;
  }

  #draft(open: Open, leaf: number, entry: Entry): Breach[] {
    const { actor, body, nonce, tags, type, v } = entry;
    open.drafts.push(leafHash(canonicalBytes({ actor, body, nonce, tags, type, v })));
    const breaches: Breach[] = [];
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
    return breaches;
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
    if (broken === undefined) this.#certificateOf.set(textOf(body['handle']), actorOf(certificate));
    return broken;
  }

  /** A renewal certifies the same key of the same organisation; another key would be a rotation. */
  #renew({ actor, body }: Entry): string | undefined {
    if (this.enrolled(actor)?.group !== 'ca') return 'a certificate is not renewed by an authority';
    const before = this.enrolled(this.#certificateOf.get(textOf(body['handle'])) ?? '');
    if (before === undefined || before.group === 'ca') return 'it renews no organisation';
    const certificate = textOf(body['certificate']);
    const broken = this.#certificates.enrol(before.group, before.role, certificate);
    if (broken !== undefined) return broken;
    const renewed = actorOf(certificate);
    this.#certificateOf.set(textOf(body['handle']), renewed);
    return this.enrolled(renewed)?.key.equals(before.key) === true ? undefined : 'it certifies another key';
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
    const root = rootOf(drafts).toString('base64url');
    if (entry.body['root'] !== root) return [{ leaf, rule: 'the root is not that of the drafts' }];
    const claim = canonicalize({ actor: entry.actor, count, origin: this.#origin, root });
    const signature = Buffer.from(textOf(entry.body['signature']), 'base64url');
    const isGood = verify(signer.key, Buffer.from(DOMAIN + claim, 'utf8'), signature);
    return isGood ? [] : [{ leaf, rule: 'the signature fails' }];
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
