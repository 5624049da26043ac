/** Dead letters: listing and showing them, judging them again, destroying them. What they hold is shown to nobody. */
import { AdapterError } from '../errors.js';
import type { DeadLetter } from '../inbound/inbox.js';
import type { Instance } from '../instance/instance.js';
import { drain } from './drain.js';

export type ListedDeadLetter = DeadLetter & { readonly seq: string };

/** Which of them; all must fit. */
export interface DeadLetterFilter {
  readonly source?: string;
  readonly code?: string;
  readonly type?: string;
}

/** A dead letter with all that may be told of it. */
export interface ShownDeadLetter extends ListedDeadLetter {
  readonly kind: 'put' | 'delete' | 'fetch';
  readonly receivedAt: number;
  /** Size of what was received, bytes. */
  readonly bytes: number;
  /** Whether the source numbers this version: then its repeats are known as such. */
  readonly isNumbered: boolean;
  /** Name of the push that it came by. */
  readonly ticket?: string;
  /** What can be done. */
  readonly advice: string;
}

export interface Replayed {
  readonly replayed: number;
  /** Of these, set aside once more. */
  readonly deadAgain: number;
}

/** Numbers of the inbox. */
const SEQ = /^\d{1,15}$/;

/**
 * Dead letters, oldest first.
 *
 * @param after - Number behind which the list begins.
 * @param limit - Default: all.
 */
export async function listDeadLetters(
  instance: Instance,
  filter: DeadLetterFilter = {},
  { after = '', limit = Infinity }: { readonly after?: string; readonly limit?: number } = {},
): Promise<ListedDeadLetter[]> {
  const letters: ListedDeadLetter[] = [];
  for await (const letter of instance.inbox.deadLetters(after)) {
    if (letters.length >= limit) break;
    if (fits(letter, filter)) letters.push(letter);
  }
  return letters;
}

/** @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE for what is no number. */
export async function showDeadLetter(instance: Instance, number: string): Promise<ShownDeadLetter> {
  const seq = seqOf(number);
  const found = instance.inbox.deadLetter(seq);
  if (found === undefined) throw notThere(1);
  const { letter, event } = found;
  const source = instance.sources.get(letter.source);
  return {
    seq,
    ...letter,
    kind: event.kind,
    receivedAt: event.receivedAt,
    bytes: event.large?.plainBytes ?? event.bytes.length,
    isNumbered: event.version !== undefined,
    ...(event.ticket === undefined ? {} : { ticket: event.ticket.name }),
    advice: adviceFor(letter.code, source?.kind === 'fhir'),
  };
}

/**
 * Brings dead letters back to the queue and waits until they have been judged again.
 *
 * @param seqs - Which; none: all that fit.
 * @throws AdapterError ADAPTER_NOT_FOUND when some are not there, the others being replayed.
 */
export async function replayDeadLetters(
  instance: Instance,
  seqs: readonly string[],
  filter: DeadLetterFilter = {},
): Promise<Replayed> {
  const chosen = await choose(instance, seqs, filter);
  const replayed: string[] = [];
  for (const seq of chosen) if (await instance.inbox.replay(seq)) replayed.push(seq);
  await drain(instance);
  const deadAgain = replayed.filter((seq) => instance.inbox.deadLetter(seq) !== undefined).length;
  if (seqs.length > 0 && replayed.length < chosen.length) throw notThere(chosen.length - replayed.length);
  return { replayed: replayed.length, deadAgain };
}

/**
 * Destroys dead letters; whoever sends such a version again is heard again.
 *
 * @param seqs - Which; none: all that fit, and then the filter says something.
 * @throws AdapterError ADAPTER_USAGE when nothing is named; ADAPTER_NOT_FOUND when some are not there, the others being
 * gone.
 */
export async function discardDeadLetters(
  instance: Instance,
  seqs: readonly string[],
  filter: DeadLetterFilter = {},
): Promise<{ readonly discarded: number }> {
  if (seqs.length === 0 && Object.keys(filter).length === 0)
    throw new AdapterError(
      'ADAPTER_USAGE',
      'name the dead letters to be discarded, or a source, code or type',
    );
  const chosen = await choose(instance, seqs, filter);
  let discarded = 0;
  for (const seq of chosen) {
    const large = instance.inbox.deadLetter(seq)?.event.large;
    if (await instance.inbox.discardDead(seq)) discarded += 1;
    if (large !== undefined) await instance.bodies.settle(large.name);
  }
  if (seqs.length > 0 && discarded < chosen.length) throw notThere(chosen.length - discarded);
  return { discarded };
}

async function choose(
  instance: Instance,
  seqs: readonly string[],
  filter: DeadLetterFilter,
): Promise<readonly string[]> {
  if (seqs.length === 0) return (await listDeadLetters(instance, filter)).map(({ seq }) => seq);
  if (Object.keys(filter).length > 0)
    throw new AdapterError(
      'ADAPTER_USAGE',
      'name dead letters by their numbers, or by source, code and type',
    );
  return [...new Set(seqs.map(seqOf))];
}

/** Leading zeros may be left out. */
function seqOf(number: string): string {
  if (!SEQ.test(number)) throw new AdapterError('ADAPTER_USAGE', 'a dead letter is named by its number');
  return number.padStart(15, '0');
}

function fits(letter: DeadLetter, { source, code, type }: DeadLetterFilter): boolean {
  return (
    (source === undefined || letter.source === source) &&
    (code === undefined || letter.code === code) &&
    (type === undefined || letter.type === type)
  );
}

/** What a code asks of whoever looks at it. */
export function adviceFor(code: string, isReadable: boolean): string {
  const known = ADVICE[code];
  if (known !== undefined) return known;
  if (code.startsWith('MAPPING_'))
    return 'the resource is at fault: have it mended at the source, which sends it again; then discard this one';
  return isReadable
    ? 'replay it: what failed may have been for a while'
    : 'replay it: what failed may have been for a while; this source cannot be read, so nothing else brings it';
}

const ADVICE: Readonly<Record<string, string>> = {
  MAPPING_NO_PATIENT:
    'it says nowhere whose it is: have the reference mended at the source, which sends it again; then discard this one',
  MAPPING_SEVERAL_PATIENTS:
    'it is of several patients and belongs to none alone: have it split at the source',
  MAPPING_UNSUPPORTED: 'R4 has no such type, or it is never a record: discard it',
  ADAPTER_OWNER_UNKNOWN: 'what it belongs to has not come: see that it does, then replay this one',
  ADAPTER_UNPROCESSABLE: 'its reference finds none or several: see that one matches, then replay this one',
  ADAPTER_SOURCE_UNREACHABLE:
    'the source did not answer: firebreak source test tells whether it does; then replay this one',
  ADAPTER_SOURCE_REFUSED: 'the source refused us: firebreak source test tells why; then replay this one',
};

function notThere(count: number): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', `${count} of these numbers name no dead letter`);
}
