/** Reading and writing the files of {@link StatementFile}: members, bounds, and nothing besides. */
import { ACTIONS } from '../consent/policy.js';
import { isObject } from './canonical.js';
import type { Members } from './canonical.js';
import { CERTIFICATE_BYTES_MAX } from './certificate.js';
import {
  bytesOf,
  countOf,
  hashOf,
  leafOf,
  listOf,
  Malformed,
  membersOf,
  nameOf,
  pathOf,
  signedLeafOf,
  textIn,
} from './members.js';
import type { SignedLeaf } from './members.js';
import { PATH_MAX } from './tree.js';
import type {
  ClaimProof,
  DenialRequest,
  ExportedRow,
  Opening,
  StatementFile,
  StatementProof,
  TagList,
} from './statements.js';

/** An actor or two, signers, and the authorities that issued them. */
const CERTIFICATES_MAX = 16;
/** Entries that a complete list may have. */
export const LIST_MAX = 65_536;
/** A state proof: one byte, key and value, and at most 256 steps. */
const STATE_PROOF_BYTES_MAX = 65 + 256 * 33;
const STATEMENT_BYTES_MAX = 512;
/** Documents and receipts; a consent in a form with pictures stays below. */
const OPENED_BYTES_MAX = 4 * 1024 * 1024;
/** A million leaves of 48 bytes, and some: with what else a file holds, below its bound in base64url. */
export const LISTING_BYTES_MAX = 64 * 1024 * 1024;
/** A line rests on one record. */
const CLAIM_RECORDS_MAX = 500;
/** A fact is among at most 16. */
const FACTS_MAX = 16;
const FACT_PATH_MAX = 4;
const TEXT_CHARS_MAX = 1024;
const TOKENS_MAX = 256;
/** Lines of one patient in an export. */
const ROWS_MAX = 65_536;
const DAY_END = 8_640_000_000_000_000;

type Json = { readonly [name: string]: unknown };
type Encode = (bytes: Uint8Array) => string;
type Kind = StatementFile['kind'];

/** Members of the statement and of the file, beside `kind`, `format`, `statement`, `checkpoint`, `certificates`. */
const FORMS: { readonly [K in Kind]: { readonly statement: string[]; readonly file: string[] } } = {
  consent: { statement: ['handle', 'size'], file: ['anchor', 'state', 'document'] },
  withdrawal: { statement: ['handle', 'leaf'], file: ['entry', 'document'] },
  absent: { statement: ['of', 'name', 'size'], file: ['anchor', 'proof'] },
  disclosure: { statement: ['handle', 'to', 'purpose'], file: ['entry', 'receipt'] },
  participant: {
    statement: ['handle', 'certificate', 'leaf', 'size'],
    file: ['at', 'anchor', 'state', 'salt'],
  },
  entries: { statement: ['count', 'size'], file: ['anchor', 'tagKey', 'tags', 'entries'] },
  denial: {
    statement: ['request', 'count', 'size'],
    file: ['anchor', 'tagKey', 'tags', 'entries', 'documents'],
  },
  reconciliation: { statement: ['handle'], file: ['entry', 'document', 'leaves'] },
  export: { statement: ['handle'], file: ['entry', 'manifest', 'rows'] },
  claim: { statement: ['handle'], file: ['entry', 'document', 'records'] },
};

/** Whether a kind is one of these. */
export function isStatementKind(kind: unknown): kind is Kind {
  return typeof kind === 'string' && Object.hasOwn(FORMS, kind);
}

/** Members of a file of this kind beside `format`, `statement` and `checkpoint`; the optional ones are there as null. */
export function fileMembersOf(kind: Kind): readonly string[] {
  return ['certificates', ...FORMS[kind].file];
}

