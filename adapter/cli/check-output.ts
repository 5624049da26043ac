/** What `firebreak check` says of a file, in plain words and as JSON. */
import { EXPENSES_FORMAT, isNothingMissed, READ_METHODS } from '../../ledger/proofs/index.js';
import type {
  ClaimFound,
  DenialFound,
  FoundAnchor,
  FoundEntry,
  ProofFound,
  ProofVerdict,
  ListingVerdict,
  ReceivedFrom,
  ReconciliationDocument,
  ReconciliationFound,
  ShownDocument,
} from '../../ledger/proofs/index.js';
import type { Reconciled } from '../services/reconciliation/index.js';
import type { EvidenceVerdict } from '../../ledger/witness/index.js';

/** A verdict with bytes as base64url, as proof files have them. */
export function verdictJson(verdict: ProofVerdict): unknown {
  return jsonOf(verdict);
}

function jsonOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64url');
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, jsonOf(item)]));
}

/** A verdict on a proof, in lines. */
export function renderProof(verdict: ProofVerdict): string {
  if (!verdict.ok) return `NOT proved: ${verdict.code}`;
  const { log, witnesses } = verdict;
  const lines: readonly (readonly [string, string])[] = [
    ...statementLines(verdict),
    ['log', `${log.origin}, ${log.size} leaves`],
    ...(witnesses.length === 0 ? [] : [['witnessed by', witnesses.join(', ')] as const]),
  ];
  return [...lines.map(([name, text]) => `${name.padEnd(14)}${printable(text)}`), 'proved'].join('\n');
}

/** A file's texts are its maker's: on a terminal none of them may be more than text. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '?');
}

type Line = readonly [string, string];

function statementLines(found: ProofFound): readonly Line[] {
  switch (found.kind) {
    case 'record': {
      const { content } = found;
      return [
        ['record', found.statement.handle],
        ['on the log', placeOf(found.entry)],
        ['received from', nameOf(found.receivedFrom)],
        ...(content.kind === 'fact'
          ? [['fact', `${content.name} = ${JSON.stringify(content.value)}`] as const]
          : []),
        ...(content.kind === 'whole' ? [['opened', `${bytesIn(content.plaintext)}, whole`] as const] : []),
        ...(content.kind === 'whole' && content.signedBy !== undefined
          ? [['signed by', nameOf(content.signedBy)] as const]
          : []),
      ];
    }
    case 'consent':
      return [
        ['consent', `${found.statement.handle} was in force`],
        ...anchorLines(found.anchor, found.anchoredBy),
        ['valid', `${timeOf(found.validity.start, 'always')} to ${timeOf(found.validity.end, 'for good')}`],
        ['signed at', `leaf ${found.leaf}`],
        ...documentLines(found.document),
      ];
    case 'withdrawal':
      return [
        ['consent', `${found.statement.handle} was withdrawn`],
        ['on the log', placeOf(found.entry)],
        ['received from', nameOf(found.receivedFrom)],
        ...documentLines(found.document),
      ];
    case 'absent':
      return [
        [found.statement.of, `${found.statement.name} was unknown to the log`],
        ...anchorLines(found.anchor, found.anchoredBy),
      ];
    case 'disclosure':
      return [
        ['disclosure', found.statement.handle],
        ['to', found.statement.to],
        ['for', found.statement.purpose],
        ['on the log', placeOf(found.entry)],
        ['by', nameOf(found.receivedFrom)],
        ['receipt', Buffer.from(found.receipt).toString('utf8')],
      ];
    case 'participant':
      return [
        ['participant', `${found.statement.handle}, ${nameOf(found.participant)}`],
        ['certificate', found.statement.certificate],
        [
          'was valid',
          `at leaf ${found.statement.leaf}, ${iso(found.at)}; on the log since leaf ${found.since}`,
        ],
        ['from, to', `${iso(found.validity.start)}, ${iso(found.validity.end)}`],
        ...anchorLines(found.anchor, found.anchoredBy),
      ];
    case 'entries':
      return [
        ['entries', `these ${found.statement.count} are all`],
        ['of tag key', found.tagKey],
        ...anchorLines(found.anchor, found.anchoredBy),
        ...found.entries.map((entry) => ['', placeOf(entry)] as const),
      ];
    case 'reconciliation':
      return reconciliationLines(found);
    case 'export':
      return [
        ['export', found.statement.handle],
        ['on the log', placeOf(found.entry)],
        ['by', nameOf(found.receivedFrom)],
        ['manifest', Buffer.from(found.manifest).toString('utf8')],
        ...found.rows.map((row) => ['line', Buffer.from(row).toString('utf8')] as const),
      ];
    case 'claim':
      return claimLines(found);
    case 'denial':
      break;
  }
  return denialLines(found);
}

/** What each line rests on: facts that the file opens, or the custodian's word. */
function claimLines({ statement, entry, receivedFrom, document }: ClaimFound): readonly Line[] {
  const head: readonly Line[] = [
    ['attested', statement.handle],
    ['on the log', placeOf(entry)],
    ['by', nameOf(receivedFrom)],
    ['to', document.to],
    ['for', document.purpose],
  ];
  if (document.format === EXPENSES_FORMAT) {
    const { atLeast, currency, question, start, end, says } = document;
    return [
      ...head,
      [says, `expenses of at least ${atLeast} ${currency}, ${start} to ${end}, are on record`],
      ['question', `SHA-256 ${question}`],
    ];
  }
  const origins = new Map(document.records.map(({ handle, origin, by }) => [handle, `${origin} ${by}`]));
  return [
    ...head,
    ['claim', `${document.claim}, SHA-256 ${document.hash}`],
    ...document.lines.flatMap(({ sequence, says, record, opened, word, unjudged }): readonly Line[] => [
      [`line ${sequence}`, says.replace('-', ' ')],
      ...(record === null ? [] : [['', `record ${record}, ${origins.get(record) ?? ''}`] as const]),
      ...listed('opened', opened),
      ...listed('on the word of the hospital’s instance', word),
      ...listed('not judged', unjudged),
    ]),
  ];
}

