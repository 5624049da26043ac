import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

test('the lock file names the native packages of all platforms', () => {
  const missing = Object.values(packages)
    .flatMap((item) => Object.keys(item.optionalDependencies ?? {}))
    .filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)));
  assert.deepEqual(missing, [], 'run: node scripts/complete-lock.mjs');
});

test('the lock file names no registry, and package.json pins each version', () => {
  assert.deepEqual(
    Object.values(packages).filter((item) => item.resolved !== undefined),
    [],
  );
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as LockedPackage;
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([name, range]) =>
      !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range) || packages[`node_modules/${name}`]?.version !== range,
  );
  assert.deepEqual(loose, []);
});
