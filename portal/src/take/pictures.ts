/** The record's pictures, made small. */
import type { Attachment, FhirResource } from 'fhir/r4.js';
import { askAs } from '../session/session.js';
import { happeningsOf } from '../timeline/lanes.js';
import type { Wallet } from '../wallet/wallet.js';

export interface SmallPicture {
  readonly title: string;
  /** Of the resource that it is of: `Type/id`. */
  readonly reference: string;
  /** JPEG; absent where the picture could not be had or read. */
  readonly jpeg: string | undefined;
}

export interface SmallPictures {
  readonly pictures: readonly SmallPicture[];
  /** Those beyond the number that a document takes. */
  readonly leftOut: number;
}

/** A document for people has no more; FHIR holds them all. */
const PICTURES_MAX = 12;
/** Longest side, px: some eight centimetres on paper. */
const SIDE_PX_MAX = 640;
const QUALITY = 0.8;
const TYPES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/bmp']);

/** Reads and shrinks them, in the order of the record. @throws Refusal where the server is away. */
export async function picturesOf(wallet: Wallet, resources: readonly FhirResource[]): Promise<SmallPictures> {
  const found = resources.flatMap((resource) =>
    attachmentsOf(resource).flatMap((attachment, place) =>
      TYPES.has(attachment.contentType ?? '') ? [{ resource, attachment, place }] : [],
    ),
  );
  const pictures: SmallPicture[] = [];
  // One after the other: each may be of many megabytes.
  for (const { resource, attachment, place } of found.slice(0, PICTURES_MAX)) {
    const reference = `${resource.resourceType}/${resource.id ?? ''}`;
    const title = happeningsOf([resource])[0]?.title ?? attachment.title ?? '';
    const bytes = await bytesOf(wallet, reference, attachment, place);
    pictures.push({ title, reference, jpeg: bytes === undefined ? undefined : await shrink(bytes) });
  }
  return { pictures, leftOut: Math.max(0, found.length - PICTURES_MAX) };
}

function attachmentsOf(resource: FhirResource): readonly Attachment[] {
  if (isEnteredInError(resource)) return [];
  if (resource.resourceType === 'Media') return [resource.content];
  if (resource.resourceType === 'DocumentReference')
    return resource.content.map(({ attachment }) => attachment);
  return [];
}

function isEnteredInError(resource: FhirResource): boolean {
  return 'status' in resource && resource.status === 'entered-in-error';
}

async function bytesOf(
  wallet: Wallet,
  reference: string,
  { data, url }: Attachment,
  place: number,
): Promise<Blob | undefined> {
  if (data !== undefined) return blobOf(data);
  if (url !== undefined) {
    const id = /(?:^|\/)(Binary\/[A-Za-z0-9.-]{1,64})$/.exec(url)?.[1];
    // Whatever else it names is not of this record.
    return id === undefined ? undefined : (await askAs(wallet, `/fhir/${id}`)).blob();
  }
  // Of what is large, a Bundle leaves the data out.
  const answer = await askAs(wallet, `/fhir/${reference}`, { headers: { accept: 'application/fhir+json' } });
  const whole = attachmentsOf((await answer.json()) as FhirResource)[place];
  return whole?.data === undefined ? undefined : blobOf(whole.data);
}

function blobOf(base64: string): Blob | undefined {
  try {
    return new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))]);
  } catch {
    return undefined;
  }
}

/** On white, since paper is; `undefined` for what is no picture. */
async function shrink(bytes: Blob): Promise<string | undefined> {
  const whole = await createImageBitmap(bytes).catch(() => undefined);
  if (whole === undefined) return undefined;
  const by = Math.min(1, SIDE_PX_MAX / Math.max(whole.width, whole.height));
  const [width, height] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * by)));
  const canvas = new OffscreenCanvas(width ?? 1, height ?? 1);
  const context = canvas.getContext('2d');
  if (context === null) return undefined;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  const jpeg = await canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
  return `data:image/jpeg;base64,${base64Of(new Uint8Array(await jpeg.arrayBuffer()))}`;
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
