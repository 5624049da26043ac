/** Verdicts on proof files as text, the same code in Node and in a browser's page. */
import { checkProof, proofTrust } from '../../ledger/proofs/index.js';
import type { ProofCrypto } from '../../ledger/proofs/index.js';
import { readConsentDocument } from '../../mappings/consent/index.js';

/** What crosses into the page: base64 wherever there are bytes. */
export interface VerdictInput {
  readonly files: readonly string[];
  readonly vkeys: readonly string[];
  readonly caRoot: string;
  /** Judges each file under a trust of its own, so that no signature is remembered from another. */
  readonly apart?: boolean;
}

export interface Verdicts {
  /** JSON of each file's verdict, bytes as lists of numbers. */
  readonly texts: readonly string[];
  /** For all files together. */
  readonly ms: number;
}

/** Judges files one after the other. */
export function verdictsOf({ files, vkeys, caRoot, apart }: VerdictInput, crypto?: ProofCrypto): Verdicts {
  const root = bytesOf(caRoot);
  const trusting = () => proofTrust({ vkeys, caRoot: root, readConsent: readConsentDocument }, crypto);
  const shared = trusting();
  const read = files.map(bytesOf);
  const startMs = performance.now();
  const verdicts = read.map((file) => checkProof(file, apart === true ? trusting() : shared));
  const ms = performance.now() - startMs;
  const texts = verdicts.map((verdict) =>
    JSON.stringify(verdict, (_name, value: unknown) =>
      value instanceof Uint8Array ? Array.from(value) : value,
    ),
  );
  return { texts, ms };
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
