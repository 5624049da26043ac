/** The certification authority in the browser: asking for a certificate, and what its officers see and sign. */

/** An officer approves, or refuses, that somebody is certified: signed and sent as `{document, jws}`. */
export const ENROLMENT_APPROVAL_KIND = 'firebreak enrolment approval';
export const ENROLMENT_REFUSAL_KIND = 'firebreak enrolment refusal';
/** An officer ends a participant. */
export const REVOCATION_KIND = 'firebreak revocation';

export const JOINING_ROLES = ['organisation', 'clinician', 'staff', 'officer'] as const;
export type JoiningRole = (typeof JOINING_ROLES)[number];
export const JOINING_GROUPS = ['provider', 'authority', 'payer'] as const;
export type JoiningGroup = (typeof JOINING_GROUPS)[number];

/** Reasons of a revocation. @see RFC 5280 section 5.3.1 */
export const SHOWN_REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
] as const;
export type ShownReason = (typeof SHOWN_REASONS)[number];

/** Body of `POST /pki/applications`; the same again is answered by what became of it. */
export interface Application {
  /** PKCS#10, PEM. */
  readonly csr: string;
  /** Who asks, as people call them: of a person kept with the certificate and shown to patients; never on the log. */
  readonly applicant: string;
  readonly role: JoiningRole;
  /** Of an organisation: its name and group. */
  readonly name?: string;
  readonly group?: JoiningGroup;
  /** Of a person: id of the organisation. */
  readonly of?: string;
}

/** Answer to it. */
export interface ApplicationAnswer {
  readonly state: 'asked' | 'approved-once' | 'approved' | 'refused';
  /** SHA-256 of the request's DER, hexadecimal: compared by telephone. */
  readonly csrSha256: string;
  readonly reason?: string;
  /** PEM, once it is approved. */
  readonly certificate?: string;
}

/** Organisations that people may be of, and to whom patients may permit something; answer of `GET /pki/organisations`. */
export interface KnownOrganisations {
  readonly organisations: readonly {
    readonly id: string;
    readonly name: string;
    /** It runs this instance: officers are of it. */
    readonly isAuthority: boolean;
  }[];
  readonly recipients: readonly {
    readonly id: string;
    readonly name: string;
    readonly group: 'authority' | 'payer';
  }[];
}

interface OfficersDocument {
  /** Origin of the log. */
  readonly log: string;
  /** Handle or id of the officer. */
  readonly signer: string;
  /** ISO 8601; it is taken within two minutes. */
  readonly at: string;
}

export interface EnrolmentApproval extends OfficersDocument {
  readonly kind: typeof ENROLMENT_APPROVAL_KIND;
  readonly request: string;
  /** SHA-256 of the request that was seen, hexadecimal. */
  readonly csr: string;
}

export interface EnrolmentRefusal extends OfficersDocument {
  readonly kind: typeof ENROLMENT_REFUSAL_KIND;
  readonly request: string;
  readonly csr: string;
  /** Told to who asked; not on the log. */
  readonly reason: string;
}

export interface Revocation extends OfficersDocument {
  readonly kind: typeof REVOCATION_KIND;
  /** Handle. */
  readonly participant: string;
  readonly reason: string;
}

/** A request, as officers see it. */
export interface ShownApplication {
  readonly id: string;
  readonly role: JoiningRole;
  readonly group: JoiningGroup;
  /** Of the organisation. */
  readonly name: string;
  /** Who asks; absent where it came by the command line. */
  readonly applicant?: string;
  /** ISO 8601. */
  readonly askedAt: string;
  readonly csrSha256: string;
  /** Who approved first: id of an officer, or a name that was given at the command line. */
  readonly approvedBy?: string;
  /** Whether the officer who asks may still approve it. */
  readonly isMine: boolean;
}

/** A participant, as officers see it. */
export interface ShownMember {
  readonly handle: string;
  readonly id: string;
  readonly group: string;
  readonly role: string;
  readonly name: string;
  readonly state: 'active' | 'expired' | 'revoked';
  /** ISO 8601. */
  readonly notAfter: string;
  readonly fingerprint: string;
  readonly isEndable: boolean;
  readonly revoked?: { readonly at: string; readonly reason: string };
}

/** Answer of `GET /pki/authority`. */
export interface AuthorityDesk {
  readonly applications: readonly ShownApplication[];
  readonly members: readonly ShownMember[];
  readonly list: { readonly number: number; readonly nextUpdate: string; readonly revoked: number };
  /** Of the issuing certificate. */
  readonly authority: { readonly fingerprint: string; readonly notAfter: string };
}
