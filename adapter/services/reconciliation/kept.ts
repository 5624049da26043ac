/** What is kept as current of a source and is not among what it shows. */
import { Directory, DIRECTORY_PREFIX } from '../../instance/directory.js';
import type { Instance } from '../../instance/instance.js';
import { RESOURCE_PREFIX } from '../../instance/records.js';
import type { Lines } from './lines.js';

/**
 * Names of the resources that are kept as current and are not shown. What a row says of a resource is a mark; its name
 * is opened only where the mark is in no line.
 *
 * @param lines - What the source shows.
 */
export async function* keptResources(
  instance: Instance,
  source: string,
  lines: Lines,
): AsyncGenerator<{ readonly type: string; readonly id: string }> {
  const { store, records, subjects, keys } = instance;
  const view = { get: (key: string) => store.getSync(key) };
  for await (const key of store.keys({ gte: RESOURCE_PREFIX, lt: `${RESOURCE_PREFIX}~` })) {
    if (lines.isShown(key.slice(RESOURCE_PREFIX.length))) continue;
    const state = records.state(view, key);
    if (state?.status !== 'current' || state.handle === undefined) continue;
    if (subjects.sourceOf(state.subjectKey) !== source) continue;
    const subject = await subjects.find(state.subjectKey);
    const handle = state.lastKept ?? state.handle;
    if (subject === undefined || !records.isKept(view, subject.key, handle)) continue;
    const { type, id } = records.gate(view, subject, handle);
    yield { type, id };
  }
  const directory = new Directory(keys);
  for await (const key of store.keys({ gte: DIRECTORY_PREFIX, lt: `${DIRECTORY_PREFIX}~` })) {
    const name = directory.head(view, key)?.name;
    if (name?.source === source && !lines.isShown(lines.markOf(name.type, name.id)))
      yield { type: name.type, id: name.id };
  }
}
