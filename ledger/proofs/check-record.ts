import { hasExactly, isObject, parseCanonical } from './canonical.js';
import { judgeChain, readCertificate } from './certificate.js';
import type { Certificate } from './certificate.js';
import {
  foundEntry,
  foundOn,
  hashIn,
  holderOf,
  isInLog,
  judgeOpening,
  judgeSubmission,
  readEntry,
  require,
} from './judge.js';
import type { Judging } from './judge.js';
import type { RecordProof } from './record-format.js';
import { judgeRecordSignature } from './record-signature.js';
import { isIncluded, leafHash } from './tree.js';
import type { RecordFound, ShownContent } from './verdict.js';

/** Entries that hold a record version: body members `handle`, `commitment`, `facts`. */
const RECORD_TYPES: ReadonlySet<unknown> = new Set(['record.stored', 'score.issued']);

/** @throws Refused */
export function checkRecord(proof: RecordProof, judging: Judging): RecordFound {
  require(isInLog(proof.entry, judging), 'entry-not-included');
  const entry = readEntry(proof.entry.bytes, 'entry-malformed');
  const { handle, commitment, facts } = entry.body;
  require(RECORD_TYPES.has(entry.type) && handle === proof.handle, 'statement-mismatch');
  const actor = judgeSubmission(proof.entry, proof.submission, entry, judging, (name, atMs) =>
    certify(proof, name, atMs, judging),
  );
  const content = judgeContent(proof, { commitment, facts: hashIn(facts), atMs: entry.at }, judging);
  return {
    ...foundOn(judging),
    kind: 'record',
    statement: { kind: 'record', handle: proof.handle },
    entry: foundEntry(proof.entry, entry),
    receivedFrom: holderOf(actor),
    content,
  };
}

function certify({ certificates }: RecordProof, name: string, atMs: number, { trust }: Judging): Certificate {
  const { crypto, root } = trust;
  const actor = readCertificate(certificates.actor, crypto);
  const issuing = readCertificate(certificates.issuing, crypto);
  require(actor !== undefined && issuing !== undefined, 'certificate-malformed');
  require(actor.fingerprint === name, 'certificate-mismatch');
  const verdict = judgeChain({ actor, issuing, root }, atMs, crypto);
  require(verdict === 'ok', verdict === 'ok' ? 'certificate-untrusted' : verdict);
  return actor;
}

function judgeContent(
  { opening, certificates }: Pick<RecordProof, 'opening' | 'certificates'>,
  of: { readonly commitment: unknown; readonly facts: Uint8Array | undefined; readonly atMs: number },
  judging: Judging,
): ShownContent {
  switch (opening.kind) {
    case 'none':
      return opening;
    case 'whole': {
      const { salt, plaintext, signature } = opening;
      judgeOpening({ salt, bytes: plaintext }, of.commitment, judging);
      if (signature === undefined) return { kind: 'whole', plaintext };
      const { issuing } = certificates;
      const signedBy = judgeRecordSignature(signature, plaintext, issuing, of.atMs, judging);
      return { kind: 'whole', plaintext, signedBy };
    }
    case 'fact':
      break;
  }
  const { crypto } = judging.trust;
  const { leaf, index, count, inclusion } = opening;
  const place = { index, size: count, path: inclusion };
  const { facts } = of;
  const isFact = facts !== undefined && isIncluded(crypto, leafHash(crypto, leaf), place, facts);
  require(isFact, 'opening-fact');
  const fact = parseCanonical(leaf);
  require(isObject(fact) && hasExactly(fact, ['name', 'salt', 'value']), 'opening-fact');
  const { name, salt, value } = fact;
  require(typeof name === 'string' && hashIn(salt) !== undefined, 'opening-fact');
  return { kind: 'fact', name, value };
}