function listed(what: string, names: readonly string[]): readonly Line[] {
  return names.length === 0 ? [] : [['', `${what}: ${names.join(', ')}`]];
}

function denialLines(found: DenialFound): readonly Line[] {
  const { action, actor, purposes, resource } = found.statement.request;
  const what = resource.id === undefined ? resource.type : `${resource.type}/${resource.id}`;
  return [
    ['denied', `${action} of ${what}`],
    ['to', actor.references.join(', ')],
    ['for', purposes.join(', ')],
    ...(resource.codes.length === 0 ? [] : [['codes', resource.codes.join(', ')] as const]),
    ...(resource.labels === undefined ? [] : [['labels', resource.labels.join(', ')] as const]),
    ['because', found.reason],
    ['patient', found.patient ?? 'no consent was ever signed'],
    ['of tag key', found.tagKey],
    ['judged', `${found.documents} documents among ${found.statement.count} entries`],
    ...anchorLines(found.anchor, found.anchoredBy),
  ];
}

function reconciliationLines({ document, entry, receivedFrom }: ReconciliationFound): readonly Line[] {
  return [['on the log', placeOf(entry)], ['by', nameOf(receivedFrom)], ...findingLines(document)];
}

function some(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

/** What a reconciliation found, in lines. */
function findingLines(document: ReconciliationDocument): readonly Line[] {
  const { source, fates, listing, kept, read, healed, unshown, since, begun, ended } = document;
  const methods = READ_METHODS.filter((method) => read[method].length > 0);
  return [
    ['source', `${source.id}, ${source.name}, ${source.url}`],
    ['covers', `${since === null ? 'all' : `what changed since ${since}`} up to ${begun}`],
    ['read', `until ${ended}: ${methods.map((by) => `${read[by].length} types by ${by}`).join(', ')}`],
    ...(read.unread.length === 0 ? [] : [['NOT read', read.unread.join(', ')] as const]),
    ['it showed', `${listing.count} resources, root ${listing.root}`],
    ['kept', `${kept.count} resources, root ${kept.root}`],
    [
      'of these',
      [
        `${fates.stored} stored`,
        `${fates.directory} in the directory`,
        ...some(fates.waiting, 'waiting for consent'),
        ...some(fates.refused, 'refused by their patients'),
        ...some(fates.erased, 'erased'),
        ...some(fates.aside, 'set aside with a reason'),
      ].join(', '),
    ],
    ['healed', `${healed.fetched} fetched, ${healed.deleted} deletions`],
    ...(fates.missing === 0 ? [] : [['MISSING', `${fates.missing} that the source shows`] as const]),
    ...(unshown === 0 ? [] : [['STILL kept', `${unshown} that it no longer shows`] as const]),
    ...(isNothingMissed(document) ? [['nothing', 'was missed'] as const] : []),
  ];
}

/** What a reconciliation found, as it is printed. */
export function renderFindings({ handle, leaf, document }: Reconciled): string {
  const lines: readonly Line[] = [...findingLines(document), ['logged', `leaf ${leaf}, handle ${handle}`]];
  return lines.map(([name, text]) => `${name.padEnd(14)}${printable(text)}`).join('\n');
}

/** What a listing was found to differ in, in one line. */
export function renderListing(verdict: ListingVerdict): string {
  if (verdict.ok) return `the listing of ${verdict.lines} lines is what the source showed`;
  const { code, lines, wrong, missing, extra, line } = verdict;
  const where = line === undefined ? '' : `, first in line ${line}`;
  const counts = wrong + missing + extra === 0 ? '' : `: ${wrong} wrong, ${missing} missing, ${extra} extra`;
  return `NOT that listing: ${code}${where} of ${lines}${counts}`;
}

function anchorLines({ size, leaf, at }: FoundAnchor, by: ReceivedFrom): readonly Line[] {
  return [
    ['at', `${iso(at)}: after the first ${size} leaves`],
    ['anchored', `at leaf ${leaf} by ${nameOf(by)}`],
  ];
}

function documentLines(document: ShownDocument | undefined): readonly Line[] {
  if (document === undefined) return [];
  const { bytes, signedBy } = document;
  return [
    ['document', bytesIn(bytes)],
    ['signed by', signedBy === undefined ? 'not judged' : `${signedBy.id} (${signedBy.group})`],
  ];
}

function bytesIn(bytes: Uint8Array): string {
  return `${bytes.length} bytes (--json prints them)`;
}

function nameOf({ organisation, id, role, group }: ReceivedFrom): string {
  return `${organisation ?? id} (${role ?? group})`;
}

function placeOf({ type, index, at }: FoundEntry): string {
  return `leaf ${index}, ${iso(at)}, ${type}`;
}

function timeOf(ms: number | null, unlimited: string): string {
  return ms === null ? unlimited : iso(ms);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** A verdict on evidence, as JSON. */
export function evidenceJson(verdict: EvidenceVerdict): object {
  if (!verdict.ok) return verdict;
  const { heads, prefixRoot, ...rest } = verdict;
  return {
    ...rest,
    heads: heads.map(({ size, root }) => ({ size, root: root.toString('base64') })),
    ...(prefixRoot === undefined ? {} : { prefixRoot: prefixRoot.toString('base64') }),
  };
}

/** A verdict on evidence, in lines. */
export function renderEvidence(verdict: EvidenceVerdict): string {
  if (!verdict.ok) return `NOT evidence: ${verdict.code}`;
  const { kind, origin, heads, prefixRoot, vkeys, vkeyTrust } = verdict;
  const [small, large] = heads;
  const said =
    kind === 'two-roots'
      ? 'signed two different histories of one size'
      : 'signed a history of which an earlier signed one is no part';
  return [
    `${origin} ${said}`,
    ...[small, large].map(({ size, root }) => `signed size ${size} with root ${root.toString('base64')}`),
    ...(prefixRoot === undefined
      ? []
      : [`whose first ${small.size} leaves have root ${prefixRoot.toString('base64')}`]),
    ...vkeys.map((key) => `by key ${key}`),
    ...(vkeyTrust === 'given'
      ? []
      : [
          'The key is the file’s own word. Name the log’s key by --vkey or --policy to know that it is the log’s.',
        ]),
    'the log contradicted itself',
  ].join('\n');
}
