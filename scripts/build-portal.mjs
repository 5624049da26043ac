/** Bundles the portal into `dist/portal`. A process of its own: it needs packages, which set-up itself does not. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { build } from 'vite';
import { ROOT } from './setup.mjs';

const outDir = join(ROOT, 'dist', 'portal');
await build({
  root: join(ROOT, 'portal'),
  configFile: false,
  // Where the server serves these files.
  base: '/app/',
  logLevel: 'warn',
  plugins: [react()],
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2023',
    // Nothing is inlined as data: the server's policy lets files alone be loaded.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One file; a test bounds its size compressed.
    chunkSizeWarningLimit: 1000,
  },
});

// Here and not when the server starts: the smallest form takes seconds.
const assets = join(outDir, 'assets');
for (const name of readdirSync(assets))
  writeFileSync(join(assets, `${name}.br`), brotliCompressSync(readFileSync(join(assets, name))));
