/**
 * The log's head, as this browser knows it: under the key it saw first, and grown from what it saw before. Nothing is
 * believed because the server says so.
 */
import { isConsistent, openHead, portableCrypto, readVkey, TiledLog } from '../../../ledger/proofs/index.js';
import type { Head, NoteKey } from '../../../ledger/proofs/index.js';
import { keep, kept } from '../storage/kept.js';
import { readLogFile, readLogText } from './log-files.js';
import { isRemembered, LOG } from './remembered.js';
import type { Remembered } from './remembered.js';

/** Why a head is not believed. */
export type HeadFault =
  'no-key' | 'malformed' | 'signature' | 'key-changed' | 'other-log' | 'rolled-back' | 'forked';

/** A head that is believed, or what speaks against it: then both notes are evidence. */
export type HeadFound =
  | {
      readonly ok: true;
      readonly head: Head;
      readonly note: string;
      readonly vkeys: readonly string[];
      /** Names on the note's signature lines: the log's own, and its witnesses'. */
      readonly signers: readonly string[];
      /** Head of the last visit that it was led back to. */
      readonly since?: { readonly size: number; readonly at: number };
    }
  | { readonly ok: false; readonly fault: HeadFault; readonly note: string; readonly former?: string };

/** As it was when the page was opened: later heads of this visit are compared with it too. */
const before = kept(LOG, isRemembered);

/**
 * Reads the head, and compares it with what was remembered. A good one is remembered in its place.
 *
 * @throws LogReadError; ProofError PROOF_BAD_TILE.
 */
export async function readHead(): Promise<HeadFound> {
  const [note, published] = await Promise.all([readLogText('checkpoint'), readLogText('vkey')]);
  const last = kept(LOG, isRemembered);
  const vkeys = last?.vkeys ?? published.trim().split('\n');
  const keys = vkeys.flatMap((vkey) => readVkey(vkey, portableCrypto) ?? []);
  if (keys.length === 0) return { ok: false, fault: 'no-key', note };
  const opened = openHead(note, keys, portableCrypto);
  if (!opened.ok)
    return { ok: false, fault: opened.code === 'checkpoint-signature' ? 'signature' : 'malformed', note };
  const isSigned = [...opened.signedBy].some(({ name }) => name === opened.head.origin);
  if (!isSigned) return { ok: false, fault: 'key-changed', note, ...formerOf(last) };
  const fault = last === undefined ? undefined : await faultSince(last.note, keys, opened.head);
  if (fault !== undefined) return { ok: false, fault, note, ...formerOf(last) };
  keep(LOG, { vkeys, note, at: Date.now() } satisfies Remembered);
  const first = before === undefined ? undefined : openHead(before.note, keys, portableCrypto);
  return {
    ok: true,
    head: opened.head,
    note,
    vkeys,
    signers: signersOf(note),
    ...(before !== undefined && first?.ok === true
      ? { since: { size: first.head.size, at: before.at } }
      : {}),
  };
}

const formerOf = (last: Remembered | undefined): { former?: string } =>
  last === undefined ? {} : { former: last.note };

async function faultSince(
  former: string,
  keys: readonly NoteKey[],
  head: Head,
): Promise<HeadFault | undefined> {
  const opened = openHead(former, keys, portableCrypto);
  if (!opened.ok) return undefined;
  const { origin, size, root } = opened.head;
  if (origin !== head.origin) return 'other-log';
  if (size > head.size) return 'rolled-back';
  const path = await new TiledLog(portableCrypto, head.size, readLogFile).consistency(size);
  return isConsistent(portableCrypto, { from: { size, root }, to: head, path }) ? undefined : 'forked';
}

function signersOf(note: string): string[] {
  const lines = note.slice(note.lastIndexOf('\n\n') + 2).split('\n');
  return lines.flatMap((line) => /^\u2014 (\S+) /u.exec(line)?.[1] ?? []);
}
