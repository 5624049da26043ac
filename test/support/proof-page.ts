/** The proof checker in a real browser: bundled as a portal would, run in an empty page. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { openBrowser } from './browser.js';
import type { VerdictInput, Verdicts } from './proof-verdicts.js';

const HERE = dirname(fileURLToPath(import.meta.url));

/**
 * The checker as one script that sets `globalThis.proofs`.
 *
 * @throws Error when anything of Node's own is reachable in it.
 */
export async function bundleChecker(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: "export { verdictsOf } from './proof-verdicts.js';", resolveDir: HERE },
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'proofs',
    // Left as they are, so that what really needs them can be told from what is only re-exported beside it.
    external: ['node:*'],
    logLevel: 'silent',
  });
  const text = outputFiles[0]?.text ?? '';
  if (/["']node:|\bBuffer\b/.test(text)) throw new Error('the checker needs a module of Node’s');
  return text;
}

/** A page that judges files. */
export interface ProofPage {
  readonly userAgent: string;
  verdictsOf(input: VerdictInput): Promise<Verdicts>;
  close(): Promise<void>;
}

export async function openProofPage(executablePath: string): Promise<ProofPage> {
  const opened = await openBrowser(executablePath);
  const { page, browser } = opened;
  await page.addScriptTag({ content: await bundleChecker() });
  return {
    userAgent: browser.version(),
    verdictsOf: (input) =>
      page.evaluate(
        (given) =>
          (
            globalThis as unknown as { proofs: { verdictsOf(input: VerdictInput): Verdicts } }
          ).proofs.verdictsOf(given),
        input,
      ),
    close: () => opened.close(),
  };
}
