import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../mappings/index.js';
import { compileView, SHIPPED_VIEWS, VIEW_LIMITS, ViewError } from '../../../mappings/views/index.js';
import type { Cell, ViewErrorCode } from '../../../mappings/views/index.js';

function refuses(run: () => unknown, code: ViewErrorCode, at: string): void {
  assert.throws(
    run,
    (error: unknown) => {
      assert.ok(error instanceof ViewError, String(error));
      assert.deepEqual([error.code, error.at], [code, at]);
      return true;
    },
    at,
  );
}

const ID = { name: 'id', path: 'id' };

function patientView(select: JsonObject[], more: JsonObject = {}): JsonObject {
  return { resource: 'Patient', select, ...more };
}

function rows(definition: JsonObject, ...resources: JsonObject[]): Cell[][] {
  const found: Cell[][] = [];
  const run = compileView(definition).start((row) => found.push([...row]));
  for (const resource of resources) run.add(resource);
  return found;
}

describe('compileView', () => {
  it('says what is wrong with a definition, and where', () => {
    const column = (more: JsonObject): JsonObject => patientView([{ column: [{ ...ID, ...more }] }]);
    const cases: [unknown, ViewErrorCode, string][] = [
      [null, 'VIEW_BAD_DEFINITION', ''],
      [[], 'VIEW_BAD_DEFINITION', ''],
      [{ resourceType: 'Patient' }, 'VIEW_BAD_DEFINITION', 'resourceType'],
      [{ select: [] }, 'VIEW_BAD_DEFINITION', 'resource'],
      [{ resource: 'Patien', select: [{ column: [ID] }] }, 'VIEW_UNSUPPORTED', 'resource'],
      [{ resource: 'Patient' }, 'VIEW_BAD_DEFINITION', 'select'],
      [{ resource: 'Patient', select: {} }, 'VIEW_BAD_DEFINITION', 'select'],
      [patientView([]), 'VIEW_BAD_DEFINITION', 'select'],
      [patientView([{}]), 'VIEW_BAD_DEFINITION', 'select'],
      [{ resource: 'Patient', select: [1] }, 'VIEW_BAD_DEFINITION', 'select[0]'],
      [column({ name: 'a b' }), 'VIEW_BAD_DEFINITION', 'select[0].column[0].name'],
      [column({ name: '=1+1' }), 'VIEW_BAD_DEFINITION', 'select[0].column[0].name'],
      [column({ type: 1 }), 'VIEW_BAD_DEFINITION', 'select[0].column[0].type'],
      [column({ collection: 'yes' }), 'VIEW_BAD_DEFINITION', 'select[0].column[0].collection'],
      [column({ paht: 'id' }), 'VIEW_BAD_DEFINITION', 'select[0].column[0].paht'],
      [column({ path: 1 }), 'VIEW_BAD_DEFINITION', 'select[0].column[0].path'],
      [patientView([{ column: [ID], foreach: 'name' }]), 'VIEW_BAD_DEFINITION', 'select[0].foreach'],
      [
        patientView([{ column: [ID], forEach: 'name', repeat: ['name'] }]),
        'VIEW_BAD_DEFINITION',
        'select[0].repeat',
      ],
      [patientView([{ column: [ID], repeat: [] }]), 'VIEW_BAD_DEFINITION', 'select[0].repeat'],
      [patientView([{ column: [ID], repeat: [1] }]), 'VIEW_BAD_DEFINITION', 'select[0].repeat[0]'],
      [patientView([{ column: [ID] }], { where: [{}] }), 'VIEW_BAD_DEFINITION', 'where[0].path'],
      [patientView([{ column: [ID] }], { where: [{ path: 'a(' }] }), 'VIEW_BAD_PATH', 'where[0].path'],
      [
        patientView([{ column: [ID] }], { constant: [{ name: 'c', valueString: 1 }] }),
        'VIEW_BAD_DEFINITION',
        'constant[0].valueString',
      ],
      [
        patientView([{ column: [ID] }], { constant: [{ name: 'c', valueQuantity: {} }] }),
        'VIEW_BAD_DEFINITION',
        'constant[0].valueQuantity',
      ],
      [
        patientView([{ column: [ID] }], { constant: [{ name: 'c', valueCode: 'a', valueString: 'b' }] }),
        'VIEW_BAD_DEFINITION',
        'constant[0]',
      ],
      [
        patientView([{ column: [ID] }, { select: [{ column: [ID] }] }]),
        'VIEW_DUPLICATE_COLUMN',
        'select[1].select[0].column[0].name',
      ],
      [
        patientView([{ unionAll: [{ column: [ID] }, { column: [ID, { ...ID, name: 'b' }] }] }]),
        'VIEW_UNION_MISMATCH',
        'select[0].unionAll[1]',
      ],
      [
        patientView([
          { unionAll: [{ column: [{ ...ID, type: 'id' }] }, { column: [{ ...ID, type: 'string' }] }] },
        ]),
        'VIEW_UNION_MISMATCH',
        'select[0].unionAll[1].column[0]',
      ],
      [
        patientView([{ unionAll: [{ column: [ID] }, { column: [{ ...ID, collection: true }] }] }]),
        'VIEW_UNION_MISMATCH',
        'select[0].unionAll[1].column[0]',
      ],
    ];
    for (const [definition, code, at] of cases) refuses(() => compileView(definition), code, at);
  });

  it('bounds what a definition can be', () => {
    let nested: JsonObject = { column: [ID] };
    for (let i = 0; i < VIEW_LIMITS.selectDepthMax; i++) nested = { select: [nested] };
    refuses(
      () => compileView(patientView([nested])),
      'VIEW_TOO_LARGE',
      `select[0]${'.select[0]'.repeat(VIEW_LIMITS.selectDepthMax)}`,
    );
    const many = Array.from({ length: VIEW_LIMITS.partsMax + 1 }, () => ({ path: 'true' }));
    refuses(() => compileView(patientView([{ column: [ID] }], { where: many })), 'VIEW_TOO_LARGE', 'where');
  });

  it('tells columns with their types', () => {
    const { columns } = compileView(
      patientView([
        {
          column: [
            { ...ID, type: 'http://hl7.org/fhir/StructureDefinition/id' },
            { name: 'n', path: '1', type: 'http://hl7.org/fhirpath/System.Decimal' },
            { name: 'b', path: 'active', type: 'boolean' },
            { name: 'l', path: 'name.given', type: 'string', collection: true },
            { name: 'o', path: 'name.first()', type: 'HumanName' },
            { name: 'x', path: 'id' },
          ],
        },
      ]),
    );
    assert.deepEqual(
      columns.map(({ name, type, kind }) => [name, type, kind]),
      [
        ['id', 'id', 'text'],
        ['n', 'decimal', 'number'],
        ['b', 'boolean', 'boolean'],
        ['l', 'string', 'json'],
        ['o', 'HumanName', 'json'],
        ['x', undefined, 'json'],
      ],
    );
  });

  it('compiles the views that come with us', () => {
    for (const [name, definition] of SHIPPED_VIEWS) {
      const view = compileView(definition);
      assert.equal(view.name, name.replaceAll('-', '_'));
      assert.ok(view.columns.length > 5 && view.columns.every(({ type }) => type !== undefined));
    }
  });
});

