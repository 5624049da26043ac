import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  anonymise,
  AnonymityError,
  bands,
  categories,
  prefixes,
  refuseUndeclared,
  reidentify,
  riskReport,
  suspects,
} from '../../../analytics/anonymity/index.js';
import type { AnonymityErrorCode, Hierarchy, TextTable } from '../../../analytics/anonymity/index.js';

function refuses(run: () => unknown, code: AnonymityErrorCode, says = /./): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof AnonymityError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, says);
    return true;
  });
}

/** Smallest number of rows alike, counted by comparing each with each: nothing here is shared with the engine. */
function countedK(table: TextTable, names: readonly string[]): number {
  const at = names.map((name) => table.columns.indexOf(name));
  let least = Infinity;
  for (const one of table.rows) {
    let alike = 0;
    for (const other of table.rows) if (at.every((i) => one[i] === other[i])) alike++;
    least = Math.min(least, alike);
  }
  return least;
}

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const QUASI = new Map<string, Hierarchy>([
  ['birth_year', bands(5, 10, 20)],
  ['zip3', prefixes(2, 1)],
  ['sex', categories()],
]);

function people(seed: number, count: number): TextTable {
  const next = random(seed);
  return {
    columns: ['birth_year', 'zip3', 'sex', 'crp'],
    rows: Array.from({ length: count }, () => [
      String(1940 + next(70)),
      String(10 + next(8) * 11).padStart(3, '0'),
      next(2) === 0 ? 'male' : 'female',
      String(next(3000) / 10),
    ]),
  };
}

describe('anonymise', () => {
  for (const [k, suppressedMax] of [
    [2, 0],
    [2, 0.05],
    [5, 0.02],
    [11, 0.1],
  ] as const)
    it(`reaches k of ${k}, counted apart, and no attack singles anyone out`, () => {
      for (let seed = 1; seed <= 8; seed++) {
        const source = people(seed, 300);
        const { table, levels, suppressed, loss } = anonymise(source, {
          k,
          quasiIdentifiers: QUASI,
          suppressedMax,
        });
        const names = [...QUASI.keys()];
        assert.ok(countedK(table, names) >= k);
        assert.equal(table.rows.length + suppressed, 300);
        assert.ok(suppressed <= suppressedMax * 300);
        assert.ok(loss.total >= loss.generalisation * (1 - loss.suppression) && loss.total <= 1);
        const attack = reidentify(source, table, QUASI);
        assert.equal(attack.singledOut, 0);
        assert.ok(attack.fewest >= k);
        // The same attack on the source itself finds many: it is no blunt one.
        assert.ok(reidentify(source, source, QUASI).singledOut > 50);
        const risk = riskReport(table, names, { table: source, quasiIdentifiers: QUASI, levels });
        assert.equal(risk.k, countedK(table, names));
        assert.equal(risk.uniqueRows, 0);
        assert.ok(risk.prosecutor.highest <= 1 / k && risk.journalist.highest <= risk.prosecutor.highest);
        assert.ok(risk.marketer.expected > 0 && risk.marketer.expected <= 1);
      }
    });

  it('finds the least loss: no other combination of levels is better', () => {
    const source = people(3, 60);
    const options = { k: 3, quasiIdentifiers: QUASI, suppressedMax: 0.1 };
    const best = anonymise(source, options);
    for (let year = 0; year <= 4; year++)
      for (let zip = 0; zip <= 3; zip++)
        for (let sex = 0; sex <= 1; sex++) {
          const rows = source.rows.map(([a = '', b = '', c = '']) => [
            QUASI.get('birth_year')?.widen(a, year) ?? '',
            QUASI.get('zip3')?.widen(b, zip) ?? '',
            QUASI.get('sex')?.widen(c, sex) ?? '',
          ]);
          const small = rows.filter(
            (one) => rows.filter((other) => one.join() === other.join()).length < 3,
          ).length;
          if (small > 6 || small === 60) continue;
          const loss = (((year / 4 + zip / 3 + sex) / 3) * (60 - small) + small) / 60;
          assert.ok(best.loss.total <= loss + 1e-12, `${year} ${zip} ${sex}`);
        }
    assert.deepEqual(anonymise(source, options), best);
    assert.ok(best.tried > 1);
  });

  it('leaves a table that is anonymous already as it is', () => {
    const rows = Array.from({ length: 4 }, () => ['1970', '021', 'male', '1']);
    const table = { columns: people(1, 1).columns, rows };
    assert.deepEqual(anonymise(table, { k: 4, quasiIdentifiers: QUASI, suppressedMax: 0 }).table, table);
  });

  it('refuses', () => {
    const table = people(1, 10);
    const options = { k: 2, quasiIdentifiers: QUASI, suppressedMax: 0 };
    refuses(() => anonymise(table, { ...options, k: 11 }), 'ANONYMITY_K_NOT_REACHABLE');
    for (const k of [1, 0, -3, 2.5, NaN])
      refuses(() => anonymise(table, { ...options, k }), 'ANONYMITY_BAD_INPUT');
    for (const suppressedMax of [-0.1, 1.1, NaN])
      refuses(() => anonymise(table, { ...options, suppressedMax }), 'ANONYMITY_BAD_INPUT');
    refuses(
      () => anonymise(table, { ...options, quasiIdentifiers: new Map() }),
      'ANONYMITY_NO_QUASI_IDENTIFIERS',
    );
    refuses(
      () => anonymise(table, { ...options, quasiIdentifiers: new Map([['absent', bands()]]) }),
      'ANONYMITY_BAD_INPUT',
      /absent/,
    );
    const many = Array.from({ length: 20 }, (_, i) => `c${i}`);
    refuses(
      () =>
        anonymise(
          { columns: many, rows: [many] },
          { ...options, quasiIdentifiers: new Map(many.map((name) => [name, bands(5, 10)])) },
        ),
      'ANONYMITY_TOO_LARGE',
    );
    refuses(() => anonymise({ columns: ['a', 'a'], rows: [] }, options), 'ANONYMITY_BAD_INPUT');
    refuses(() => anonymise({ ...table, rows: [['1']] }, options), 'ANONYMITY_BAD_INPUT');
    refuses(() => bands(5, 12), 'ANONYMITY_BAD_INPUT');
    refuses(() => prefixes(2, 3), 'ANONYMITY_BAD_INPUT');
  });
});

