/*
 * The inner loops of a logistic regression, two rows at a time. Only operations that IEEE 754 rounds in one way are
 * used, none is fused, and the two lanes are added at named places: so the bits are the same on every machine, and the
 * same as those of logistic-scalar.ts.
 */
import { EXP_COEFFICIENTS, LN2_HIGH, LN2_LOW } from '../math/index.js';
import { assemble, Code, type Local } from './assembler.js';

/** Rows a chunk: what is copied at a time. Of 30 columns they fit a second-level cache. */
export const CHUNK_ROWS = 1024;
/** Bytes from a column of a chunk to the next: a line more than the rows, so that columns do not share sets of a cache. */
export const COLUMN_BYTES = (CHUNK_ROWS + 8) * 8;
/** Rows are padded to a multiple of this, by rows without weight. */
export const ROW_STEP = 8;
/** Rows a block of second derivatives: of 30 columns they fit a first-level cache. */
export const BLOCK = 64;
/** Columns a side of a tile of second derivatives: nine sums and their operands just fit 16 registers. */
export const TILE = 3;
/** Columns a group of the gradient. */
export const GROUP = 4;
/** Log-odds are drawn in to this before they become probabilities, so that no power of two is subnormal. */
export const ETA_MAX = 700;

const BLOCK_BYTES = BLOCK * 8;
/** Adding this makes the low bits of a double those of an integer, biased as an exponent is. */
const EXPONENT_MAGIC = 1.5 * 2 ** 52 + 1023;
const EXPONENT_SHIFT = 52;

/** The module's bytes. */
export function logisticModule(): Uint8Array {
  return assemble({ rows: rowsCode(), gradient: gradientCode(), hessian: hessianCode() });
}

/**
 * `rows(x, columns, bytes, beta, offset, y, w, residual, root, loss)`: log-odds of each row from its offset; leaves
 * w(y − p) in `residual` and the square root of w·p(1 − p) in `root`. Gives the number of rows with weight on the wrong
 * side of log-odds 0. Behind the coefficients, at `loss`, it leaves two sums of w·max(m, 0) and two products of
 * 1 + w·e^−|m|, m being the log-odds against the outcome: where weights are 0 or 1, the log-loss is the sums and the
 * logarithms of the products. A product of half a chunk's factors, none above 2, cannot overflow.
 */
function rowsCode(): Code {
  const code = new Code('i32');
  const [x, columns, bytes, beta, offset, y, w, residual, root, loss] = Array.from({ length: 10 }, () =>
    code.parameter('i32'),
  ) as [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];
  const at = code.local('i32');
  const column = code.local('i32');
  const coefficient = code.local('i32');
  const lastCoefficient = code.local('i32');
  const b = code.local('v128');
  const wrong = code.local('v128');
  const eta = Array.from({ length: ROW_STEP / 2 }, () => code.local('v128'));
  const scratch = vectorLocals(code);
  const linear = code.local('v128');
  const product = code.local('v128');
  const pointers = { y, w, residual, root, at, wrong, linear, product };

  code.get(beta).get(columns).i32(3).op('i32.shl').op('i32.add').set(lastCoefficient);
  code.f64x2(1).set(product);
  code.loop(
    () => {
      code.get(beta).memory('v128.load64_splat').set(b);
      eta.forEach((e, v) =>
        code
          .get(b)
          .get(offset)
          .get(at)
          .op('i32.add')
          .memory('v128.load', v * 16)
          .op('f64x2.add')
          .set(e),
      );
      code.get(x).get(at).op('i32.add').set(column);
      code.get(beta).set(coefficient);
      // Coefficients follow the intercept. A design without columns reads one of padding, which is zero.
      code.loop(
        () => {
          code.get(coefficient).memory('v128.load64_splat', 8).set(b);
          eta.forEach((e, v) =>
            code
              .get(e)
              .get(b)
              .get(column)
              .memory('v128.load', v * 16)
              .op('f64x2.mul')
              .op('f64x2.add')
              .set(e),
          );
          code.advance(column, COLUMN_BYTES).advance(coefficient, 8);
        },
        () => code.get(coefficient).get(lastCoefficient).op('i32.lt_u'),
      );
      eta.forEach((e, v) => logisticRows(code, e, v * 16, pointers, scratch));
      code.advance(at, ROW_STEP * 8);
    },
    () => code.get(at).get(bytes).op('i32.lt_u'),
  );
  code.get(loss).get(linear).memory('v128.store').get(loss).get(product).memory('v128.store', 16);
  code.get(wrong).lane('i64x2.extract_lane', 0).op('i32.wrap_i64');
  code.get(wrong).lane('i64x2.extract_lane', 1).op('i32.wrap_i64');
  code.op('i32.add');
  return code;
}

