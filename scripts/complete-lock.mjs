/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out. npm leaves out what the
 * registry in use does not offer (a mirror for one platform, say), and `npm ci` then refuses the lock file everywhere.
 * Run it after `npm install`; it changes nothing where nothing is missing.
 *
 * The entries have the version that their parent pins and no hash, which is not known here: npm on such a platform
 * takes them unchecked until its own `npm install` fills the hash in.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError, main, say } from './say.mjs';
import { ROOT } from './setup.mjs';

/** `@scope/prefix-os-cpu-abi`, as all native packages here are named. */
const PLATFORM =
  /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)(?:-(gnu|musl))?/;

function entryFor(name, version, parent) {
  const [, os, cpu, abi] = PLATFORM.exec(name) ?? [];
  if (os === undefined) throw new SetupError(`${name} is missing from the lock file and names no platform`);
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...(abi === undefined ? {} : { libc: [abi === 'gnu' ? 'glibc' : 'musl'] }),
    optional: true,
    os: [os],
  };
}

await main(async () => {
  const path = join(ROOT, 'package-lock.json');
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const packages = { ...lock.packages };
  for (const parent of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      packages[`node_modules/${name}`] ??= entryFor(name, version, parent);
    }
  }
  const added = Object.keys(packages).length - Object.keys(lock.packages).length;
  if (added > 0) {
    // In npm's own order, so that its next writing changes nothing.
    lock.packages = Object.fromEntries(
      Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')),
    );
    writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  }
  say(`package-lock.json: ${added} packages of other platforms added`);
  return 0;
});
