import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newHandle } from '../../adapter/handle.js';

test('a handle is 32 bytes, never the same, and no option of a command line', () => {
  const handles = Array.from({ length: 2000 }, () => newHandle());
  assert.equal(new Set(handles).size, handles.length);
  for (const handle of handles) assert.match(handle, /^[A-Za-z0-9_][A-Za-z0-9_-]{42}$/);
  assert.equal(newHandle(16).length, 22);
});
