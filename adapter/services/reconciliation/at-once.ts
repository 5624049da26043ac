/**
 * Works on what comes, a few at a time.
 *
 * @param work - Its first failure ends the rest, and is thrown once what is under way has ended.
 */
export async function atOnce<T>(
  items: AsyncIterable<T>,
  max: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    const one = work(item)
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= max) await Promise.race(running);
    if (failures.length > 0) break;
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
