/*
 * Writes WebAssembly: enough of the binary format for functions over one imported memory. Text of the kernels is in
 * this project's own language, so that a reader needs no other tool to see what runs.
 */

/** Types of values. */
export const TYPE = { i32: 0x7f, f64: 0x7c, v128: 0x7b } as const;
export type ValueType = keyof typeof TYPE;

/** A local of a function: its index. */
export type Local = number;

const PAGE_BYTES_LOG2 = 16;
/** Bytes of a page of memory. */
export const PAGE_BYTES = 1 << PAGE_BYTES_LOG2;
/** 4 GiB. */
const PAGES_MAX = 65_536;
const SIMD = 0xfd;
/** "\0asm", version 1. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const VOID_BLOCK = 0x40;
const ALIGN_8 = 3;

const PLAIN = {
  'i32.eqz': 0x45,
  'i32.lt_u': 0x49,
  'i32.le_u': 0x4d,
  'i32.add': 0x6a,
  'i32.mul': 0x6c,
  'i32.and': 0x71,
  'i32.shl': 0x74,
  'f64.add': 0xa0,
  'i32.wrap_i64': 0xa7,
} as const;

const VECTOR = {
  'f64x2.splat': 0x14,
  'v128.and': 0x4e,
  'v128.andnot': 0x4f,
  'v128.bitselect': 0x52,
  'f64x2.gt': 0x4a,
  'f64x2.ge': 0x4c,
  'f64x2.floor': 0x75,
  'i64x2.shl': 0xcb,
  'i64x2.add': 0xce,
  'i64x2.sub': 0xd1,
  'f64x2.abs': 0xec,
  'f64x2.neg': 0xed,
  'f64x2.sqrt': 0xef,
  'f64x2.add': 0xf0,
  'f64x2.sub': 0xf1,
  'f64x2.mul': 0xf2,
  'f64x2.div': 0xf3,
  'f64x2.min': 0xf4,
  'f64x2.max': 0xf5,
} as const;

const LANE = { 'f64x2.extract_lane': 0x21, 'i64x2.extract_lane': 0x1d } as const;

const MEMORY = {
  'f64.load': [0x2b],
  'f64.store': [0x39],
  'v128.load': [SIMD, 0x00],
  'v128.load64_splat': [SIMD, 0x0a],
  'v128.store': [SIMD, 0x0b],
} as const;

/** A function being written, instruction by instruction, in the order of the stack. */
export class Code {
  readonly #bytes: number[] = [];
  readonly #parameters: ValueType[] = [];
  readonly #locals: ValueType[] = [];
  readonly #result: ValueType | undefined;

  /** @param result - What it leaves, if anything. */
  constructor(result?: ValueType) {
    this.#result = result;
  }

  /** Adds a parameter; all before the first local. */
  parameter(type: ValueType): Local {
    return this.#parameters.push(type) - 1;
  }

  local(type: ValueType): Local {
    return this.#parameters.length + this.#locals.push(type) - 1;
  }

  get(local: Local): this {
    return this.#put(0x20, ...unsigned(local));
  }

  set(local: Local): this {
    return this.#put(0x21, ...unsigned(local));
  }

  i32(value: number): this {
    return this.#put(0x41, ...signed(value));
  }

  /** A constant in both lanes. */
  f64x2(value: number): this {
    const lane = new Uint8Array(Float64Array.of(value).buffer);
    return this.#put(SIMD, 0x0c, ...lane, ...lane);
  }

  op(name: keyof typeof PLAIN | keyof typeof VECTOR): this {
    if (name in PLAIN) return this.#put(PLAIN[name as keyof typeof PLAIN]);
    return this.#put(SIMD, ...unsigned(VECTOR[name as keyof typeof VECTOR]));
  }

  lane(name: keyof typeof LANE, index: 0 | 1): this {
    return this.#put(SIMD, LANE[name], index);
  }

  /** A load or store so many bytes behind the address on the stack. */
  memory(name: keyof typeof MEMORY, offset = 0): this {
    return this.#put(...MEMORY[name], ALIGN_8, ...unsigned(offset));
  }

  /** Adds a number of bytes to an address. */
  advance(local: Local, bytes: number): this {
    return this.get(local).i32(bytes).op('i32.add').set(local);
  }

  /** Runs the body at least once, and again as long as `again` leaves what is not 0. */
  loop(body: () => void, again: () => void): this {
    this.#put(0x03, VOID_BLOCK);
    body();
    again();
    return this.#put(0x0d, 0, 0x0b);
  }

  /** The function's type and body, in the binary format. */
  encode(): { readonly type: number[]; readonly body: number[] } {
    const result = this.#result === undefined ? [] : [TYPE[this.#result]];
    const locals = this.#locals.map((type) => [1, TYPE[type]]);
    const body = [...vector(locals), ...this.#bytes, 0x0b];
    return {
      type: [
        0x60,
        ...vector(this.#parameters.map((type) => [TYPE[type]])),
        ...vector(result.map((t) => [t])),
      ],
      body: [...unsigned(body.length), ...body],
    };
  }

  #put(...bytes: readonly number[]): this {
    this.#bytes.push(...bytes);
    return this;
  }
}

/** A module that imports memory `m.m` and exports the functions by name. */
export function assemble(functions: Readonly<Record<string, Code>>): Uint8Array {
  const names = Object.keys(functions);
  const encoded = Object.values(functions).map((code) => code.encode());
  const limits = [0x00, ...unsigned(1)];
  return Uint8Array.from([
    ...MAGIC,
    ...section(1, vector(encoded.map(({ type }) => type))),
    ...section(2, vector([[...text('m'), ...text('m'), 0x02, ...limits]])),
    ...section(3, vector(encoded.map((_, i) => unsigned(i)))),
    ...section(7, vector(names.map((name, i) => [...text(name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(encoded.map(({ body }) => body))),
  ]);
}

/** Pages that hold so many bytes. */
export function pagesFor(bytes: number): number {
  return Math.min(PAGES_MAX, Math.ceil(bytes / PAGE_BYTES));
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): number[] {
  return vector([...Buffer.from(value)].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

/** Signed LEB128 of 32 bits. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const byte = rest & 0x7f;
    if ((rest >> 6 === 0 && (byte & 0x40) === 0) || (rest >> 6 === -1 && (byte & 0x40) !== 0))
      return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}
