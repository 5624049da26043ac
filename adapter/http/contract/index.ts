/** Shapes and words that the portal shares with the server: one of the two doors through which it enters this project. */
export { CONSENT_TEMPLATES, consentFromTemplate, SENSITIVE_CODES } from '../../../mappings/forms/index.js';
export type { ConsentTemplate, TemplateFields } from '../../../mappings/forms/index.js';
export { CLINICAL_WRITE_KIND, WRITTEN_TYPES } from './clinical.js';
export type { ClinicalWrite, ClinicalWriteDocument, Written, WrittenType } from './clinical.js';
export { DEAD_LETTER_KIND, INVITATION_KIND } from './desk.js';
export type {
  DeadLetterDocument,
  DeskDeadLetter,
  DeskDeadLetters,
  DeskSource,
  InvitationDocument,
  InvitedPatient,
} from './desk.js';
export { DEMO_ROLES } from './demo.js';
export type { DemoRole } from './demo.js';
export {
  ENROLMENT_APPROVAL_KIND,
  ENROLMENT_REFUSAL_KIND,
  JOINING_GROUPS,
  JOINING_ROLES,
  REVOCATION_KIND,
  SHOWN_REASONS,
} from './authority.js';
export type {
  Application,
  ApplicationAnswer,
  AuthorityDesk,
  EnrolmentApproval,
  EnrolmentRefusal,
  JoiningGroup,
  JoiningRole,
  KnownOrganisations,
  Revocation,
  ShownApplication,
  ShownMember,
  ShownReason,
} from './authority.js';
export { ACCESS_CODES, ACCESS_RULE_END_KIND, ACCESS_RULE_KIND, ACCESS_TASK } from './access.js';
export type {
  AccessRuleDocument,
  AccessRuleEndDocument,
  ShownAccess,
  ShownAccessState,
  ShownRule,
} from './access.js';
export type { Enrolled, Registered } from './enrolment.js';
export type {
  AggregateAnswer,
  AggregateQuestion,
  ShownCohort,
  ShownCohortApproval,
  ShownCohortState,
  ShownExport,
  ShownExportFile,
} from './cohorts.js';
export type {
  OwnAccess,
  OwnAccesses,
  OwnConsent,
  OwnErasure,
  OwnExplained,
  OwnHome,
  OwnSeen,
  OwnWaiting,
  OwnWaitingList,
} from './own.js';
export { SIGN_IN_KIND } from './sign-in.js';
export type { PersonAnswer, SignedIn, SignInChallenge, SignInDocument } from './sign-in.js';
export { HINT_KINDS, NOTICE_KINDS } from './events.js';
export type { HintKind, NoticeKind } from './events.js';
export type { ShownDuty, ShownEmergency } from './exceptional.js';
export { LINK_KIND, RE_ENROLMENT_KIND, RENEWAL_KIND, ROTATION_KIND, UNLINK_KIND } from './wallets.js';
export type {
  LinkDocument,
  LinkRequest,
  ReEnrolled,
  ReEnrolmentDocument,
  RenewalDocument,
  RenewalRequest,
  RotationDocument,
  RotationRequest,
  UnlinkDocument,
  Unlinked,
  UnlinkRequest,
  WalletDocument,
} from './wallets.js';
export { ACTS, APPOINTMENT_END_KIND, APPOINTMENT_KIND, RELATIONSHIPS } from './representatives.js';
export type {
  Act,
  Appointed,
  AppointmentDocument,
  AppointmentEndDocument,
  OwnRepresentatives,
  Relationship,
} from './representatives.js';
export { EXPENSES_KIND } from './claims.js';
export type {
  ExpensesAnswer,
  ExpensesQuestion,
  OwnClaim,
  OwnClaimDetails,
  OwnClaimLine,
  OwnClaims,
  OwnExpenses,
  OwnLineFinding,
  SignedExpensesQuestion,
} from './claims.js';
export type {
  AddedWebhook,
  NewWebhook,
  ShownWebhook,
  ShownWebhookState,
  WebhookMessage,
} from './webhooks.js';
