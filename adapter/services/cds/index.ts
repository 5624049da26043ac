export type { Card } from './card.js';
export { CDS_SERVICES, CdsHooks } from './cds-hooks.js';
export type { CdsOptions, CdsService } from './cds-hooks.js';
