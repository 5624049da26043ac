import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildFeatures } from '../../../analytics/features/index.js';
import { applyPreparation } from '../../../analytics/preprocess/index.js';
import { outcomeProbabilities } from '../../../analytics/severity/regression.js';
import {
  cardMarkdown,
  modelCard,
  portableOfStudy,
  portableText,
  readPortable,
  scorePortable,
} from '../../../analytics/publication/index.js';
import {
  covidDeterioration,
  trainSeverity,
  type TrainedSeverity,
} from '../../../analytics/severity/index.js';
import { cohort } from '../severity/cohort.js';

let trained: TrainedSeverity;
before(async () => {
  trained = await trainSeverity(cohort(300, 4), covidDeterioration);
});

const cardOf = (more: object = {}): ReturnType<typeof modelCard> =>
  modelCard({ handle: 'h'.repeat(43), ...trained, isTouched: false, code: '1', asOfMs: 0, ...more });

test('a card tells what the run knows, and leaves to the authors what it cannot know', () => {
  const card = cardOf();
  assert.equal(card.modelHash, trained.hash);
  assert.equal(card.readOn, '1970-01-01');
  assert.equal(card.counts.included, card.counts.fitted + card.counts.heldOut);
  assert.equal(card.regression.terms.length, trained.model.preparation.columns.length);
  // TRIPOD+AI has 27 items, 52 with their parts.
  assert.equal(card.tripod.length, 52);
  assert.equal(new Set(card.tripod.map(({ item }) => Number.parseInt(item, 10))).size, 27);
  const told = new Map(card.tripod.map((one) => [one.item, one]));
  assert.equal(told.get('17')?.status, 'authors');
  assert.match(told.get('23a')?.text ?? '', /^AUROC 0\.\d\d/);
  assert.equal(told.get('12d')?.status, 'none');
  assert.doesNotMatch(JSON.stringify(card), /undefined|NaN/);
});

test('a card names no patient, and hides counts from which a small one follows', () => {
  const { performance } = trained;
  const card = cardOf({ performance: { ...performance, events: 4 } });
  assert.deepEqual(
    [card.counts.events, card.counts.eventsFitted, card.counts.eventsHeldOut],
    [null, null, null],
  );
  const text = cardMarkdown(card);
  assert.ok(
    trained.cohort.every((key) => !text.includes(`${key} `) && !JSON.stringify(card).includes(`"${key}"`)),
  );
  assert.match(text, /not shown: few/);
});

test('a withdrawal stands among the limits', () => {
  assert.doesNotMatch(cardOf().use.knownLimits.join(' '), /withdrawn/);
  assert.match(cardOf({ isTouched: true }).use.knownLimits.join(' '), /withdrawn since/);
});

test('a title cannot bring markup of its own into the card', () => {
  const { model } = trained;
  const title = 'a | b\n# <script>';
  const text = cardMarkdown(cardOf({ model: { ...model, study: { ...model.study, title } } }));
  assert.equal(text.split('\n')[0], '# a \\| b # \\<script\\>');
});

test('the portable file of a study scores as the model does, and is refused once altered', async () => {
  const { table } = await buildFeatures(cohort(40, 9), covidDeterioration);
  const { model } = trained;
  const portable = readPortable(portableText(portableOfStudy(model, '1')));
  const expected = outcomeProbabilities(model, applyPreparation(model.preparation, table.columns));
  table.keys.forEach((_, row) => {
    const values = Object.fromEntries(
      table.columns.map(({ name, values: all }) => {
        const value = all[row] ?? NaN;
        return [name, Number.isNaN(value) ? null : value];
      }),
    );
    const [, p = NaN] = scorePortable(portable, values).probabilities;
    assert.ok(Math.abs(p - (expected[row] ?? NaN)) < 1e-12);
  });
  const altered = portableText({ ...portable, title: 'another' });
  assert.throws(() => readPortable(altered), { code: 'ANALYTICS_MODEL_INVALID' });
});
