/** The check of an export: its manifest is the one on the log, and lines are those that it commits to. */
import { concat } from './bytes.js';
import { isObject } from './canonical.js';
import type { Members } from './canonical.js';
import { CertificateBook } from './certificate-book.js';
import { parseOpened } from './documents.js';
import { foundOn, hashIn, holderOf, judgeOpening, judgeSigned, require } from './judge.js';
import type { Judging } from './judge.js';
import type { ExportProof } from './statements.js';
import { isIncluded, leafHash } from './tree.js';
import type { ExportFound } from './verdict.js';

/** What a manifest's document calls itself. */
const MANIFEST_KIND = 'firebreak cohort export';

/** @throws Refused */
export function checkExport(proof: ExportProof, judging: Judging): ExportFound {
  const { handle, manifest, rows = [] } = proof;
  const { crypto } = judging.trust;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const { entry, found, actor } = judgeSigned(proof.entry, judging, book);
  require(entry.type === 'cohort.exported' && entry.body['handle'] === handle, 'statement-mismatch');
  judgeOpening(manifest, entry.body['commitment'], judging);
  const said = readManifest(manifest.bytes);
  require(said['export'] === handle && said['log'] === judging.head.origin, 'statement-mismatch');
  const { count, root } = membersIn(said['rows']);
  const wanted = hashIn(root);
  require(wanted !== undefined && typeof count === 'number', 'opening-manifest');
  for (const { index, salt, bytes, path } of rows) {
    const leaf = leafHash(crypto, crypto.sha256(concat(salt, crypto.sha256(bytes))));
    require(isIncluded(crypto, leaf, { index, size: count, path }, wanted), 'opening-row');
  }
  book.requireAllUsed();
  return {
    ...foundOn(judging),
    kind: 'export',
    statement: { kind: 'export', handle },
    entry: found,
    receivedFrom: holderOf(actor),
    manifest: manifest.bytes,
    files: filesOf(said['files']),
    rows: rows.map(({ bytes }) => bytes),
  };
}

/** A manifest is compact JSON, so that no member of it can be read in two ways. */
function readManifest(bytes: Uint8Array): Members {
  const { text, value: said } = parseOpened(bytes, 'opening-manifest');
  require(isObject(said) && JSON.stringify(said) === text, 'opening-manifest');
  require(said['kind'] === MANIFEST_KIND, 'opening-manifest');
  return said;
}

function membersIn(value: unknown): Members {
  require(isObject(value), 'opening-manifest');
  return value;
}

function filesOf(value: unknown): ExportFound['files'] {
  require(Array.isArray(value), 'opening-manifest');
  return value.map((one: unknown) => {
    const { name, sha256 } = membersIn(one);
    require(typeof name === 'string' && typeof sha256 === 'string', 'opening-manifest');
    return { name, sha256 };
  });
}
