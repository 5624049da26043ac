export { consentBundleParts } from './bundle.js';
export type { ConsentBundleParts, ConsentBundleRefusalCode, ConsentParts } from './bundle.js';
export { carryOut } from './carry-out.js';
export { CLOCK_SKEW_MAX_MS, compileConsent } from './compile.js';
export type { CompileContext, CompiledConsent } from './compile.js';
export { readConsentDocument } from './document.js';
export type { ConsentRefusalCode } from './elements.js';
export { OBLIGATION, obligationExtension } from './obligations.js';
export { NARROWER_PURPOSES, PROVISION_DEPTH_MAX, PROVISIONS_MAX } from './provision.js';
