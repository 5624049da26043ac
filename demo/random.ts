/** A seeded generator of random numbers: the same seed gives the same numbers on every machine. */

/** 2^32: the generator's words are unsigned 32-bit integers. */
const WORD_RANGE = 0x1_0000_0000;

/** A word of the stream that starts each generator's state, so that near seeds give unrelated streams. */
function splitMix(state: number): { state: number; word: number } {
  const next = (state + 0x9e37_79b9) | 0;
  let word = next ^ (next >>> 16);
  word = Math.imul(word, 0x21f0_aaad);
  word ^= word >>> 15;
  word = Math.imul(word, 0x735a_2d97);
  return { state: next, word: (word ^ (word >>> 15)) >>> 0 };
}

/** FNV-1a over the UTF-16 units of a text, so that streams can be named. */
function hashName(name: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x0100_0193);
  return hash >>> 0;
}

/**
 * xoshiro128** seeded by a number and any further keys. Not for secrets: who knows the seed knows every draw.
 *
 * @see Blackman and Vigna, Scrambled Linear Pseudorandom Number Generators, ACM TOMS 47 (2021)
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  #spareNormal: number | undefined;

  /**
   * @param seed - Any integer; its low 32 bits and its high part both count.
   * @param keys - Further keys, such as a patient's index and the name of a stream.
   */
  constructor(seed: number, ...keys: (number | string)[]) {
    let state = seed | 0;
    const stir = (key: number): void => {
      state = splitMix(state ^ key).word | 0;
    };
    stir(Math.floor(seed / WORD_RANGE) | 0);
    for (const key of keys) {
      if (typeof key === 'string') stir(hashName(key));
      else {
        stir(key | 0);
        stir(Math.floor(key / WORD_RANGE) | 0);
      }
    }
    const words = [0, 0, 0, 0].map(() => {
      const made = splitMix(state);
      state = made.state;
      return made.word;
    });
    // xoshiro must not start at zero; the constant is only reached for one state in 2^128.
    this.#a = words[0] ?? 1;
    this.#b = words[1] ?? 1;
    this.#c = words[2] ?? 1;
    this.#d = (words[3] ?? 1) || 1;
  }

  /** The next unsigned 32-bit word. */
  word(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number {
    return ((this.word() >>> 5) * 0x400_0000 + (this.word() >>> 6)) / 0x20_0000_0000_0000;
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** Standard normal (Marsaglia's polar method, which gives two at a time). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square >= 1 || square === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spareNormal = v * scale;
      return u * scale;
    }
  }

  /**
   * A standard normal that correlates with given ones.
   *
   * @param loadings - Pairs of a standard normal value and its loading; the squares of the loadings sum to at most 1,
   *   and the values are taken as independent of each other.
   */
  correlatedNormal(...loadings: readonly (readonly [value: number, loading: number])[]): number {
    let sum = 0;
    let explained = 0;
    for (const [value, loading] of loadings) {
      sum += value * loading;
      explained += loading * loading;
    }
    return sum + Math.sqrt(Math.max(0, 1 - explained)) * this.normal();
  }

  /** One of the items, each as likely. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.integer(0, items.length - 1)] ?? items[0];
  }

  /** The key of a table of weights, with probability in proportion to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.uniform() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return (entries.at(-1) as [K, number])[0];
  }

  /** A version-4 UUID made of this stream's words. */
  uuid(): string {
    const hex = [0, 0, 0, 0].map(() => this.word().toString(16).padStart(8, '0')).join('');
    const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}