/** @throws Malformed */
export function toStatementFile(
  kind: Kind,
  file: Members,
  stated: unknown,
  checkpoint: string,
): StatementFile {
  const statement = membersOf(stated, ['kind', ...FORMS[kind].statement]);
  const certificates = listOf(file['certificates'], CERTIFICATES_MAX, (der) =>
    bytesOf(der, CERTIFICATE_BYTES_MAX),
  );
  const shared = { checkpoint, certificates };
  switch (kind) {
    case 'consent': {
      const document = file['document'];
      return {
        kind,
        ...shared,
        handle: nameOf(statement['handle']),
        size: countOf(statement['size']),
        anchor: signedLeafOf(file['anchor']),
        state: stateOf(file['state']),
        ...(document === null ? {} : { document: openedEntryOf(document) }),
      };
    }
    case 'withdrawal': {
      const document = file['document'];
      return {
        kind,
        ...shared,
        handle: nameOf(statement['handle']),
        leaf: countOf(statement['leaf']),
        entry: signedLeafOf(file['entry']),
        ...(document === null ? {} : { document: openingOf(document) }),
      };
    }
    case 'absent': {
      const { of } = statement;
      if (of !== 'consent' && of !== 'participant' && of !== 'tag') throw new Malformed();
      return {
        kind,
        ...shared,
        of,
        name: nameOf(statement['name']),
        size: countOf(statement['size']),
        anchor: signedLeafOf(file['anchor']),
        proof: stateProofOf(file['proof']),
      };
    }
    case 'disclosure':
      return {
        kind,
        ...shared,
        handle: nameOf(statement['handle']),
        to: textIn(statement['to'], TEXT_CHARS_MAX),
        purpose: textIn(statement['purpose'], TEXT_CHARS_MAX),
        entry: signedLeafOf(file['entry']),
        receipt: openingOf(file['receipt']),
      };
    case 'participant': {
      const { salt } = file;
      return {
        kind,
        ...shared,
        handle: nameOf(statement['handle']),
        certificate: nameOf(statement['certificate']),
        leaf: countOf(statement['leaf']),
        size: countOf(statement['size']),
        at: leafOf(file['at']),
        anchor: signedLeafOf(file['anchor']),
        state: stateOf(file['state']),
        ...(salt === null ? {} : { salt: hashOf(salt) }),
      };
    }
    case 'entries':
      return { kind, ...shared, ...tagListOf(file, statement) };
    case 'reconciliation': {
      const { leaves } = file;
      return {
        kind,
        ...shared,
        handle: nameOf(statement['handle']),
        entry: signedLeafOf(file['entry']),
        document: openingOf(file['document']),
        ...(leaves === null ? {} : { leaves: bytesOf(leaves, LISTING_BYTES_MAX) }),
      };
    }
    case 'export': {
      const { rows } = file;
      return {
        kind,
        ...shared,
        handle: nameOf(statement['handle']),
        entry: signedLeafOf(file['entry']),
        manifest: openingOf(file['manifest']),
        ...(rows === null ? {} : { rows: listOf(rows, ROWS_MAX, rowOf) }),
      };
    }
    case 'claim':
      return {
        kind,
        ...shared,
        handle: nameOf(statement['handle']),
        entry: signedLeafOf(file['entry']),
        document: openingOf(file['document']),
        records: listOf(file['records'], CLAIM_RECORDS_MAX, openedRecordOf),
      };
    case 'denial':
      break;
  }
  return {
    kind,
    ...shared,
    ...tagListOf(file, statement),
    request: requestOf(statement['request']),
    documents: listOf(file['documents'], LIST_MAX, openingOf),
  };
}

function rowOf(value: unknown): ExportedRow {
  const { index, salt, bytes, path } = membersOf(value, ['index', 'salt', 'bytes', 'path']);
  return {
    index: countOf(index),
    salt: hashOf(salt),
    bytes: bytesOf(bytes, OPENED_BYTES_MAX),
    path: pathOf(path, PATH_MAX),
  };
}

function tagListOf(file: Members, statement: Members): TagList {
  const count = countOf(statement['count'], LIST_MAX);
  const tags = listOf(file['tags'], LIST_MAX + 1, stateProofOf);
  if (tags.length !== count + 1) throw new Malformed();
  return {
    tagKey: hashOf(file['tagKey']),
    count,
    size: countOf(statement['size']),
    anchor: signedLeafOf(file['anchor']),
    tags,
    entries: listOf(file['entries'], count, leafOf),
  };
}

