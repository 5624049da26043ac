/** What a clinician writes, as FHIR. Whose it is, who wrote it and its names are set by the server. */
import type { DocumentReference, MedicationStatement, Procedure } from 'fhir/r4.js';
import { utf8 } from '../../../ledger/proofs/index.js';

export const KINDS = ['note', 'procedure', 'medication', 'image'] as const;
export type Kind = (typeof KINDS)[number];

/** An image as it was chosen. */
export interface ChosenImage {
  readonly contentType: string;
  /** base64 */
  readonly data: string;
}

export type Draft =
  Omit<DocumentReference, 'subject'> | Omit<Procedure, 'subject'> | Omit<MedicationStatement, 'subject'>;

/** @param at - ISO 8601 instant. */
export function draftOf(kind: Kind, text: string, at: string, image: ChosenImage | undefined): Draft {
  if (kind === 'procedure')
    return { resourceType: 'Procedure', status: 'completed', code: { text }, performedDateTime: at };
  if (kind === 'medication')
    return {
      resourceType: 'MedicationStatement',
      status: 'active',
      medicationCodeableConcept: { text },
      effectiveDateTime: at,
      dateAsserted: at,
    };
  const isImage = kind === 'image' && image !== undefined;
  const attachment = isImage
    ? { ...image, title: text, creation: at }
    : { contentType: 'text/plain; charset=utf-8', data: base64(utf8(text)), creation: at };
  return {
    resourceType: 'DocumentReference',
    status: 'current',
    docStatus: 'final',
    type: isImage
      ? { coding: [{ system: 'http://loinc.org', code: '18748-4', display: 'Diagnostic imaging study' }] }
      : { coding: [{ system: 'http://loinc.org', code: '11506-3', display: 'Progress note' }] },
    date: at,
    ...(isImage ? { description: text } : {}),
    content: [{ attachment }],
  };
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
