import { PAGE_BYTES, pagesFor } from './assembler.js';
import { BLOCK, CHUNK_ROWS, COLUMN_BYTES, GROUP, logisticModule, ROW_STEP, TILE } from './logistic-code.js';
import { lossOf } from './logistic-scalar.js';
import type { LotKernel, PassRows } from './lot.js';
import { webAssembly, type WebAssemblyMemory } from './web-assembly.js';

/** Where things lie in linear memory, in bytes, for so many columns. */
interface Layout {
  readonly columns: number;
  readonly beta: number;
  /** Two sums and two products. */
  readonly loss: number;
  readonly offset: number;
  readonly y: number;
  readonly w: number;
  readonly residual: number;
  readonly root: number;
  /** The column of ones, then the design's, then padding. */
  readonly x: number;
  readonly z: number;
  readonly g: number;
  readonly h: number;
  readonly groups: number;
  readonly tiles: number;
  readonly bytes: number;
}

type Exports = Readonly<Record<string, (...values: number[]) => number>>;

/**
 * The kernel in WebAssembly, with a memory of its own.
 *
 * @returns Undefined where the engine has no vectors.
 */
export function vectorKernel(): LotKernel | undefined {
  const bytes = logisticModule();
  if (!webAssembly.validate(bytes)) return undefined;
  return new VectorKernel(new webAssembly.Module(bytes));
}

class VectorKernel implements LotKernel {
  readonly #module: object;
  #exports: Exports = {};
  #memory: WebAssemblyMemory = { buffer: new ArrayBuffer(0) };
  #doubles = new Float64Array(0);
  #layout: Layout | undefined;
  #isWeighted = true;

  constructor(module: object) {
    this.#module = module;
  }

  sum(
    rows: PassRows,
    from: number,
    to: number,
    beta: Float64Array,
    withHessian: boolean,
    out: Float64Array,
  ): void {
    const at = this.#layoutFor(rows.columns);
    const doubles = this.#doubles;
    const { rows: rowsCode, gradient, hessian } = this.#exports;
    if (rowsCode === undefined || gradient === undefined || hessian === undefined) return;
    doubles.set(beta, at.beta >> 3);
    doubles.fill(0, at.g >> 3, at.bytes >> 3);
    let wrong = 0;
    let loss = 0;
    for (let start = from; start < to; start += CHUNK_ROWS) {
      const size = start + CHUNK_ROWS < to ? CHUNK_ROWS : to - start;
      this.#copyChunk(rows, start, size, at);
      const bytes = Math.ceil(size / ROW_STEP) * ROW_STEP * 8;
      wrong += rowsCode(
        at.x + COLUMN_BYTES,
        rows.columns,
        bytes,
        at.beta,
        at.offset,
        at.y,
        at.w,
        at.residual,
        at.root,
        at.loss,
      );
      const [a = NaN, b = NaN, c = NaN, d = NaN] = doubles.subarray(at.loss >> 3, (at.loss >> 3) + 4);
      loss += lossOf(a, b, c, d);
      gradient(at.x, at.groups, bytes, at.residual, at.g);
      if (withHessian) hessian(at.x, at.tiles, bytes, at.root, at.z, at.h);
    }
    out[rows.columns + 1] = wrong;
    out[rows.columns + 2] = loss;
    this.#take(at, withHessian, out);
  }

  #copyChunk(
    { rows, columns, data, y, weights, offset }: PassRows,
    start: number,
    size: number,
    at: Layout,
  ): void {
    const doubles = this.#doubles;
    for (let j = 0; j < columns; j++) {
      const first = j * rows + start;
      doubles.set(data.subarray(first, first + size), (at.x + (j + 1) * COLUMN_BYTES) >> 3);
    }
    doubles.set(y.subarray(start, start + size), at.y >> 3);
    if (offset !== undefined) doubles.set(offset.subarray(start, start + size), at.offset >> 3);
    else doubles.fill(0, at.offset >> 3, (at.offset >> 3) + size);
    const w = at.w >> 3;
    if (weights !== undefined) doubles.set(weights.subarray(start, start + size), w);
    // Whole chunks of ones are written once.
    else if (this.#isWeighted || size < CHUNK_ROWS) doubles.fill(1, w, w + size);
    if (size < CHUNK_ROWS) doubles.fill(0, w + size, w + CHUNK_ROWS);
    this.#isWeighted = weights !== undefined || size < CHUNK_ROWS;
  }

  #take({ columns, g, h, tiles }: Layout, withHessian: boolean, out: Float64Array): void {
    const doubles = this.#doubles;
    const p = columns + 1;
    for (let j = 0; j < p; j++) out[j] = doubles[(g >> 3) + j] as number;
    if (!withHessian) return;
    let to = p + 2;
    for (let j = 0; j < p; j++) {
      const row = (h >> 3) + j * tiles * TILE;
      for (let k = 0; k <= j; k++) out[to++] = doubles[row + k] as number;
    }
  }

  #layoutFor(columns: number): Layout {
    if (this.#layout?.columns === columns) return this.#layout;
    const layout = layoutOf(columns);
    if (layout.bytes > this.#memory.buffer.byteLength) {
      this.#memory = new webAssembly.Memory({ initial: pagesFor(layout.bytes + PAGE_BYTES) });
      this.#exports = new webAssembly.Instance(this.#module, { m: { m: this.#memory } }).exports;
      this.#doubles = new Float64Array(this.#memory.buffer);
    } else this.#doubles.fill(0, 0, layout.bytes >> 3);
    this.#doubles.fill(1, layout.x >> 3, (layout.x >> 3) + CHUNK_ROWS);
    this.#isWeighted = true;
    this.#layout = layout;
    return layout;
  }
}

function layoutOf(columns: number): Layout {
  const p = columns + 1;
  const groups = Math.ceil(p / GROUP);
  const tiles = Math.ceil(p / TILE);
  // A design without columns still reads one coefficient and one column, of zeros.
  const width = Math.max(groups * GROUP, tiles * TILE, 2);
  let bytes = 0;
  const take = (doubles: number): number => {
    const at = bytes;
    bytes += Math.ceil(doubles / 8) * 64;
    return at;
  };
  const column = COLUMN_BYTES / 8;
  return {
    columns,
    beta: take(p + 1),
    loss: take(4),
    offset: take(column),
    y: take(column),
    w: take(column),
    residual: take(column),
    root: take(column),
    x: take(width * column),
    z: take(tiles * TILE * BLOCK),
    g: take(groups * GROUP),
    h: take((tiles * TILE) ** 2),
    groups,
    tiles,
    bytes,
  };
}
