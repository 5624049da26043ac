/** What `firebreak witness evidence` prints: evidence, judged from its file alone. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseVkey } from '../../ledger/log/index.js';
import { checkEvidence, checkFinding, FINDING_FORMAT } from '../../ledger/witness/index.js';
import type { EvidenceVerdict, FindingVerdict } from '../../ledger/witness/index.js';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import { EvidenceFolder } from '../services/witness/index.js';
import { EXIT } from './exit.js';
import { createTerminal } from './terminal.js';

/**
 * Prints and judges files of evidence, or those that a witness's folder holds. Given files, the exit status is negative
 * unless each is convincing.
 *
 * @throws AdapterError ADAPTER_USAGE
 */
export async function printEvidence(
  files: readonly string[],
  { dir, vkey, json }: { readonly dir: string; readonly vkey: readonly string[]; readonly json?: boolean },
): Promise<void> {
  const terminal = createTerminal(false);
  const kept = files.length === 0;
  const paths = kept ? await new EvidenceFolder(resolve(dir)).list() : files.map((file) => resolve(file));
  if (paths.length === 0 && json !== true) terminal.print('no evidence was kept');
  let convincing = true;
  for (const path of paths) {
    const bytes = await readEvidence(path);
    const trusted = vkey.length === 0 ? undefined : vkey.map(checkedVkey);
    if (bytes.includes(`"format":"${FINDING_FORMAT}"`)) {
      const finding = checkFinding(bytes, trusted);
      convincing &&= finding.ok;
      terminal.print(
        json === true ? JSON.stringify(jsonOfFinding(path, finding)) : renderFinding(path, finding),
      );
      continue;
    }
    const verdict = checkEvidence(bytes, trusted);
    convincing &&= verdict.ok;
    terminal.print(
      json === true ? JSON.stringify(jsonOf(path, bytes, verdict)) : renderVerdict(path, bytes, verdict),
    );
  }
  if (!kept && !convincing) process.exitCode = EXIT.negative;
}

async function readEvidence(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read: ${codeOf(cause)}`, { cause });
  }
}

function jsonOf(path: string, bytes: Buffer, verdict: EvidenceVerdict): object {
  if (!verdict.ok) return { file: path, ok: false, code: verdict.code };
  const { kind, origin, vkeys, vkeyTrust, prefixRoot } = verdict;
  const heads = verdict.heads.map(({ size, root }) => ({ size, root: root.toString('base64') }));
  const prefix = prefixRoot === undefined ? {} : { prefixRoot: prefixRoot.toString('base64') };
  const evidence: unknown = JSON.parse(bytes.toString('utf8'));
  return { file: path, ok: true, kind, origin, heads, ...prefix, vkeys, vkeyTrust, evidence };
}

function renderVerdict(path: string, bytes: Buffer, verdict: EvidenceVerdict): string {
  if (!verdict.ok) {
    const isNotice = verdict.code === 'no-contradiction' && bytes.includes('"kind":"rollback"');
    return isNotice
      ? `${path}\n  notice: the log served a smaller head than before. This proves nothing to others.`
      : `${path}\n  NOT evidence: ${verdict.code}`;
  }
  const [small, large] = verdict.heads;
  const trust = verdict.vkeyTrust === 'given' ? '' : ' (believed as in the file; give it with --vkey)';
  return [
    path,
    `  ${verdict.kind}: ${verdict.origin} contradicted itself`,
    `  signed size ${small.size} with root ${small.root.toString('base64')}`,
    `  signed size ${large.size} with root ${large.root.toString('base64')}`,
    ...(verdict.prefixRoot === undefined
      ? []
      : [`  whose first ${small.size} leaves have root ${verdict.prefixRoot.toString('base64')}`]),
    ...verdict.vkeys.map((vkey) => `  key ${vkey}${trust}`),
  ].join('\n');
}

function jsonOfFinding(path: string, finding: FindingVerdict): object {
  if (!finding.ok) return { file: path, ok: false, code: finding.code };
  const { head, entry, ...rest } = finding;
  const { size, root } = head;
  return {
    file: path,
    kind: 'audit',
    ...rest,
    head: { size, root: root.toString('base64') },
    entry: entry.toString('base64'),
  };
}

function renderFinding(path: string, finding: FindingVerdict): string {
  if (!finding.ok) return `${path}\n  NOT a finding: ${finding.code}`;
  const { check, expected, found, head, leaf, origin, rule, vkeys, vkeyTrust } = finding;
  const trust = vkeyTrust === 'given' ? '' : ' (believed as in the file; give it with --vkey)';
  return [
    path,
    `  audit: leaf ${leaf} of ${origin} breaks a rule of ${check}: ${rule}`,
    ...(expected === undefined ? [] : [`  expected ${expected}`]),
    ...(found === undefined ? [] : [`  found    ${found}`]),
    `  the leaf is in the tree signed at size ${head.size} with root ${head.root.toString('base64')}`,
    '  that it breaks the rule is repeated with: firebreak verify <log>',
    ...vkeys.map((vkey) => `  key ${vkey}${trust}`),
  ].join('\n');
}

/** A log's verifier key as given. @throws AdapterError ADAPTER_USAGE */
export function checkedVkey(text: string): string {
  try {
    parseVkey(text);
    return text;
  } catch (cause) {
    throw new AdapterError(
      'ADAPTER_USAGE',
      `${text} is neither an address nor a verifier key: ${messageOf(cause)}`,
      { cause },
    );
  }
}