describe('hierarchies', () => {
  it('widen step by step, and know nothing of other values', () => {
    const years = bands(5, 10);
    assert.deepEqual(
      [0, 1, 2, 3].map((level) => years.widen('1987', level)),
      ['1987', '1985–1989', '1980–1989', '*'],
    );
    assert.equal(years.widen('-3', 1), '-5–-1');
    assert.equal(years.widen('unknown', 1), '*');
    assert.deepEqual(
      [0, 1, 2].map((level) => prefixes(2).widen('021', level)),
      ['021', '02*', '*'],
    );
    const regions = categories(new Map([['MA', 'North-East']]));
    assert.deepEqual(
      [0, 1, 2].map((level) => regions.widen('MA', level)),
      ['MA', 'North-East', '*'],
    );
    assert.equal(regions.widen('XX', 1), '*');
  });
});

describe('risk', () => {
  it('by hand: classes of 1 and 3, of a population of 2 and 4', () => {
    const table = { columns: ['q'], rows: [['a'], ['b'], ['b'], ['b']] };
    const population = {
      table: { columns: ['q'], rows: [['a'], ['a'], ['b'], ['b'], ['b'], ['b']] },
      quasiIdentifiers: new Map([['q', categories()]]),
      levels: new Map([['q', 0]]),
    };
    assert.deepEqual(riskReport(table, ['q'], population), {
      rows: 4,
      classes: 2,
      k: 1,
      uniqueRows: 1,
      prosecutor: { highest: 1, average: 0.5 },
      journalist: { highest: 0.5 },
      marketer: { expected: (1 / 2 + 3 / 4) / 4 },
    });
    refuses(() => riskReport({ columns: ['q'], rows: [['c']] }, ['q'], population), 'ANONYMITY_BAD_INPUT');
    assert.equal(riskReport({ columns: ['q'], rows: [] }, ['q']).k, 0);
  });
});

describe('quasi-identifiers left undeclared', () => {
  const next = random(5);
  const rows = Array.from({ length: 40 }, (_, i) => [
    String(1950 + (i % 8)),
    `2020-0${1 + (i % 9)}-11`,
    `0${2100 + (i % 7)}`,
    i % 2 === 0 ? 'F' : 'M',
    `code ${i % 8}`,
    String(next(1000) / 10),
    `Q${i}x`,
    i % 3 === 0 ? 'yes' : 'no',
  ]);
  const columns = ['yob', 'seen', 'area', 'x', 'cohort', 'crp', 'ref', 'fever'];
  const table = { columns, rows };
  const declared = { quasiIdentifiers: ['yob'], sensitive: columns.slice(1) };

  it('are found by values, copies and names', () => {
    assert.deepEqual(suspects(table, declared), [
      { column: 'seen', why: 'date' },
      { column: 'area', why: 'postal-code' },
      { column: 'x', why: 'sex' },
      { column: 'cohort', why: 'copy', of: 'yob' },
      { column: 'ref', why: 'identifier' },
    ]);
    refuses(
      () => refuseUndeclared(table, declared),
      'ANONYMITY_UNDECLARED',
      /seen \(date\).*cohort \(copy of yob\)/,
    );
    for (const [column, why] of [
      ['patientAge', 'age'],
      ['birthDate', 'date'],
      ['home_city', 'place'],
      ['subject.id', 'identifier'],
      ['e-mail', 'contact'],
      ['ethnicity', 'place'],
    ] as const)
      assert.deepEqual(
        suspects({ columns: [column], rows: [['v']] }, { quasiIdentifiers: [], sensitive: [column] }),
        [{ column, why }],
      );
    // Words that only hold such names are none.
    for (const column of ['dosage', 'stage', 'fluid', 'essex_score'])
      assert.deepEqual(
        suspects({ columns: [column], rows: [['v']] }, { quasiIdentifiers: [], sensitive: [column] }),
        [],
      );
  });

  it('are all columns that nothing is said of', () => {
    assert.deepEqual(
      suspects({ columns: ['crp'], rows: [['1.5']] }, { quasiIdentifiers: [], sensitive: [] }),
      [{ column: 'crp', why: 'undeclared' }],
    );
    refuseUndeclared(table, {
      quasiIdentifiers: ['yob', 'seen', 'area', 'x', 'cohort', 'ref'],
      sensitive: ['crp', 'fever'],
    });
  });
});
