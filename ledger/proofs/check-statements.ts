/** The checks of single facts: of consents, absences, disclosures and participants. */
import { toBase64url } from './bytes.js';
import { isObject } from './canonical.js';
import type { Members } from './canonical.js';
import { CertificateBook } from './certificate-book.js';
import { judgeDocument, parseOpened, shownOf } from './documents.js';
import {
  foundOn,
  hashIn,
  holderOf,
  isInLog,
  judgeOpening,
  judgeSigned,
  readEntry,
  require,
} from './judge.js';
import type { Judging } from './judge.js';
import { judgeAnchor, keyOf, leafOfStatement, statementAt, valueAt } from './state.js';
import type { Anchor } from './state.js';
import type {
  AbsenceProof,
  ConsentProof,
  DisclosureProof,
  ParticipantProof,
  WithdrawalProof,
} from './statements.js';
import type {
  AbsenceFound,
  ConsentFound,
  DisclosureFound,
  FoundAnchor,
  ParticipantFound,
  ReceivedFrom,
  WithdrawalFound,
} from './verdict.js';

/** @throws Refused */
export function checkConsent(proof: ConsentProof, judging: Judging): ConsentFound {
  const { handle, size } = proof;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const anchor = judgeAnchor(proof.anchor, size, judging, book);
  const said = statementAt(anchor, 'consent', handle, proof.state, judging.trust.crypto);
  const leaf = leafOfStatement(said, ['end', 'leaf', 'start', 'status'], anchor);
  require(said['status'] === 'active', 'consent-not-active');
  const validity = { start: timeIn(said['start']), end: timeIn(said['end']) };
  const { at } = anchor.found;
  require((validity.start ?? -Infinity) <= at && at <= (validity.end ?? Infinity), 'consent-not-valid');
  const { document } = proof;
  let shown: Pick<ConsentFound, 'document'> = {};
  if (document !== undefined) {
    const { entry, found } = judgeSigned(document.entry, judging, book);
    const isIt = entry.type === 'consent.signed' && entry.body['handle'] === handle && found.index === leaf;
    require(isIt, 'statement-mismatch');
    shown = { document: shownOf(judgeDocument(document, { entry, index: found.index }, judging, book)) };
  }
  requireAllUsed(book, judging, document !== undefined);
  return {
    ...foundOn(judging),
    kind: 'consent',
    statement: { kind: 'consent', handle, size },
    ...anchored(anchor),
    leaf,
    validity,
    ...shown,
  };
}

/** @throws Refused */
export function checkWithdrawal(proof: WithdrawalProof, judging: Judging): WithdrawalFound {
  const { handle, leaf, document } = proof;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const { entry, found, actor } = judgeSigned(proof.entry, judging, book);
  const isIt = entry.type === 'consent.withdrawn' && entry.body['handle'] === handle && found.index === leaf;
  require(isIt, 'statement-mismatch');
  const shown =
    document === undefined
      ? {}
      : { document: shownOf(judgeDocument(document, { entry, index: leaf }, judging, book)) };
  requireAllUsed(book, judging, document !== undefined);
  return {
    ...foundOn(judging),
    kind: 'withdrawal',
    statement: { kind: 'withdrawal', handle, leaf },
    entry: found,
    receivedFrom: holderOf(actor),
    ...shown,
  };
}

/** @throws Refused */
export function checkAbsence(proof: AbsenceProof, judging: Judging): AbsenceFound {
  const { of, name, size } = proof;
  const { crypto } = judging.trust;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const anchor = judgeAnchor(proof.anchor, size, judging, book);
  const key = keyOf(of, hashIn(name) ?? new Uint8Array(), crypto);
  require(valueAt(anchor, key, proof.proof, crypto) === undefined, 'state-present');
  book.requireAllUsed();
  return {
    ...foundOn(judging),
    kind: 'absent',
    statement: { kind: 'absent', of, name, size },
    ...anchored(anchor),
  };
}

/** @throws Refused */
export function checkDisclosure(proof: DisclosureProof, judging: Judging): DisclosureFound {
  const { handle, to, purpose, receipt } = proof;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const { entry, found, actor } = judgeSigned(proof.entry, judging, book);
  require(entry.type === 'disclosure' && entry.body['handle'] === handle, 'statement-mismatch');
  judgeOpening(receipt, entry.body['commitment'], judging);
  const said = readReceipt(receipt.bytes);
  require(said['to'] === to && said['purpose'] === purpose, 'statement-mismatch');
  book.requireAllUsed();
  return {
    ...foundOn(judging),
    kind: 'disclosure',
    statement: { kind: 'disclosure', handle, to, purpose },
    entry: found,
    receivedFrom: holderOf(actor),
    receipt: receipt.bytes,
  };
}

/** A receipt is compact JSON, so that no member of it can be read in two ways. */
function readReceipt(bytes: Uint8Array): Members {
  const { text, value: said } = parseOpened(bytes, 'opening-receipt');
  require(isObject(said) && JSON.stringify(said) === text, 'opening-receipt');
  return said;
}

/** @throws Refused */
export function checkParticipant(proof: ParticipantProof, judging: Judging): ParticipantFound {
  const { handle, certificate, leaf, size, salt } = proof;
  const { crypto } = judging.trust;
  require(proof.at.index === leaf, 'statement-mismatch');
  require(isInLog(proof.at, judging), 'leaf-not-included');
  const { at } = readEntry(proof.at.bytes, 'entry-malformed');
  const book = new CertificateBook(proof.certificates, judging.trust);
  const anchor = judgeAnchor(proof.anchor, size, judging, book);
  // The state behind the leaf names the last change of the participant: if that was before the leaf, it held there.
  require(size > leaf, 'anchor-too-early');
  const said = statementAt(anchor, 'participant', handle, proof.state, crypto);
  require(said['status'] === 'enrolled', 'participant-revoked');
  const isOpen = Object.hasOwn(said, 'certificate');
  const since = leafOfStatement(said, [isOpen ? 'certificate' : 'commitment', 'leaf', 'status'], anchor);
  require(since <= leaf, 'participant-later');
  const holder = book.certify(certificate, at);
  require(isOpen === (salt === undefined), 'opening-commitment');
  if (salt === undefined) {
    require(said['certificate'] === certificate, 'certificate-mismatch');
  } else {
    const bytes = proof.certificates.find((der) => toBase64url(crypto.sha256(der)) === certificate);
    judgeOpening({ salt, bytes: bytes ?? new Uint8Array() }, said['commitment'], judging);
  }
  book.requireAllUsed();
  return {
    ...foundOn(judging),
    kind: 'participant',
    statement: { kind: 'participant', handle, certificate, leaf, size },
    ...anchored(anchor),
    at,
    participant: holderOf(holder),
    since,
    validity: { start: holder.notBefore, end: holder.endMs },
  };
}

/** What a finding says of its anchor. */
export function anchored({ found, actor }: Anchor): { anchor: FoundAnchor; anchoredBy: ReceivedFrom } {
  return { anchor: found, anchoredBy: holderOf(actor) };
}

/** A document's signer is in the file, and without a reader nobody has asked for it. */
function requireAllUsed(book: CertificateBook, { trust }: Judging, hasDocument: boolean): void {
  if (!hasDocument || trust.readConsent !== undefined) book.requireAllUsed();
}

function timeIn(value: unknown): number | null {
  require(value === null || (typeof value === 'number' && Number.isSafeInteger(value)), 'state-value');
  return value;
}