interface RowPointers {
  readonly y: Local;
  readonly w: Local;
  readonly residual: Local;
  readonly root: Local;
  readonly at: Local;
  readonly wrong: Local;
  readonly linear: Local;
  readonly product: Local;
}

function vectorLocals(
  code: Code,
): Record<'a' | 'k' | 'r' | 'tail' | 'rest' | 'p' | 'outcome' | 'weight', Local> {
  const v = (): Local => code.local('v128');
  return { a: v(), k: v(), r: v(), tail: v(), rest: v(), p: v(), outcome: v(), weight: v() };
}

/** Two rows: probability, residual, root of the weight, side. The same steps as `logistic` in math/exp.ts. */
function logisticRows(
  code: Code,
  eta: Local,
  offset: number,
  { y, w, residual, root, at, wrong, linear, product }: RowPointers,
  { a, k, r, tail, rest, p, outcome, weight }: ReturnType<typeof vectorLocals>,
): void {
  code.get(y).get(at).op('i32.add').memory('v128.load', offset).set(outcome);
  code.get(w).get(at).op('i32.add').memory('v128.load', offset).set(weight);
  // wrong −= weight > 0 and not (2y − 1)·eta > 0
  code.get(wrong);
  code.get(weight).f64x2(0).op('f64x2.gt');
  code.get(outcome).get(outcome).op('f64x2.add').f64x2(1).op('f64x2.sub').get(eta).op('f64x2.mul').set(p);
  code.get(p).f64x2(0).op('f64x2.gt').op('v128.andnot');
  code.op('i64x2.sub').set(wrong);
  code.get(linear).get(p).op('f64x2.neg').f64x2(0).op('f64x2.max').get(weight).op('f64x2.mul');
  code.op('f64x2.add').set(linear);
  // a = −min(|eta|, max); min keeps a NaN.
  code.get(eta).op('f64x2.abs').f64x2(ETA_MAX).op('f64x2.min').op('f64x2.neg').set(a);
  code.get(a).f64x2(Math.LOG2E).op('f64x2.mul').f64x2(0.5).op('f64x2.add').op('f64x2.floor').set(k);
  // high in p, low in rest
  code.get(a).get(k).f64x2(LN2_HIGH).op('f64x2.mul').op('f64x2.sub').set(p);
  code.get(k).f64x2(LN2_LOW).op('f64x2.mul').set(rest);
  code.get(p).get(rest).op('f64x2.sub').set(r);
  code.get(p).get(r).op('f64x2.sub').get(rest).op('f64x2.sub').set(rest);
  const [first = 0, ...others] = EXP_COEFFICIENTS.toReversed();
  code.f64x2(first).set(tail);
  for (const c of others) code.f64x2(c).get(r).get(tail).op('f64x2.mul').op('f64x2.add').set(tail);
  code.get(r).get(r).op('f64x2.mul').get(tail).op('f64x2.mul').set(tail);
  // 1 + (r + (tail + rest·(1 + r)))
  code.f64x2(1).get(r).get(tail).get(rest).f64x2(1).get(r).op('f64x2.add').op('f64x2.mul');
  code.op('f64x2.add').op('f64x2.add').op('f64x2.add');
  code
    .get(k)
    .f64x2(EXPONENT_MAGIC)
    .op('f64x2.add')
    .i32(EXPONENT_SHIFT)
    .op('i64x2.shl')
    .op('f64x2.mul')
    .set(a);
  code.get(product).f64x2(1).get(weight).get(a).op('f64x2.mul').op('f64x2.add').op('f64x2.mul').set(product);
  // p = (eta ≥ 0 ? 1 : e) / (1 + e)
  code.f64x2(1).get(a).get(eta).f64x2(0).op('f64x2.ge').op('v128.bitselect');
  code.f64x2(1).get(a).op('f64x2.add').op('f64x2.div').set(p);
  code.get(residual).get(at).op('i32.add');
  code.get(outcome).get(p).op('f64x2.sub').get(weight).op('f64x2.mul').memory('v128.store', offset);
  code.get(root).get(at).op('i32.add');
  code.get(p).f64x2(1).get(p).op('f64x2.sub').op('f64x2.mul').get(weight).op('f64x2.mul').op('f64x2.sqrt');
  code.memory('v128.store', offset);
}

