/** The checks of complete lists: all entries under one tag key, and what the consents among them do not permit. */
import { EVERY_SUBJECT } from '../consent/policy.js';
import type { Policy } from '../consent/policy.js';
import { custodianPolicy } from '../consent/standing.js';
import { weigh } from '../consent/weigh.js';
import { toBase64url } from './bytes.js';
import { CertificateBook } from './certificate-book.js';
import { anchored } from './check-statements.js';
import { judgeDocument, SUBJECT } from './documents.js';
import { hmacSha256 } from './hmac.js';
import { foundEntry, foundOn, isInLog, readEntry, require } from './judge.js';
import type { Entry, Judging } from './judge.js';
import { judgeAnchor, keyOf, leafOfTag, valueAt } from './state.js';
import type { Anchor } from './state.js';
import type { DenialProof, DenialRequest, EntriesProof, TagList } from './statements.js';
import type { DenialFound, EntriesFound, FoundEntry } from './verdict.js';

interface ListedEntry {
  readonly entry: Entry;
  readonly found: FoundEntry;
}

/** @throws Refused */
export function checkEntries(proof: EntriesProof, judging: Judging): EntriesFound {
  const { count, size } = proof;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const anchor = judgeAnchor(proof.anchor, size, judging, book);
  const entries = judgeList(proof, anchor, judging);
  book.requireAllUsed();
  return {
    ...foundOn(judging),
    kind: 'entries',
    statement: { kind: 'entries', count, size },
    ...anchored(anchor),
    tagKey: toBase64url(proof.tagKey),
    entries: entries.map(({ found }) => found),
  };
}

/** @throws Refused */
export function checkDenial(proof: DenialProof, judging: Judging): DenialFound {
  const { request, count, size, documents } = proof;
  require(judging.trust.readConsent !== undefined, 'consent-compiler-missing');
  const book = new CertificateBook(proof.certificates, judging.trust);
  const anchor = judgeAnchor(proof.anchor, size, judging, book);
  const entries = judgeList(proof, anchor, judging);
  const spoken = entries.filter(({ entry: { type } }) => CONSENT_TYPES.has(type));
  require(spoken.length === documents.length, 'documents-count');
  const policies = new Map<string, Policy>();
  let patient: string | undefined;
  for (const [i, listed] of spoken.entries()) {
    const opening = documents[i];
    require(opening !== undefined, 'documents-count');
    const { entry, found } = listed;
    const judged = judgeDocument(opening, { entry, index: found.index }, judging, book);
    require('jws' in judged, 'consent-compiler-missing');
    if (judged.policy === undefined) {
      // The patient has ended the enrolment, and with it this consent.
      const ended = policies.get(String(entry.body['handle']));
      require(ended !== undefined, 'document-withdrawal');
      policies.set(ended.handle, { ...ended, withdrawnAtLeaf: found.index });
      continue;
    }
    require(patient === undefined || judged.patient === patient, 'document-patient');
    patient = judged.patient;
    take(policies, listed, judged.policy);
  }
  book.requireAllUsed();
  const all = [...policies.values(), permitting(request)];
  const weighed = weigh({ ...request, subject: SUBJECT }, all, anchor.found.at);
  require(weighed.outcome === 'deny', 'consent-permits');
  // With the custodian's leave given, these say that the question itself was at fault.
  const { reason } = weighed;
  require(reason !== 'error' && reason !== 'one-purpose' && reason !== 'custodian', 'request-malformed');
  return {
    ...foundOn(judging),
    kind: 'denial',
    statement: { kind: 'denial', request, count, size },
    ...anchored(anchor),
    tagKey: toBase64url(proof.tagKey),
    documents: documents.length,
    ...(patient === undefined ? {} : { patient }),
    reason,
    entries: entries.map(({ found }) => found),
  };
}

const CONSENT_TYPES: ReadonlySet<string> = new Set(['consent.signed', 'consent.withdrawn']);

/** That the entries are those of the tags 0 … k−1, all of them and no others. @throws Refused */
function judgeList(proof: TagList, anchor: Anchor, judging: Judging): readonly ListedEntry[] {
  const { crypto } = judging.trust;
  const listed = new Map<number, ListedEntry>();
  let last = -1;
  for (const leaf of proof.entries) {
    require(leaf.index > last, 'entries-order');
    last = leaf.index;
    require(isInLog(leaf, judging), 'entry-not-included');
    const entry = readEntry(leaf.bytes, 'entry-malformed');
    listed.set(leaf.index, { entry, found: foundEntry(leaf, entry) });
  }
  const borne = new Set<number>();
  const tagOf = hmacSha256(proof.tagKey, crypto);
  for (const [i, path] of proof.tags.entries()) {
    const tag = tagOf(counter(i));
    const value = valueAt(anchor, keyOf('tag', tag, crypto), path, crypto);
    if (i === proof.count) {
      require(value === undefined, 'state-present');
      break;
    }
    require(value !== undefined, 'state-absent');
    const leaf = leafOfTag(value);
    const at = leaf === undefined ? undefined : listed.get(leaf);
    require(leaf !== undefined && at !== undefined, 'entries-missing');
    require(at.entry.tags.includes(toBase64url(tag)), 'entries-tag');
    borne.add(leaf);
  }
  require(borne.size === listed.size, 'entries-stray');
  return [...listed.values()];
}

/** u64-BE. */
function counter(i: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(4, i);
  return bytes;
}

/** What a consent entry adds to what the patient has said. @throws Refused */
function take(policies: Map<string, Policy>, { entry, found }: ListedEntry, policy: Policy): void {
  const handle = String(entry.body['handle']);
  if (entry.type === 'consent.signed') {
    const replaced = policies.get(String(entry.body['replaces']));
    // A wallet's consent may take the place of one on paper, which has another identifier.
    if (replaced !== undefined && replaced.identifier !== policy.identifier)
      policies.set(replaced.handle, { ...replaced, withdrawnAtLeaf: found.index });
    policies.set(handle, policy);
    return;
  }
  const withdrawn = policies.get(handle);
  const isIt = withdrawn !== undefined && withdrawn.identifier === policy.identifier;
  require(isIt &&
    policy.status !== 'active' &&
    policy.dateTimeMs > withdrawn.dateTimeMs, 'document-withdrawal');
  policies.set(handle, { ...withdrawn, withdrawnAtLeaf: found.index });
}

/** The custodian's leave for exactly this, so that the patient's consents alone decide. */
function permitting({ actor, action, purposes }: DenialRequest): Policy {
  return custodianPolicy({
    handle: 'custodian',
    version: 0,
    dateTimeMs: 0,
    subject: EVERY_SUBJECT,
    references: actor.references,
    actions: [action],
    purposes,
  });
}
