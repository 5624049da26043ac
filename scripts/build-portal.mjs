/** Bundles the portal into `dist/portal`. A process of its own: it needs packages, which set-up itself does not. */
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { build } from 'vite';
import { ROOT } from './setup.mjs';

await build({
  root: join(ROOT, 'portal'),
  configFile: false,
  // Where the server serves these files.
  base: '/app/',
  logLevel: 'warn',
  plugins: [react()],
  build: {
    outDir: join(ROOT, 'dist', 'portal'),
    emptyOutDir: true,
    target: 'es2023',
    // Nothing is inlined as data: the server's policy lets files alone be loaded.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One file; a test bounds its size compressed.
    chunkSizeWarningLimit: 1000,
  },
});
