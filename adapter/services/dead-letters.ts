/** Dead letters: listing them, and judging them again. */
import { AdapterError } from '../errors.js';
import type { DeadLetter } from '../inbound/inbox.js';
import type { Instance } from '../instance/instance.js';
import { drain } from './drain.js';

export type ListedDeadLetter = DeadLetter & { readonly seq: string };

/** All dead letters, oldest first. */
export async function listDeadLetters(instance: Instance): Promise<ListedDeadLetter[]> {
  const letters: ListedDeadLetter[] = [];
  for await (const letter of instance.inbox.deadLetters()) letters.push(letter);
  return letters;
}

/** Brings dead letters back to the queue and waits until they have been judged again. */
export async function replayDeadLetters(
  instance: Instance,
  seqs: readonly string[],
): Promise<{ replayed: number }> {
  const chosen = seqs.length > 0 ? seqs : (await listDeadLetters(instance)).map(({ seq }) => seq);
  let replayed = 0;
  for (const seq of chosen) if (await instance.inbox.replay(seq)) replayed += 1;
  if (seqs.length > 0 && replayed < seqs.length) {
    throw new AdapterError(
      'ADAPTER_NOT_FOUND',
      `${seqs.length - replayed} of these numbers name no dead letter`,
    );
  }
  await drain(instance);
  return { replayed };
}
