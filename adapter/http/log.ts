/**
 * `/log/…`: the published log, read-only.
 *
 * @see https://c2sp.org/tlog-tiles
 */
import type { Request, RequestHandler } from 'express';
import { parseTilePath, TILE_WIDTH } from '../../ledger/log/index.js';
import { AdapterError } from '../errors.js';
import { proofSchemaFiles } from '../services/proof-schema.js';

export interface LogService {
  /** Bytes of a published path, or `undefined`. */
  readonly read: (path: string) => Promise<Buffer | undefined>;
}

/** Full tiles never change; partial ones are soon replaced; the checkpoint always is. */
function cacheControl(path: string): string {
  if (parseTilePath(path)?.width === TILE_WIDTH) return 'public, max-age=31536000, immutable';
  if (path.startsWith('tile/')) return 'public, max-age=60';
  return 'no-store';
}

function contentType(path: string): string {
  if (path.startsWith('tile/')) return 'application/octet-stream';
  return path.endsWith('.json') ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8';
}

export function servesLog(service: LogService): RequestHandler {
  return async (request: Request, response) => {
    const parts: unknown = request.params['path'];
    const path = Array.isArray(parts) ? parts.join('/') : String(parts);
    const bytes = proofSchemaFiles.get(path) ?? (await service.read(path));
    if (bytes === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'the log has no such file');
    response.set('Cache-Control', cacheControl(path));
    response.set('Content-Type', contentType(path));
    response.set('Access-Control-Allow-Origin', '*');
    response.send(bytes);
  };
}
