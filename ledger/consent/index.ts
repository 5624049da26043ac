export { decide, decider } from './decide.js';
export type { Asking } from './decide.js';
export type { Because, Decision, DenyReason } from './decision.js';
export { documentBytes, documentKid, signDocument, signingInput, verifyDocument } from './document.js';
export type { DocumentRefusal, SignatureVerdict } from './document.js';
export { ConsentError } from './errors.js';
export type { ConsentErrorCode } from './errors.js';
export { isPermitted } from './permitted.js';
export type { PermitClaims, Permitted, StandsOn } from './permitted.js';
export { ACTIONS, EVERY_SUBJECT, UNREADABLE } from './policy.js';
export type {
  Action,
  ActorMatch,
  DataMatch,
  DataMeaning,
  Obligation,
  Policy,
  PolicyKind,
  PolicyLayer,
  PolicyStatus,
  Provision,
  ProvisionType,
  Span,
} from './policy.js';
export { requestHash } from './request.js';
export type { AccessRequest, RequestActor, RequestResource } from './request.js';
export { custodianPolicy, selfPolicy, voicePolicy } from './standing.js';
export type { CustodianPermission, SelfPermission } from './standing.js';
export { unmetElements } from './unmet.js';
export type { UnmetElement } from './unmet.js';
export { because, weigh } from './weigh.js';
export type { Answer, Weighed } from './weigh.js';
