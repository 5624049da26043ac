export { conditional, INTERACTIONS, readBundle, readDelete, readResource } from './entries.js';
export type { PushEntry, PushHeaders, PutEntry } from './entries.js';
export { IDENTIFIERS_PREFIX, PushIdentifiers, readCondition } from './identifiers.js';
export { Push } from './push.js';
export type { PushOptions, Taken } from './push.js';
export { REPORT_URL } from './report.js';
export type { PushReport } from './report.js';
export { leafSalt, SALT_URL, SIGNATURE_FORMAT, signedDocument, signedLeaf } from './signature.js';
export type { SignatureContext } from './signature.js';
