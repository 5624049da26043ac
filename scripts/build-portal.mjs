/** Bundles the portal into `dist/portal`. A process of its own: it needs packages, which set-up itself does not. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { build } from 'vite';
import { ROOT } from './setup.mjs';

/** Fonts of documents: they come with the package that sets them, as base64 within a script. */
function documentFonts() {
  const id = 'virtual:document-fonts';
  return {
    name: 'document-fonts',
    resolveId: (wanted) => (wanted === id ? `\0${id}` : undefined),
    load(wanted) {
      if (wanted !== `\0${id}`) return undefined;
      const fonts = createRequire(import.meta.url)('pdfmake/build/vfs_fonts.js');
      return ['Regular', 'Medium']
        .map((weight) => {
          const name = `Roboto-${weight}.ttf`;
          const file = this.emitFile({ type: 'asset', name, source: Buffer.from(fonts[name], 'base64') });
          return `export const ${weight.toLowerCase()} = import.meta.ROLLUP_FILE_URL_${file};`;
        })
        .join('\n');
    },
  };
}

const outDir = join(ROOT, 'dist', 'portal');
await build({
  root: join(ROOT, 'portal'),
  configFile: false,
  // Where the server serves these files.
  base: '/app/',
  logLevel: 'warn',
  plugins: [react(), documentFonts()],
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2023',
    // Nothing is inlined as data: the server's policy lets files alone be loaded.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' },
    // What sets PDF files is loaded by who saves one; a test bounds what all load.
    chunkSizeWarningLimit: 1500,
  },
});

copyFileSync(join(ROOT, 'portal', 'licenses', 'Roboto.txt'), join(outDir, 'Roboto.txt'));

// Here and not when the server starts: the smallest form takes seconds.
const assets = join(outDir, 'assets');
for (const name of readdirSync(assets))
  writeFileSync(join(assets, `${name}.br`), brotliCompressSync(readFileSync(join(assets, name))));
