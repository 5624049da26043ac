import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';

/**
 * A patient by name: the id that our facade gives (with or without `Patient/`), or the id at a source.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE where several sources have the id.
 */
export async function patientNamed(instance: Instance, name: string, source?: string): Promise<Subject> {
  const id = name.replace(/^Patient\//, '');
  const known = source === undefined ? await instance.subjects.findByFacadeId(id) : undefined;
  if (known !== undefined) return known;
  const found: Subject[] = [];
  for (const one of instance.sources.list()) {
    if (source !== undefined && one.id !== source) continue;
    const subject = await instance.subjects.find(instance.subjects.keyOf(one.id, id));
    if (subject !== undefined) found.push(subject);
  }
  if (found.length > 1)
    throw new AdapterError('ADAPTER_USAGE', 'several sources have such a patient: name one');
  const subject = found[0];
  if (subject === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such patient is kept here');
  return subject;
}

/** The patient whose row of a kind, `prefix` subject `/` handle, is of that handle; a handle alone tells nobody whose it is. */
export async function ownerOfRow(
  instance: Instance,
  prefix: string,
  handle: string,
): Promise<Subject | undefined> {
  for await (const key of instance.store.keys({ gte: prefix, lt: `${prefix}~` })) {
    if (!key.endsWith(`/${handle}`)) continue;
    return instance.subjects.find(key.slice(prefix.length, -handle.length - 1));
  }
  return undefined;
}
