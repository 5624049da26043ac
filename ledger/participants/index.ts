export { createAuthority, openAuthority } from './authority.js';
export type {
  Authority,
  AuthorityInput,
  IssueInput,
  IssuedCertificate,
  RenewInput,
  StoredAuthority,
} from './authority.js';
export { fingerprintOf, readAuthorityCertificate, readCertificate, verifyChain } from './certificate.js';
export type {
  AuthorityCertificate,
  ChainCheck,
  ChainRefusal,
  ParticipantCertificate,
  TrustAnchors,
} from './certificate.js';
export { makeCsr, readCsr } from './csr.js';
export type { CertificateRequest, CsrInput } from './csr.js';
export { certificateAt } from './history.js';
export type {
  CertificateAt,
  CertificateHistory,
  HistoryRefusal,
  LogPosition,
  PlacedCertificate,
} from './history.js';
export { ParticipantError } from './errors.js';
export type { ParticipantErrorCode } from './errors.js';
export { judgeByLists, LIST_BYTES_MAX, readForeignList } from './foreign-list.js';
export type { ForeignList, ListVerdict } from './foreign-list.js';
export { verifyPath } from './path.js';
export type { PathCheck, PathInput, PathRefusal } from './path.js';
export { allFromPem, fromPem } from './pem.js';
export {
  MEMBER_GROUPS,
  newParticipantId,
  OID_GROUP,
  OID_ROLE,
  OID_X25519,
  ORGANISATION_VALIDITY_MS,
  PATIENT_VALIDITY_MS,
  PERSON_ROLES,
  ROLES,
} from './profile.js';
export type { Group, MemberGroup, PersonRole, Role, Subject } from './profile.js';
export { CRL_REASONS } from './revocation-list.js';
export type { CrlReason, RevocationListInput, RevokedCertificate } from './revocation-list.js';
