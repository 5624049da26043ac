/**
 * What a hospital's staff see and do at the desk, of the sources that their hospital is custodian of and of no others. Acts are
 * signed, and each signature is good for one.
 */
import { createHash } from 'node:crypto';
import { AdapterError } from '../../errors.js';
import { DEAD_LETTER_KIND, INVITATION_KIND } from '../../http/contract/index.js';
import type {
  DeadLetterDocument,
  DeskDeadLetter,
  DeskDeadLetters,
  DeskSource,
  InvitationDocument,
  InvitedPatient,
} from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import type { Source } from '../../instance/sources.js';
import { discardDeadLetters, replayDeadLetters, showDeadLetter } from '../dead-letters.js';
import { FRESH_MS, readSignedForm, requireFresh, unfit } from '../exceptional/documents.js';
import { notAllowed, requireCertified, signerOf } from '../exceptional/signing.js';
import type { DocumentSigner } from '../exceptional/signing.js';
import type { Person } from '../people/index.js';
import { showReconciled } from '../reconciliation/index.js';
import { prunedRows, timedRows } from '../tokens/index.js';

/** Listed at once. */
const LETTERS_MAX = 100;
/** Looked at for one page: letters of other hospitals lie between. */
const SEEN_MAX = 10_000;
const SEQ = /^\d{15}$/;
const LETTER = /^\d{1,15}$/;

interface Signed {
  readonly document: { readonly log: string; readonly signer: string; readonly at: string };
  readonly jws: string;
}

