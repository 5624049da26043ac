/** Staff who ask for and approve enrolments, by the names that they give; see ADR 38 on what that is worth. */
import { AdapterError } from '../../errors.js';

const NAME_CHARS_MAX = 64;

/**
 * A person's name as it is kept.
 *
 * @throws AdapterError ADAPTER_USAGE for a text that names nobody.
 */
export function personOf(text: unknown): string {
  const name = typeof text === 'string' ? text.normalize('NFKC').trim().replaceAll(/\s+/g, ' ') : '';
  if (name === '' || name.length > NAME_CHARS_MAX || /[\p{Cc}\p{Cf}\p{Cs}]/u.test(name))
    throw new AdapterError('ADAPTER_USAGE', 'name the person who does this: --by NAME, up to 64 characters');
  return name;
}

/** Whether two names are one person's, however they are written. */
export function isSamePerson(one: string, other: string): boolean {
  return folded(one) === folded(other);
}

function folded(name: string): string {
  return personOf(name).toLowerCase().toUpperCase();
}
