/** Writing at the bedside over HTTP: a signed resource in, and that the hospital's server has taken it out. */
import express from 'express';
import type { Express } from 'express';
import type { ClinicalWriting } from '../services/clinical/index.js';

export interface ClinicalService {
  readonly writing: ClinicalWriting;
  readonly bodyBytesMax: number;
}

/** Addresses and what they take. */
export const CLINICAL_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/clinical/records', 'POST'],
];

export function mountClinical(app: Express, { writing, bodyBytesMax }: ClinicalService): void {
  const raw = express.raw({ type: () => true, limit: bodyBytesMax });
  app.post('/clinical/records', raw, async (request, response) => {
    const body: unknown = request.body;
    const written = await writing.write(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    response.set('Cache-Control', 'no-store').status(201).json(written);
  });
}
