/** What the facade answers, before it is HTTP. */
import type { Permitted } from '../../../ledger/consent/index.js';
import type { PermittedVersion } from './patient-gate.js';

/** Name and time of a version at the facade. */
export interface VersionTag {
  readonly type: string;
  readonly id: string;
  readonly versionId: string;
  readonly lastUpdatedMs: number;
}

export type FacadeAnswer =
  | ({ readonly kind: 'resource'; readonly bytes: Buffer } & VersionTag)
  /** What is too large to be held, or comes as the content of a Binary itself. */
  | ({
      readonly kind: 'content';
      /** Absent: FHIR JSON. */
      readonly contentType?: string;
      /** To be read once. */
      readonly body: AsyncIterable<Buffer>;
    } & VersionTag)
  /** What the caller has is what there is. */
  | ({ readonly kind: 'unchanged' } & VersionTag)
  /** What the caller asked for by its version is another now. */
  | { readonly kind: 'precondition-failed' }
  /** Deleted at its source. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'bundle'; readonly bytes: Buffer }
  /** Nothing of the patient may be seen any more, though once it might. */
  | { readonly kind: 'forbidden' }
  /** Hidden, unknown, another's: not to be told apart. */
  | { readonly kind: 'none' };

/** An answer, and the versions that it shows something of. */
export interface Attempt {
  readonly answer: FacadeAnswer;
  readonly shown: readonly PermittedVersion[];
  /** Permits of what it shows of the custodian's directory. */
  readonly listed?: readonly Permitted[];
}

/** Of a request: what the caller already has, and in what form the rest is wanted. */
export interface Conditions {
  /** Versions of `If-None-Match`; `*` for any. */
  readonly noneMatch?: readonly string[];
  /** Versions of `If-Match`. */
  readonly match?: readonly string[];
  /** `If-Modified-Since`, ms. */
  readonly modifiedSinceMs?: number;
  /** Asks for the resource where a Binary would come as its content. */
  readonly isResourceWanted?: boolean;
  /** Asks for the proof beside the resource. */
  readonly isProofWanted?: boolean;
}
