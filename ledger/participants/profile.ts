/**
 * The certificate profile, on top of RFC 5280.
 *
 * | field | participants | root, issuing |
 * |---|---|---|
 * | subject | CN = participant id; O = name, organisations only | CN = name with `root` or `issuing` |
 * | public key | Ed25519 (RFC 8410) | Ed25519 |
 * | basicConstraints | critical, CA:FALSE | critical, CA:TRUE, pathlen 1 or 0 |
 * | keyUsage | critical, digitalSignature | critical, keyCertSign, cRLSign; issuing also digitalSignature |
 * | group | UTF8String | UTF8String `ca` |
 * | role | UTF8String, organisations only | none |
 * | x25519 | OCTET STRING of the 32 raw bytes | none |
 *
 * A patient's certificate holds no name and nothing that was known of the patient before.
 */
import { randomBytes } from 'node:crypto';
import { ParticipantError } from './errors.js';

/**
 * The arc of our extensions: a UUID (8588a12f-87af-45fd-85bc-8846c6b75cdf) in seven small numbers under the arc that
 * Microsoft gives away for this. The other arc for UUIDs, 2.25, wants all 128 bits in one number, which the
 * certificate library does not read back as it was written and Go's parser refuses.
 */
const ARC = '1.2.840.113556.1.8000.2554.34184.41263.34735.17917.34236.8931014.12016863';

/** Extension: the participant's group, a UTF8String. */
export const OID_GROUP = `${ARC}.1`;
/** Extension: an organisation's role, a UTF8String. */
export const OID_ROLE = `${ARC}.2`;
/** Extension, also in requests: the participant's X25519 public key, an OCTET STRING of 32 raw bytes. */
export const OID_X25519 = `${ARC}.3`;

/** The groups that the authority enrols. */
export const MEMBER_GROUPS = ['patient', 'provider', 'authority', 'payer'] as const;
/** Who takes part: those enrolled, and the authority itself. */
export type Group = MemberGroup | 'ca';
/** A group that the authority enrols. */
export type MemberGroup = (typeof MEMBER_GROUPS)[number];

/**
 * `instance`: a running Firebreak, which submits tagged entries; `organisation`: any other organisation; `clinician` and
 * `staff`: a person of a provider, with the organisation's name and none of their own; `officer`: one of those who certify,
 * of the organisation that runs the instance.
 */
export const ROLES = ['instance', 'organisation', 'clinician', 'staff', 'officer'] as const;
/** Roles of people who act for an organisation. */
export const PERSON_ROLES = ['clinician', 'staff', 'officer'] as const;
export type PersonRole = (typeof PERSON_ROLES)[number];
/** What a certificate of an organisation, or of somebody of it, is for. */
export type Role = (typeof ROLES)[number];

const DAY_MS = 86_400_000;
/**
 * Organisations' keys lie on servers and are used without anyone looking: 90 days bound what a stolen one is worth,
 * and servers can renew by themselves.
 */
export const ORGANISATION_VALIDITY_MS = 90 * DAY_MS;
/**
 * A patient's key lies encrypted in the own browser and is used a few times a year: a shorter life would lock out who
 * was well for a season, and a lost key is revoked.
 */
export const PATIENT_VALIDITY_MS = 365 * DAY_MS;
/** The root signs issuing certificates only, a few times in its life. */
export const ROOT_VALIDITY_MS = 3650 * DAY_MS;
/** Longer than any certificate under it, and short enough that the change of an issuing key is practised. */
export const ISSUING_VALIDITY_MS = 1095 * DAY_MS;

/** Upper bounds of common and organisation names. @see RFC 5280 appendix A.1 (ub-common-name) */
export const NAME_CHARS_MAX = 64;

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_RANDOM_CHARS = 26;

/** A fresh participant id: `p-` and 130 random bits in base32, so that it says nothing of who bears it. */
export function newParticipantId(): string {
  let id = 'p-';
  for (const byte of randomBytes(ID_RANDOM_CHARS)) id += BASE32.charAt(byte & 31);
  return id;
}

/** Whose certificate it is. */
export type Subject =
  | { readonly id: string; readonly group: 'patient' }
  | {
      readonly id: string;
      readonly group: Exclude<MemberGroup, 'patient'>;
      readonly role: Role;
      /** The organisation's name, as people know it; at most 64 characters. */
      readonly organisation: string;
    };

/** A subject before its parts were found to fit. */
export interface SubjectClaim {
  readonly id: string;
  readonly group: string;
  readonly role?: string | undefined;
  readonly organisation?: string | undefined;
}

/**
 * Checks that the parts of a subject fit one another: patients without name and role, organisations with both.
 *
 * @throws ParticipantError PARTICIPANT_BAD_SUBJECT
 */
export function toSubject(claim: SubjectClaim): Subject {
  const { id, role, organisation } = claim;
  if (!ID.test(id)) throw refuse('an id has up to 64 letters, digits, dots, hyphens and underscores');
  const group = MEMBER_GROUPS.find((known) => known === claim.group);
  if (group === undefined) throw refuse('not a group that is enrolled');
  if (group === 'patient') {
    if (role !== undefined || organisation !== undefined) throw refuse('a patient has neither role nor name');
    return { id, group };
  }
  const knownRole = ROLES.find((known) => known === role);
  if (knownRole === undefined) throw refuse('an organisation has a role');
  if (organisation === undefined || !isName(organisation)) throw refuse('an organisation has a name');
  return { id, group, role: knownRole, organisation };
}

/** Whether a text can stand as a name: 1 to 64 characters, well-formed, none of them a control character. */
export function isName(text: string): boolean {
  return (
    text.length >= 1 && text.length <= NAME_CHARS_MAX && !/[\p{Cc}\p{Cs}]/u.test(text) && text.trim() === text
  );
}

function refuse(message: string): ParticipantError {
  return new ParticipantError('PARTICIPANT_BAD_SUBJECT', message);
}
