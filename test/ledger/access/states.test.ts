/** Every state, event and actor against a table written by hand from the procedure's text. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  ACCESS_ACTORS,
  ACCESS_EVENTS,
  ACCESS_STATES,
  accessStep,
  isOver,
} from '../../../ledger/access/index.js';

/** `state, event: requester custodian patient clock other`; a word in capitals is a refusal. */
const TABLE = `
requested, approve:           NOT-YOURS custodian-approved NOT-YOUR-TURN NOT-YOURS NOT-YOURS
requested, refuse:            NOT-YOURS refused            NOT-YOUR-TURN NOT-YOURS NOT-YOURS
requested, end:               cancelled NOT-YOURS          NOT-YOUR-TURN NOT-YOURS NOT-YOURS
requested, time-out:          NOT-YOURS NOT-YOURS          NOT-YOURS     expired   NOT-YOURS
custodian-approved, approve:  NOT-YOURS DECIDED            in-force      NOT-YOURS NOT-YOURS
custodian-approved, refuse:   NOT-YOURS DECIDED            refused       NOT-YOURS NOT-YOURS
custodian-approved, end:      cancelled withdrawn          NOT-YOURS     NOT-YOURS NOT-YOURS
custodian-approved, time-out: NOT-YOURS NOT-YOURS          NOT-YOURS     expired   NOT-YOURS
in-force, approve:            NOT-YOURS DECIDED            DECIDED       NOT-YOURS NOT-YOURS
in-force, refuse:             NOT-YOURS DECIDED            DECIDED       NOT-YOURS NOT-YOURS
in-force, end:                cancelled withdrawn          withdrawn     NOT-YOURS NOT-YOURS
in-force, time-out:           NOT-YOURS NOT-YOURS          NOT-YOURS     expired   NOT-YOURS
refused, approve:             NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
refused, refuse:              NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
refused, end:                 OVER      OVER               OVER          NOT-YOURS NOT-YOURS
refused, time-out:            NOT-YOURS NOT-YOURS          NOT-YOURS     OVER      NOT-YOURS
withdrawn, approve:           NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
withdrawn, refuse:            NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
withdrawn, end:               OVER      OVER               OVER          NOT-YOURS NOT-YOURS
withdrawn, time-out:          NOT-YOURS NOT-YOURS          NOT-YOURS     OVER      NOT-YOURS
cancelled, approve:           NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
cancelled, refuse:            NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
cancelled, end:               OVER      OVER               OVER          NOT-YOURS NOT-YOURS
cancelled, time-out:          NOT-YOURS NOT-YOURS          NOT-YOURS     OVER      NOT-YOURS
expired, approve:             NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
expired, refuse:              NOT-YOURS OVER               OVER          NOT-YOURS NOT-YOURS
expired, end:                 OVER      OVER               OVER          NOT-YOURS NOT-YOURS
expired, time-out:            NOT-YOURS NOT-YOURS          NOT-YOURS     OVER      NOT-YOURS
`;

test('every state, event and actor', () => {
  const expected = new Map<string, string>(
    TABLE.trim()
      .split('\n')
      .flatMap((line) => {
        const [name = '', cells = ''] = line.split(':');
        return cells
          .trim()
          .split(/\s+/)
          .map((cell, i) => [`${name}, ${ACCESS_ACTORS[i] ?? ''}`, cell] as const);
      }),
  );
  assert.equal(expected.size, ACCESS_STATES.length * ACCESS_EVENTS.length * ACCESS_ACTORS.length);
  for (const state of ACCESS_STATES)
    for (const event of ACCESS_EVENTS)
      for (const actor of ACCESS_ACTORS) {
        const name = `${state}, ${event}, ${actor}`;
        const step = accessStep(state, event, actor);
        assert.equal(step.ok ? step.state : step.code.toUpperCase(), expected.get(name), name);
      }
});

test('what is over stays so, and nothing is in force without custodian and patient', () => {
  for (const state of ACCESS_STATES) {
    const next = ACCESS_EVENTS.flatMap((event) =>
      ACCESS_ACTORS.map((actor) => ({ event, actor, step: accessStep(state, event, actor) })),
    );
    if (isOver(state)) assert.ok(next.every(({ step }) => !step.ok));
    for (const { actor, event, step } of next)
      if (step.ok && step.state === 'in-force')
        assert.deepEqual([state, event, actor], ['custodian-approved', 'approve', 'patient']);
  }
});