function stateOf(value: unknown): StatementProof {
  const { statement, proof } = membersOf(value, ['statement', 'proof']);
  return { statement: bytesOf(statement, STATEMENT_BYTES_MAX), proof: stateProofOf(proof) };
}

function stateProofOf(value: unknown): Uint8Array {
  return bytesOf(value, STATE_PROOF_BYTES_MAX);
}

function openingOf(value: unknown): Opening {
  const { salt, bytes } = membersOf(value, ['salt', 'bytes']);
  return { salt: hashOf(salt), bytes: bytesOf(bytes, OPENED_BYTES_MAX) };
}

function openedEntryOf(value: unknown): Opening & { readonly entry: SignedLeaf } {
  const { entry, salt, bytes } = membersOf(value, ['entry', 'salt', 'bytes']);
  return { entry: signedLeafOf(entry), ...openingOf({ salt, bytes }) };
}

function openedRecordOf(value: unknown): ClaimProof['records'][number] {
  const { entry, facts } = membersOf(value, ['entry', 'facts']);
  return {
    entry: signedLeafOf(entry),
    facts: listOf(facts, FACTS_MAX, (fact) => {
      const { leaf, index, count, inclusion } = membersOf(fact, ['leaf', 'index', 'count', 'inclusion']);
      return {
        leaf: bytesOf(leaf, OPENED_BYTES_MAX),
        index: countOf(index, FACTS_MAX - 1),
        count: countOf(count, FACTS_MAX),
        inclusion: pathOf(inclusion, FACT_PATH_MAX),
      };
    }),
  };
}

/** A request as it stands in a statement; total members, so that nothing is left to be guessed. @throws Malformed */
function requestOf(value: unknown): DenialRequest {
  const { actor, action, purposes, resource } = membersOf(value, ['actor', 'action', 'purposes', 'resource']);
  const { references } = membersOf(actor, ['references']);
  if (!isObject(resource)) throw new Malformed();
  const optional = ['id', 'period', 'labels'].filter((name) => Object.hasOwn(resource, name));
  const { type, id, classes, codes, period, labels } = membersOf(resource, [
    'type',
    'classes',
    'codes',
    ...optional,
  ]);
  const known = ACTIONS.find((one) => one === action);
  // Who, and for what: without either every question would be denied.
  const one = tokensOf(purposes);
  if (known === undefined || one.length !== 1 || tokensOf(references).length === 0) throw new Malformed();
  return {
    actor: { references: tokensOf(references) },
    action: known,
    purposes: one,
    resource: {
      type: textIn(type, TEXT_CHARS_MAX),
      ...(id === undefined ? {} : { id: textIn(id, TEXT_CHARS_MAX) }),
      classes: tokensOf(classes),
      codes: tokensOf(codes),
      ...(period === undefined ? {} : { period: periodOf(period) }),
      labels: labels === undefined ? undefined : tokensOf(labels),
    },
  };
}

function periodOf(value: unknown): { startMs: number; endMs: number } {
  const { startMs, endMs } = membersOf(value, ['startMs', 'endMs']);
  return { startMs: timeOf(startMs), endMs: timeOf(endMs) };
}

function timeOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || Math.abs(value) > DAY_END)
    throw new Malformed();
  return value;
}

function tokensOf(value: unknown): readonly string[] {
  return listOf(value, TOKENS_MAX, (token) => textIn(token, TEXT_CHARS_MAX));
}

/** JSON of a file behind `format`: its statement and the rest. @param encode - base64url without padding. */
export function statementJson(proof: StatementFile, encode: Encode): Json {
  const { kind, checkpoint } = proof;
  const members: Json = { ...proof };
  const statement = Object.fromEntries(FORMS[kind].statement.map((name) => [name, members[name]]));
  const file = fileMembersOf(kind).map((name) => [name, jsonOf(members[name] ?? null, encode)] as const);
  return { statement: { kind, ...statement }, checkpoint, ...Object.fromEntries(file) };
}

/** Bytes become text wherever they stand; all else is JSON already. */
function jsonOf(value: unknown, encode: Encode): unknown {
  if (value instanceof Uint8Array) return encode(value);
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, encode));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, jsonOf(item, encode)]));
}