/**
 * `gradient(x, groups, bytes, residual, g)`: adds Σ x·residual to `g`, the columns' in groups of four. The intercept is a
 * column of ones before them.
 */
function gradientCode(): Code {
  const code = new Code();
  const [x, groups, bytes, residual, g] = Array.from({ length: 5 }, () => code.parameter('i32')) as [
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const at = code.local('i32');
  const group = code.local('i32');
  const column = code.local('i32');
  const r = code.local('v128');
  const sums = Array.from({ length: GROUP }, () => code.local('v128'));
  code.loop(
    () => {
      for (const s of sums) code.f64x2(0).set(s);
      code.i32(0).set(at);
      code.loop(
        () => {
          for (let v = 0; v < ROW_STEP / 2; v++) {
            code
              .get(residual)
              .get(at)
              .op('i32.add')
              .memory('v128.load', v * 16)
              .set(r);
            code.get(x).get(at).op('i32.add').set(column);
            sums.forEach((s, j) =>
              code
                .get(s)
                .get(column)
                .memory('v128.load', j * COLUMN_BYTES + v * 16)
                .get(r)
                .op('f64x2.mul')
                .op('f64x2.add')
                .set(s),
            );
          }
          code.advance(at, ROW_STEP * 8);
        },
        () => code.get(at).get(bytes).op('i32.lt_u'),
      );
      sums.forEach((s, j) => addLanes(code, g, j * 8, s));
      code
        .advance(x, GROUP * COLUMN_BYTES)
        .advance(g, GROUP * 8)
        .advance(group, 1);
    },
    () => code.get(group).get(groups).op('i32.lt_u'),
  );
  return code;
}

/**
 * `hessian(x, tiles, bytes, root, z, h)`: adds Σ w x xᵀ to the lower triangle of `h`, whose rows are as long as the tiles
 * are wide together, block by block. `z` holds a block's columns times the root of the weights.
 */
function hessianCode(): Code {
  const code = new Code();
  const [x, tiles, bytes, root, z, h] = Array.from({ length: 6 }, () => code.parameter('i32')) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const i32 = (): Local => code.local('i32');
  const [start, size, at, end, to, from, zEnd, j, k, rowBytes, out, outRow] = Array.from(
    { length: 12 },
    i32,
  ) as [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];
  const a = Array.from({ length: TILE }, () => code.local('v128'));
  const b = code.local('v128');
  const sums = Array.from({ length: TILE * TILE }, () => code.local('v128'));
  const tileBytes = TILE * BLOCK_BYTES;

  code
    .get(tiles)
    .i32(TILE * 8)
    .op('i32.mul')
    .set(rowBytes);
  code.get(z).get(tiles).i32(tileBytes).op('i32.mul').op('i32.add').set(zEnd);
  code.loop(
    () => {
      // size = min(bytes − start, block)
      minimum(code, size, () => code.get(bytes).get(start).i32(-1).op('i32.mul').op('i32.add'));
      // z = x · root
      code.get(z).set(to);
      code.get(x).get(start).op('i32.add').set(from);
      code.loop(
        () => {
          code.i32(0).set(at);
          code.loop(
            () => {
              for (let v = 0; v < ROW_STEP / 2; v++) {
                code.get(to).get(at).op('i32.add');
                code
                  .get(from)
                  .get(at)
                  .op('i32.add')
                  .memory('v128.load', v * 16);
                code
                  .get(root)
                  .get(start)
                  .op('i32.add')
                  .get(at)
                  .op('i32.add')
                  .memory('v128.load', v * 16);
                code.op('f64x2.mul').memory('v128.store', v * 16);
              }
              code.advance(at, ROW_STEP * 8);
            },
            () => code.get(at).get(size).op('i32.lt_u'),
          );
          code.advance(to, BLOCK_BYTES).advance(from, COLUMN_BYTES);
        },
        () => code.get(to).get(zEnd).op('i32.lt_u'),
      );
      code.get(z).set(j);
      code.get(h).set(outRow);
      code.loop(
        () => {
          code.get(z).set(k);
          code.get(outRow).set(out);
          code.loop(
            () => {
              for (const s of sums) code.f64x2(0).set(s);
              code.get(j).set(at);
              code.get(j).get(size).op('i32.add').set(end);
              code.get(k).set(from);
              code.loop(
                () => {
                  for (let v = 0; v < ROW_STEP / 2; v++) {
                    a.forEach((t, i) =>
                      code
                        .get(at)
                        .memory('v128.load', i * BLOCK_BYTES + v * 16)
                        .set(t),
                    );
                    for (let n = 0; n < TILE; n++) {
                      code
                        .get(from)
                        .memory('v128.load', n * BLOCK_BYTES + v * 16)
                        .set(b);
                      a.forEach((t, i) => {
                        const s = sums[i * TILE + n] ?? 0;
                        code.get(s).get(t).get(b).op('f64x2.mul').op('f64x2.add').set(s);
                      });
                    }
                  }
                  code.advance(at, ROW_STEP * 8).advance(from, ROW_STEP * 8);
                },
                () => code.get(at).get(end).op('i32.lt_u'),
              );
              code.get(out).set(to);
              for (let i = 0; i < TILE; i++) {
                for (let n = 0; n < TILE; n++) addLanes(code, to, n * 8, sums[i * TILE + n] ?? 0);
                code.get(to).get(rowBytes).op('i32.add').set(to);
              }
              code.advance(k, tileBytes).advance(out, TILE * 8);
            },
            () => code.get(k).get(j).op('i32.le_u'),
          );
          code.advance(j, tileBytes);
          code.get(outRow).get(rowBytes).i32(TILE).op('i32.mul').op('i32.add').set(outRow);
        },
        () => code.get(j).get(zEnd).op('i32.lt_u'),
      );
      code.advance(start, BLOCK_BYTES);
    },
    () => code.get(start).get(bytes).op('i32.lt_u'),
  );
  return code;
}

/** `local` = the smaller of a block's bytes and what `value` leaves. */
function minimum(code: Code, local: Local, value: () => void): void {
  value();
  code.set(local);
  // size + (block − size) · (block < size)
  code.get(local);
  code.i32(BLOCK_BYTES).get(local).i32(-1).op('i32.mul').op('i32.add');
  code.i32(BLOCK_BYTES).get(local).op('i32.lt_u');
  code.op('i32.mul').op('i32.add').set(local);
}

/** Adds both lanes of a sum, then that to a number in memory. */
function addLanes(code: Code, address: Local, offset: number, sum: Local): void {
  code.get(address).get(address).memory('f64.load', offset);
  code.get(sum).lane('f64x2.extract_lane', 0).get(sum).lane('f64x2.extract_lane', 1).op('f64.add');
  code.op('f64.add').memory('f64.store', offset);
}
