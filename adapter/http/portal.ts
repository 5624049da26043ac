/**
 * `/app/…`: the portal's page under a policy that lets it load its own files and ask this server, and nothing else.
 *
 * @see Content Security Policy Level 3; Trusted Types
 */
import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import type { Express, Request, Response } from 'express';
import { AdapterError } from '../errors.js';

/** What a build of the portal consists of. */
export interface PortalFiles {
  /** The page, in which `%NONCE%` stands for the nonce of its styles, and `%KIND%` for `demo` or `real`. */
  readonly page: string;
  /** By file name. Names hold a hash of the content. */
  readonly assets: ReadonlyMap<
    string,
    { readonly bytes: Buffer; readonly gzip: Buffer; readonly br: Buffer }
  >;
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
};
const NONCE_BYTES = 18;

function policy(nonce: string): string {
  return [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self' 'nonce-${nonce}'`,
    `img-src 'self' data:`,
    `font-src 'self'`,
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
    `require-trusted-types-for 'script'`,
    `trusted-types default dompurify`,
  ].join('; ');
}

/** Mounts the portal; without files its addresses are not there. */
export function mountPortal(app: Express, files: PortalFiles | undefined, isDemo = false): void {
  if (files === undefined) return;
  const page = files.page.replace('%KIND%', isDemo ? 'demo' : 'real');
  app.get('/', (_request, response) => {
    response.redirect(302, '/app/');
  });
  app.get('/app/assets/:name', (request: Request<{ name: string }>, response) => {
    const { name } = request.params;
    const asset = files.assets.get(name);
    const type = TYPES[extname(name)];
    if (asset === undefined || type === undefined)
      throw new AdapterError('ADAPTER_NOT_FOUND', 'the portal has no such file');
    guard(response);
    response.set('Cache-Control', 'public, max-age=31536000, immutable');
    response.set('Content-Type', type);
    response.vary('Accept-Encoding');
    const packed = request.acceptsEncodings(['br', 'gzip']);
    if (packed !== 'br' && packed !== 'gzip') {
      response.send(asset.bytes);
      return;
    }
    response.set('Content-Encoding', packed);
    response.send(asset[packed]);
  });
  // Addresses of pages are the page's own matter.
  app.get(['/app', '/app/*path'], (_request, response) => {
    const nonce = randomBytes(NONCE_BYTES).toString('base64');
    guard(response);
    response.set('Content-Security-Policy', policy(nonce));
    response.set('Cache-Control', 'no-store');
    response.type('html').send(page.replaceAll('%NONCE%', nonce));
  });
}

function guard(response: Response): void {
  response.set({
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=()',
  });
}
