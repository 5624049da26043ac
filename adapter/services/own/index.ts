export { explainOwn } from './own-explain.js';
export { eraseOwn, previewErasure } from './own-erasure.js';
export { OwnRecord } from './own-record.js';