describe('a run', () => {
  const twoNames: JsonObject = {
    resourceType: 'Patient',
    id: 'p1',
    name: [{ family: 'A', given: ['a', 'b'] }, { family: 'B' }],
  };

  it('gives one row of nulls for a forEachOrNull that finds nothing', () => {
    const select = [
      { column: [ID] },
      {
        forEachOrNull: 'name',
        column: [
          { name: 'i', path: '%rowIndex' },
          { name: 'literal', path: "'x'" },
        ],
        select: [{ forEach: 'given', column: [{ name: 'g', path: '$this' }] }],
        unionAll: [{ column: [{ name: 'u', path: 'family' }] }, { column: [{ name: 'u', path: "'2'" }] }],
      },
    ];
    assert.deepEqual(rows(patientView(select), { resourceType: 'Patient', id: 'p2' }), [
      ['p2', 0, null, null, null],
    ]);
    assert.deepEqual(rows(patientView(select), twoNames), [
      ['p1', 0, 'x', 'a', 'A'],
      ['p1', 0, 'x', 'a', '2'],
      ['p1', 0, 'x', 'b', 'A'],
      ['p1', 0, 'x', 'b', '2'],
    ]);
  });

  it('takes only its type, and only where all of where hold', () => {
    const definition = patientView([{ column: [ID] }], {
      where: [{ path: 'active' }, { path: "id = 'p1'" }],
    });
    const run = compileView(definition).start(() => undefined);
    assert.equal(run.add({ resourceType: 'Patient', id: 'p1', active: true }), true);
    assert.equal(run.add({ resourceType: 'Patient', id: 'p1' }), false);
    assert.equal(run.add({ resourceType: 'Patient', id: 'p2', active: true }), false);
    assert.equal(run.add({ resourceType: 'Group', id: 'p1', active: true }), false);
  });

  it('names the path that failed, and goes on with the next resource', () => {
    const definition = patientView([{ column: [ID] }, { column: [{ name: 'f', path: 'name.family' }] }]);
    const found: Cell[][] = [];
    const run = compileView(definition).start((row) => found.push([...row]));
    refuses(() => run.add(twoNames), 'VIEW_SEVERAL_VALUES', 'select[1].column[0].path');
    run.add({ resourceType: 'Patient', id: 'p3' });
    assert.deepEqual(found, [['p3', null]]);
    refuses(
      () => rows(patientView([{ column: [ID] }], { where: [{ path: 'id' }] }), twoNames),
      'VIEW_NOT_BOOLEAN',
      'where[0].path',
    );
  });

  it('bounds what one resource can make', () => {
    const list = Array.from({ length: 1100 }, () => ({ family: 'x' }));
    const patient: JsonObject = { resourceType: 'Patient', name: list };
    const product = patientView([
      { forEach: 'name', column: [{ name: 'a', path: 'family' }] },
      { forEach: 'name', column: [{ name: 'b', path: 'family' }] },
    ]);
    assert.throws(
      () =>
        compileView(product)
          .start(() => undefined)
          .add(patient),
      (error: unknown) => error instanceof ViewError && error.code === 'VIEW_TOO_MANY_ROWS',
    );
    const endless = patientView([{ repeat: ['$this'], column: [ID] }]);
    refuses(() => rows(endless, patient), 'VIEW_REPEAT_TOO_DEEP', 'select[0].repeat[0]');
    const twice = patientView([{ repeat: ['$this', '$this'], column: [ID] }]);
    refuses(() => rows(twice, patient), 'VIEW_REPEAT_TOO_DEEP', 'select[0].repeat[0]');
  });

  it('keeps state apart: two runs of one view at once', () => {
    const view = compileView(patientView([{ forEach: 'name', column: [{ name: 'f', path: 'family' }] }]));
    const found: Cell[] = [];
    const inner = view.start((row) => found.push(row[0] ?? null));
    const outer = view.start((row) => {
      found.push(['outer', row[0] ?? null]);
      inner.add(twoNames);
    });
    outer.add(twoNames);
    assert.deepEqual(found, [['outer', 'A'], 'A', 'B', ['outer', 'B'], 'A', 'B']);
  });
});
