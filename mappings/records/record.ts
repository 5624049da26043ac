import type { Fact } from '../facts.js';
import type { Interval } from '../dates.js';
import type { NamedBinary } from './attachments.js';

/** What a resource is mapped with. */
export interface MapContext {
  /** Base URL of the source's FHIR server; absolute references below it are local ones. */
  readonly sourceBase?: string;
  /**
   * What a reference's text stands for, as `Type/id`: the `fullUrl`s of the Bundle, and under `Type?query` the
   * answers to what a former `lookup` asked.
   */
  readonly urn: ReadonlyMap<string, string>;
  /** The resource's exact bytes, from which decimals keep their text (7.40); without them 7.40 reads 7.4. */
  readonly bytes?: Buffer;
  /** Logical id where the resource has none: a transaction's entry may be named by its `fullUrl` alone. */
  readonly id?: string;
  /**
   * Where the bytes are a resource without its data: SHA-1 (base64) of each text named `data`, in the order in which they
   * stood there.
   */
  readonly dataDigests?: readonly string[];
  /**
   * Id of the Patient to whom an `attached` or `binary` resource turned out to belong. One that the resource
   * itself names must be the same.
   */
  readonly patient?: string;
}

/** Type and logical id of a resource at its source. */
export interface ResourceName {
  readonly type: string;
  readonly id: string;
}

/** Name and version of a mapped resource. */
export interface RecordName extends ResourceName {
  /** `meta.versionId`; absent where the source gives none. */
  readonly versionId?: string;
  /** `meta.lastUpdated`, ms. */
  readonly lastUpdatedMs?: number;
}

/** What a Patient says about other Patient records of the same person, and about death. */
export interface PatientLinks {
  /** `Patient.active`; absent where not stated. */
  readonly active?: boolean;
  /** Ids of the Patients that this one was replaced by: a merge, when `active` is false. */
  readonly replacedBy: readonly string[];
  /** Ids of the Patients that this one replaces. */
  readonly replaces: readonly string[];
  /** Ids of the Patients linked by `refer` or `seealso`: no merge. */
  readonly others: readonly string[];
  /** True when the Patient is stated dead, by boolean or by date. */
  readonly deceased: boolean;
}

/** What the consent gate asks about a resource, and what is recorded of it. */
export interface RecordContent {
  /**
   * Tokens `system|code` for a consent's `class`: the resource type
   * (`http://hl7.org/fhir/resource-types|Observation`), its categories, an Encounter's class.
   */
  readonly classes: readonly string[];
  /** Tokens `system|code` for a consent's `code`: what the resource is about, its components included. */
  readonly codes: readonly string[];
  /** When it was true of the patient, ms, both ends included; an open end reaches to year 0001 or 9999. */
  readonly period?: Interval;
  /**
   * Tokens of `meta.security`, those of contained resources included, and those that its codes have by the value sets of
   * sensitive categories; `undefined` when there are none.
   */
  readonly labels: readonly string[] | undefined;
  /** All facts of the type's table, absent ones as null. */
  readonly facts: readonly Fact[];
  /** The Binary resources at the same source that it refers to. */
  readonly binaries: readonly NamedBinary[];
  /** Of a Binary: SHA-1 of its data, base64. */
  readonly dataDigest?: string;
  /** What a reader should know about the mapping, as fixed words; never a value of the resource. */
  readonly notes: readonly string[];
}

/** A resource that belongs to one patient. */
export interface CompartmentRecord extends RecordName, RecordContent {
  readonly kind: 'compartment';
  /** Logical id of the Patient at the source. */
  readonly subject: string;
  /** FHIRPath of the element that tied it to the patient; `Patient` for the Patient itself. */
  readonly subjectPath: string;
  /** For a Patient only. */
  readonly patientLinks?: PatientLinks;
}

/** A resource that belongs to nobody: the custodian's own directory. */
export interface DirectoryRecord extends RecordName {
  readonly kind: 'directory';
}

/** A Binary that names no owner: it belongs to what refers to it. */
export interface BinaryRecord extends RecordName, RecordContent {
  readonly kind: 'binary';
}

/** A question for the source that must be answered before the resource can be mapped. */
export interface Lookup {
  /** FHIRPath of the reference. */
  readonly expression: string;
  /** Type to search, mostly `Patient`. */
  readonly type: string;
  /** Query of the search, such as `identifier=…`. It may name the patient: not for logs. */
  readonly query: string;
}

/**
 * A resource whose patient is named by a condition or an identifier. The caller asks the source and maps again
 * with `urn` holding `Type?query` → `Type/id`; none or several matches make it a dead letter.
 */
export interface LookupRecord extends RecordName {
  readonly kind: 'lookup';
  readonly needs: readonly Lookup[];
}

/**
 * A resource that belongs to a patient only through other resources of the same source (a Provenance through its
 * targets): to the one patient that they all belong to, else to the directory when they all do.
 */
export interface AttachedRecord extends RecordName, RecordContent {
  readonly kind: 'attached';
  /** At least one. */
  readonly via: readonly ResourceName[];
  /** FHIRPath of the first of the references. */
  readonly subjectPath: string;
}

/** What one resource means to us. */
export type MappedRecord = CompartmentRecord | DirectoryRecord | BinaryRecord | LookupRecord | AttachedRecord;
