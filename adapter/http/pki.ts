/** What the enrolment routes need; `services/enrolment.ts` does the work. */
import type { IncomingHttpHeaders } from 'node:http';

export interface PkiService {
  /** What a PKCS#10 request must carry. */
  readonly profile: () => { readonly x25519Oid: string; readonly keyType: 'Ed25519' };
  /** DER of `root` or `issuing`. */
  readonly certificate: (name: string) => Buffer | undefined;
  /** Invites patients of a source, at the hospital's request. */
  readonly invite: (source: string, headers: IncomingHttpHeaders, body: Buffer) => Promise<object>;
  /** Enrols a patient by invitation. */
  readonly enrol: (body: Buffer) => Promise<object>;
}
