import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EARLIEST_MS, instant, interval, LATEST_MS, periodInterval } from '../../mappings/index.js';

const HOUR_MS = 3_600_000;

/** The widest interval over all zones of the days from `from` to before `to`, both `YYYY-MM-DD`. */
function days(from: string, to: string): { startMs: number; endMs: number } {
  return { startMs: Date.parse(from) - 14 * HOUR_MS, endMs: Date.parse(to) + 12 * HOUR_MS - 1 };
}

/** A small generator of our own, so that a failing case can be found again. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0');

const at = (text: string): number | undefined => {
  const found = interval(text);
  assert.equal(found?.startMs, found?.endMs);
  return found?.startMs;
};

describe('interval', () => {
  it('widens what has no zone over all zones', () => {
    assert.deepEqual(interval('2020'), days('2020-01-01', '2021-01-01'));
    assert.deepEqual(interval('2020-02'), days('2020-02-01', '2020-03-01'));
    assert.deepEqual(interval('2020-12'), days('2020-12-01', '2021-01-01'));
    assert.deepEqual(interval('2020-02-29'), days('2020-02-29', '2020-03-01'));
    assert.deepEqual(interval('0001'), days('0001-01-01', '0002-01-01'));
    assert.equal(interval('0001')?.startMs, EARLIEST_MS);
    assert.equal(interval('9999')?.endMs, LATEST_MS);
  });

  it('takes a full time as one instant, to the millisecond', () => {
    assert.equal(at('2020-03-04T10:11:12Z'), Date.parse('2020-03-04T10:11:12Z'));
    assert.equal(at('2020-03-04T10:11:12+01:30'), Date.parse('2020-03-04T08:41:12Z'));
    assert.equal(at('2020-03-04T10:11:12.5-14:00'), Date.parse('2020-03-05T00:11:12.500Z'));
    assert.equal(at('2020-03-04T10:11:12.123456789Z'), Date.parse('2020-03-04T10:11:12.123Z'));
    assert.equal(at('2020-03-04T10:11:12.07+00:00'), Date.parse('2020-03-04T10:11:12.070Z'));
    assert.equal(at('1969-12-31T23:59:59.999Z'), -1);
    assert.equal(at('0099-12-31T00:00:00Z'), Date.parse('0099-12-31T00:00:00Z'));
  });

  it('takes a leap second only where one can be', () => {
    assert.equal(interval('2016-12-31T23:59:60Z')?.startMs, Date.parse('2017-01-01T00:00:00Z'));
    assert.equal(interval('2017-01-01T08:59:60+09:00')?.startMs, Date.parse('2017-01-01T00:00:00Z'));
    for (const text of [
      '2016-12-31T22:59:60Z',
      '2016-12-30T23:59:60Z',
      '2016-12-31T23:59:60+09:00',
      '2016-12-31T23:59:61Z',
    ]) {
      assert.equal(interval(text), undefined, text);
    }
  });

  it('refuses what names no time', () => {
    for (const text of [
      '',
      '0000',
      '20',
      '20200',
      '2020-',
      '2020-1',
      '2020-00',
      '2020-13',
      '2020-13-45',
      '2020-04-31',
      '2020-01-00',
      '2021-02-29',
      '1900-02-29',
      '2020-1-1',
      '2020/01/01',
      '2020-01-01 ',
      ' 2020-01-01',
      '2020-01-01T',
      '2020-01-01T10Z',
      '2020-01-01T10:00Z',
      '2020-01-01T10:00:00',
      '2020-01-01T24:00:00Z',
      '2020-01-01T10:60:00Z',
      '2020-01-01T10:00:00.Z',
      '2020-01-01T10:00:00,5Z',
      '2020-01-01 10:00:00Z',
      '2020-01-01t10:00:00z',
      '2020-01-01T10:00:00+14:01',
      '2020-01-01T10:00:00+15:00',
      '2020-01-01T10:00:00+0100',
      '2020-01-01T10:00:00+01:60',
      '2020-01-01T10:00:00ZZ',
      '2020-01-01T10:00:00Z ',
      '-2020-01-01',
      '+2020-01-01',
      '٢٠٢٠',
      'today',
    ]) {
      assert.equal(interval(text), undefined, text);
    }
  });

  it('has the calendar of Date, over four thousand years', () => {
    const next = sequence(7);
    for (let i = 0; i < 20_000; i++) {
      const text = `${pad(1 + next(4000), 4)}-${pad(1 + next(12), 2)}-${pad(1 + next(31), 2)}`;
      const ms = Date.parse(`${text}T00:00:00Z`);
      const real = !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
      assert.deepEqual(
        interval(text),
        real ? { startMs: ms - 14 * HOUR_MS, endMs: ms + 36 * HOUR_MS - 1 } : undefined,
        text,
      );
    }
  });

  it('laws: a coarser date contains the finer ones, later text is a later time, offsets only shift', () => {
    const next = sequence(11);
    for (let i = 0; i < 5_000; i++) {
      const day = `${pad(1600 + next(800), 4)}-${pad(1 + next(12), 2)}-${pad(1 + next(28), 2)}`;
      const time = `T${pad(next(24), 2)}:${pad(next(60), 2)}:${pad(next(60), 2)}.${pad(next(1000), 3)}`;
      const minutes = next(14 * 60 + 1);
      const zone = `${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}`;
      const chain = [day.slice(0, 4), day.slice(0, 7), day, `${day}${time}+${zone}`].map((text) =>
        interval(text),
      );
      for (let k = 1; k < chain.length; k++) {
        const outer = chain[k - 1];
        const inner = chain[k];
        assert.ok(outer !== undefined && inner !== undefined);
        assert.ok(
          outer.startMs <= inner.startMs && inner.startMs <= inner.endMs && inner.endMs <= outer.endMs,
          day,
        );
      }
      const utc = interval(`${day}${time}Z`)?.startMs ?? Number.NaN;
      assert.equal(interval(`${day}${time}+${zone}`)?.startMs, utc - minutes * 60_000);
      // West of UTC-12 there is no clock, though FHIR's syntax has offsets for one.
      if (minutes <= 12 * 60) {
        const west = interval(`${day}${time}-${zone}`)?.startMs;
        assert.equal(west, utc + minutes * 60_000);
        assert.ok((west ?? Number.NaN) <= (interval(day)?.endMs ?? Number.NaN));
      }
      assert.equal(new Date(utc).toISOString(), `${day}${time}Z`);
    }
  });
});

describe('instant', () => {
  it('takes complete times only', () => {
    assert.equal(instant('2020-01-01T00:00:00Z'), Date.parse('2020-01-01'));
    assert.equal(instant('2020-01-01'), undefined);
    assert.equal(instant('2020-13-45T00:00:00Z'), undefined);
  });
});

describe('periodInterval', () => {
  it('reaches from the start of the start to the end of the end', () => {
    assert.deepEqual(periodInterval({ start: '2020-01', end: '2020-02' }), days('2020-01-01', '2020-03-01'));
    assert.deepEqual(periodInterval({ start: '2020', end: '2020' }), interval('2020'));
  });

  it('leaves an absent end open', () => {
    const start = Date.parse('2020-01-01');
    assert.deepEqual(periodInterval({ start: '2020-01-01T00:00:00Z' }), { startMs: start, endMs: LATEST_MS });
    assert.deepEqual(periodInterval({ end: '2020-01-01T00:00:00Z' }), { startMs: EARLIEST_MS, endMs: start });
    assert.deepEqual(periodInterval({}), { startMs: EARLIEST_MS, endMs: LATEST_MS });
  });

  it('refuses an end before the start, and what is no date', () => {
    assert.equal(periodInterval({ start: '2020-01-02T00:00:00Z', end: '2020-01-01T00:00:00Z' }), undefined);
    assert.equal(periodInterval({ start: '2020-13' }), undefined);
    assert.equal(periodInterval({ end: 'soon' }), undefined);
    // Within the width of a day without a zone both may be true.
    const day = periodInterval({ start: '2020-01-02T00:00:00Z', end: '2020-01-01' });
    assert.equal((day?.endMs ?? 0) - Date.parse('2020-01-02'), 12 * HOUR_MS - 1);
    assert.equal(periodInterval({ start: '2020-01-03T00:00:00Z', end: '2020-01-01' }), undefined);
  });
});
