/** Whether one sample lies above another, by ranks alone: one slow answer under load weighs as little as any other. */

/** As many standard deviations are passed by chance less than once in a million times. */
export const Z_MAX = 5;

/** How many standard deviations the ranks of one lie from those of the other (Mann and Whitney, by the normal law). */
export function distance(one: readonly number[], other: readonly number[]): number {
  const all = [...one.map((ms) => ({ ms, isOne: true })), ...other.map((ms) => ({ ms, isOne: false }))];
  all.sort((a, b) => a.ms - b.ms);
  let sum = 0;
  for (const [i, { isOne }] of all.entries()) if (isOne) sum += i + 1;
  const [m, n] = [one.length, other.length];
  const wins = sum - (m * (m + 1)) / 2;
  return (wins - (m * n) / 2) / Math.sqrt((m * n * (m + n + 1)) / 12);
}
