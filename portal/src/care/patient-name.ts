import type { Patient } from 'fhir/r4.js';

/** A patient's name as it is read; `undefined` where there is none to be seen. */
export function nameOf({ name }: Patient): string | undefined {
  const [first] = name ?? [];
  const text = first?.text ?? [...(first?.given ?? []), first?.family ?? ''].join(' ');
  return text.trim() === '' ? undefined : text.trim();
}