export class HospitalDesk {
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** @throws AdapterError ADAPTER_FORBIDDEN for who is no staff */
  async sources(person: Person): Promise<{ readonly sources: DeskSource[] }> {
    const own = this.#ownOf(person);
    const dead = new Map<string, number>();
    for await (const { source } of this.#instance.inbox.deadLetters())
      dead.set(source, (dead.get(source) ?? 0) + 1);
    return { sources: await Promise.all(own.map((one) => this.#shown(one, dead.get(one.id) ?? 0))) };
  }

  /** @param after - Letter behind which the page begins. @throws AdapterError ADAPTER_FORBIDDEN */
  async deadLetters(person: Person, after = ''): Promise<DeskDeadLetters> {
    const own = new Set(this.#ownOf(person).map(({ id }) => id));
    if (after !== '' && !SEQ.test(after)) throw unfit('after is the number of a letter', 'after');
    const letters: DeskDeadLetter[] = [];
    let seen = 0;
    let last = '';
    for await (const { seq, source } of this.#instance.inbox.deadLetters(after)) {
      if (letters.length >= LETTERS_MAX || seen >= SEEN_MAX) return { letters, after: last };
      seen += 1;
      last = seq;
      if (own.has(source)) letters.push(shownLetter(await showDeadLetter(this.#instance, seq)));
    }
    return { letters };
  }

  /** Does what was signed with one letter. @throws AdapterError ADAPTER_FORBIDDEN, ADAPTER_NOT_FOUND, ADAPTER_CONFLICT */
  async actOnLetter(body: Buffer): Promise<{ readonly state: 'gone' | 'dead-again' }> {
    const signed = readSignedForm<DeadLetterDocument>(body, DEAD_LETTER_KIND, {
      letter: 'text',
      act: 'text',
    });
    const { letter, act } = signed.document;
    if (act !== 'replay' && act !== 'discard') throw unfit('the act is replay or discard', 'document.act');
    if (!LETTER.test(letter)) throw unfit('a letter is named by its number', 'document.letter');
    const signer = await this.#staff(signed);
    const found = this.#instance.inbox.deadLetter(letter.padStart(15, '0'));
    // Another hospital's is answered as none.
    if (found === undefined || !this.#isOwn(signer, found.letter.source))
      throw new AdapterError('ADAPTER_NOT_FOUND', 'no such letter is set aside');
    await this.#begin(signed, signer);
    this.#instance.logger.info('dead letter dealt with', { act, by: signer.id, seq: letter });
    if (act === 'discard') {
      await discardDeadLetters(this.#instance, [letter]);
      return { state: 'gone' };
    }
    const { deadAgain } = await replayDeadLetters(this.#instance, [letter]);
    return { state: deadAgain > 0 ? 'dead-again' : 'gone' };
  }

  /**
   * Invites a patient. Whether the source has such a patient, is not asked.
   *
   * @throws AdapterError ADAPTER_FORBIDDEN, ADAPTER_UNPROCESSABLE, ADAPTER_CONFLICT for a signature that was used.
   */
  async invite(body: Buffer): Promise<InvitedPatient> {
    const signed = readSignedForm<InvitationDocument>(body, INVITATION_KIND, {
      source: 'text',
      patient: 'text',
    });
    const { source, patient } = signed.document;
    const signer = await this.#staff(signed);
    if (!this.#isOwn(signer, source)) throw notAllowed(this.#instance.logger, 'source');
    await this.#begin(signed, signer);
    const { invitations } = await this.#instance.enrolment.invite(source, [patient]);
    this.#instance.logger.info('patient invited', { source, by: signer.id });
    const [invited] = invitations;
    if (invited === undefined) throw new Error('no invitation was made');
    return invited;
  }

  async #staff(signed: Signed): Promise<DocumentSigner> {
    const { certification, logger, identity, nowMs } = this.#instance;
    const signer = await signerOf(certification.rows, signed, logger);
    if (signer.role !== 'staff') throw notAllowed(logger, 'role');
    requireFresh(signed.document, identity.origin, nowMs());
    return signer;
  }

  /** Uses the signature up. A crash behind it leaves the act undone, and it is signed anew. */
  async #begin({ jws }: Signed, signer: DocumentSigner): Promise<void> {
    const { store, appender, certification, logger, nowMs } = this.#instance;
    const now = nowMs();
    const key = `desk-act/${createHash('sha256').update(jws).digest('base64url')}`;
    const pruned = await prunedRows(store, now);
    await appender.writeRows((view) => {
      requireCertified(certification.rows, signer, now, view, logger);
      if (view.get(key) !== undefined)
        throw new AdapterError('ADAPTER_CONFLICT', 'this was done already; sign anew');
      return {
        writes: [...pruned, ...timedRows(key, Buffer.alloc(0), now + 2 * FRESH_MS)],
        value: undefined,
      };
    });
  }

  #isOwn({ organisation }: DocumentSigner, source: string): boolean {
    return this.#instance.sources.get(source)?.custodian.id === organisation;
  }

  #ownOf({ role, memberOf }: Person): Source[] {
    if (role !== 'staff' || memberOf === undefined)
      throw new AdapterError('ADAPTER_FORBIDDEN', 'this is for staff of a hospital');
    const all = this.#instance.sources.list();
    return all.filter(({ state, custodian }) => state !== 'removed' && custodian.id === memberOf);
  }

  async #shown({ id, name, kind, state }: Source, deadLetters: number): Promise<DeskSource> {
    const { pending, lagMs, received, lastAt } = this.#instance.inbox.traffic.of(id);
    const reading = this.#instance.statistics.readings.get(id);
    const { reconciled } = await showReconciled(this.#instance, id);
    return {
      id,
      name,
      kind,
      state,
      pending,
      lagMs,
      received,
      ...(lastAt === undefined ? {} : { lastAt }),
      deadLetters,
      failures: reading?.failures ?? 0,
      ...(reading?.code === undefined || reading.failures === 0 ? {} : { code: reading.code }),
      ...(reconciled === null ? {} : { reconciled }),
    };
  }
}

function shownLetter(letter: Awaited<ReturnType<typeof showDeadLetter>>): DeskDeadLetter {
  const { seq, source, type, code, expression, at, channel, bytes, advice } = letter;
  return {
    letter: seq,
    source,
    type,
    code,
    ...(expression === undefined ? {} : { expression }),
    at,
    channel,
    bytes,
    advice,
  };
}
