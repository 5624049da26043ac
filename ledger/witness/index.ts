export {
  formatAddCheckpoint,
  parseAddCheckpoint,
  PROOF_LINES_MAX,
  REQUEST_BYTES_MAX,
} from './add-checkpoint.js';
export type { AddCheckpoint, ReadAddCheckpoint } from './add-checkpoint.js';
export { auditFinding, checkFinding, FINDING_BYTES_MAX, FINDING_FORMAT } from './audit-finding.js';
export type { AuditFinding, FindingVerdict } from './audit-finding.js';
export {
  cosigner,
  cosignerVerifier,
  encodeCosignerSkey,
  findCosignature,
  parseCosignerSkey,
  parseCosignerVkey,
} from './cosignature.js';
export type { Cosignature, Cosigner } from './cosignature.js';
export {
  checkEvidence,
  contradictionOf,
  EVIDENCE_BYTES_MAX,
  EVIDENCE_FORMAT,
  rollbackNotice,
  verdictOfPath,
} from './evidence.js';
export type { Evidence, EvidenceKind, EvidenceRefusal, EvidenceVerdict, SignedHead } from './evidence.js';
export { judgeCheckpoint, readSignedRequest } from './judge.js';
export type { SignedRequest, WitnessedLog, WitnessRefusal } from './judge.js';
export { keepSignatures, withSignatures } from './log-lines.js';
export { parsePolicy, POLICY_BYTES_MAX, quorumIsMet } from './policy.js';
export type {
  ParsedPolicy,
  PolicyGroup,
  PolicyLog,
  PolicyRefusal,
  PolicyWitness,
  WitnessPolicy,
} from './policy.js';
export { fromTiles, pathOfProof, prefixPath, proofOfPath, rootsOfPath } from './prefix-path.js';
export type { TileSource } from './prefix-path.js';
export { LogReplay } from './replay.js';
export type { BrokenRule, ReplayOptions, ReplayVerdict } from './replay.js';
export { checkPolicy } from './quorum.js';
export type { PolicyVerdict, Witnessed } from './quorum.js';
