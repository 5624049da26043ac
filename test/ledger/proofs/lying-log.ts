/**
 * A log whose operator may say anything: entries and map as given, all properly signed. What a check then refuses, it
 * refuses for what the entries and the map say, and not for a broken hash.
 */
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import {
  buildSubmission,
  encodeVkey,
  generateSeed,
  inclusionProof,
  leafHash,
  noteSigner,
  publicKey,
  rootOf,
  sign,
  signCheckpoint,
  stampDraft,
  unstampEntry,
} from '../../../ledger/log/index.js';
import type { Draft, EntryType, JsonObject } from '../../../ledger/log/index.js';
import type { LeafProof, ProofTrustInput, SignedLeaf, TagList } from '../../../ledger/proofs/index.js';
import { stateKey } from '../../../ledger/state/index.js';
import type { StateKind } from '../../../ledger/state/index.js';
import { tag } from '../../../ledger/vault/index.js';
import { newAuthority, newRequest, NOW_MS } from '../participants/support.js';
import { openBench } from '../state/support.js';

/** An entry to be. */
export interface LyingEntry {
  readonly type: EntryType;
  readonly body: JsonObject;
  readonly tags?: readonly string[];
}

export interface LyingLog {
  readonly checkpoint: string;
  /** Size of the state, and of the log before its anchor. */
  readonly size: number;
  readonly certificates: readonly Buffer[];
  readonly anchor: SignedLeaf;
  /** Index of an entry's leaf. */
  readonly leafOf: (entry: number) => number;
  readonly signed: (entry: number) => SignedLeaf;
  readonly leaf: (entry: number) => LeafProof;
  readonly prove: (kind: StateKind, name: string) => Uint8Array;
  readonly statement: (kind: StateKind, name: string) => Uint8Array;
  /** The list of a tag key's first tags. */
  readonly list: (tagKey: Buffer, count: number, entries: readonly number[]) => TagList;
}

/** Who may speak: an authority, an operator that it certified, and a patient. */
export interface LyingCast {
  readonly trust: Pick<ProofTrustInput, 'vkeys' | 'caRoot'>;
  readonly patient: { readonly seed: Buffer; readonly certificate: Buffer; readonly fingerprint: string };
  /** One who is certified, and no patient. */
  readonly operator: { readonly seed: Buffer; readonly certificate: Buffer; readonly fingerprint: string };
  /**
   * A log of these entries and an anchor.
   *
   * @param inMap - What the map is told in their place.
   */
  readonly log: (entries: readonly LyingEntry[], inMap?: readonly LyingEntry[]) => Promise<LyingLog>;
}

const ORIGIN = 'lying.example/log';
const DAY_MS = 86_400_000;
/** When everything was logged. */
export const AT_MS = NOW_MS + DAY_MS;

/** Prepares the cast; keys are new each time. */
export async function lyingCast(context: TestContext): Promise<LyingCast> {
  const authority = await newAuthority();
  const logSeed = generateSeed();
  const issue = async (group: 'patient' | 'provider'): Promise<LyingCast['patient']> => {
    const { seed, pem } = await newRequest();
    const { der, fingerprint } = await authority.issue({
      csr: pem,
      id: `p-${group}`,
      notBefore: NOW_MS,
      notAfter: NOW_MS + 30 * DAY_MS,
      ...(group === 'patient'
        ? { group }
        : { group, organisation: 'Lying Hospital', role: 'instance' as const }),
    });
    return { seed, certificate: der, fingerprint };
  };
  const operator = await issue('provider');
  const actor = operator.fingerprint;
  const draftOf = ({ type, body, tags = [] }: LyingEntry): Draft => ({
    v: 1,
    type,
    actor,
    tags,
    nonce: randomBytes(16).toString('base64url'),
    body,
  });
  const submit = (drafts: readonly Draft[]): Buffer[] => {
    const submission = buildSubmission({
      origin: ORIGIN,
      actor,
      sign: (message) => sign(operator.seed, message),
      drafts,
      nonce: randomBytes(16).toString('base64url'),
    });
    return [submission.leafBytes, ...submission.draftBytes].map((bytes) => stampDraft(bytes, AT_MS));
  };
  return {
    trust: { vkeys: [encodeVkey(ORIGIN, publicKey(logSeed))], caRoot: authority.root },
    patient: await issue('patient'),
    operator,
    log: async (entries, inMap = entries) => {
      const bench = await openBench(context);
      const { map } = bench;
      await bench.append([
        { type: 'submission', tags: [], body: {} },
        ...inMap.map(({ type, body, tags = [] }) => ({ type, body, tags })),
      ]);
      const { size, root, keys } = map.present();
      const main = submit(entries.map(draftOf));
      const anchorBody = { size, keys, root: root.toString('base64url') };
      const leaves = [...main, ...submit([draftOf({ type: 'state.anchored', body: anchorBody })])];
      const nodes = nodesOf(leaves.map((leaf) => leafHash(leaf)));
      const head = { origin: ORIGIN, size: leaves.length, root: nodes.root };
      const note = signCheckpoint(head, [noteSigner(ORIGIN, logSeed)]).toString('utf8');
      const leafAt = (index: number): LeafProof => ({
        index,
        bytes: leaves[index] ?? Buffer.alloc(0),
        inclusion: nodes.path(index, leaves.length),
      });
      const signedAt = (index: number, first: number, count: number): SignedLeaf => {
        const drafts = leaves.slice(first + 1, first + 1 + count).map((bytes) => unstampEntry(bytes, AT_MS));
        const within = nodesOf(drafts.map((bytes) => leafHash(bytes)));
        const draftInclusion = within.path(index - first - 1, count);
        return { ...leafAt(index), submission: { ...leafAt(first), draftInclusion } };
      };
      const prove = (kind: StateKind, name: string): Uint8Array =>
        map.prove(stateKey(kind, name)) ?? new Uint8Array();
      const anchor = signedAt(leaves.length - 1, leaves.length - 2, 1);
      return {
        checkpoint: note,
        size,
        certificates: [authority.issuing, operator.certificate],
        anchor,
        leafOf: (entry) => entry + 1,
        signed: (entry) => signedAt(entry + 1, 0, entries.length),
        leaf: (entry) => leafAt(entry + 1),
        prove,
        statement: (kind, name) => map.statement(prove(kind, name).subarray(1, 33)) ?? new Uint8Array(),
        list: (tagKey, count, listed) => ({
          tagKey,
          count,
          size,
          anchor,
          tags: Array.from({ length: count + 1 }, (_, i) => prove('tag', tag(tagKey, i))),
          entries: listed.map((entry) => leafAt(entry + 1)),
        }),
      };
    },
  };
}

function nodesOf(hashes: readonly Buffer[]): {
  root: Buffer;
  path: (index: number, size: number) => Buffer[];
} {
  return {
    root: rootOf([...hashes]),
    path: (index, size) =>
      inclusionProof(index, size, (height, node) =>
        rootOf(hashes.slice(node * 2 ** height, (node + 1) * 2 ** height)),
      ),
  };
}
