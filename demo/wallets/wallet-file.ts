/** The demo's wallets on disk: private keys of invented people, readable by their owner alone. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AppendFile } from '../append-file.js';
import { DemoError } from '../errors.js';
import { readLines } from '../line-file.js';
import type { ConsentTerms } from './documents.js';
import type { Enrolment } from './firebreak-client.js';
import type { WalletKeys } from './keys.js';

/** One patient's wallet, and what it has done. */
export interface Wallet {
  readonly patient: string;
  readonly keys: WalletKeys;
  /** Not yet used for sure. */
  readonly invitation?: string;
  readonly enrolment?: Enrolment;
  /** Documents decided on, oldest first; `sent` once Firebreak has taken them. */
  readonly documents: readonly (ConsentTerms & { readonly sent: boolean })[];
}

/** A step, written before what it allows is done. */
export type WalletLine =
  | { readonly do: 'made'; readonly patient: string; readonly keys: WalletKeys }
  | { readonly do: 'invited'; readonly patient: string; readonly invitation: string }
  | { readonly do: 'enrolled'; readonly patient: string; readonly enrolment: Enrolment }
  | { readonly do: 'decided'; readonly patient: string; readonly document: ConsentTerms }
  | { readonly do: 'sent'; readonly patient: string; readonly document: ConsentTerms };

const FILE = 'wallets.ndjson';
/** Permission bits of group and others. */
const OTHERS = 0o077;

export class WalletFile {
  readonly #file: AppendFile;
  readonly #wallets: Map<string, Wallet>;

  private constructor(file: AppendFile, wallets: Map<string, Wallet>) {
    this.#file = file;
    this.#wallets = wallets;
  }

  /** @throws DemoError DEMO_WALLETS_DAMAGED when a line cannot be read, or others may read the file. */
  static async open(dataDir: string): Promise<WalletFile> {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const path = join(dataDir, FILE);
    const wallets = new Map<string, Wallet>();
    if (existsSync(path)) {
      if ((statSync(path).mode & OTHERS) !== 0) {
        throw new DemoError('DEMO_WALLETS_DAMAGED', `${path} may be read by others: chmod 600`);
      }
      await readLines(path, 'DEMO_WALLETS_DAMAGED', (value) => apply(wallets, value as WalletLine));
    }
    return new WalletFile(await AppendFile.open(path), wallets);
  }

  get(patient: string): Wallet | undefined {
    return this.#wallets.get(patient);
  }

  /** Notes a step; it holds once it is on the disk. */
  async note(line: WalletLine): Promise<void> {
    await this.#file.append(line);
    apply(this.#wallets, line);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Wallets as they are just now, while another process may be writing: a line that is not whole yet does not count. */
export function readWallets(dataDir: string): Wallet[] {
  const path = join(dataDir, FILE);
  if (!existsSync(path)) return [];
  const wallets = new Map<string, Wallet>();
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  for (const line of lines) apply(wallets, JSON.parse(line) as WalletLine);
  return [...wallets.values()];
}

function apply(wallets: Map<string, Wallet>, line: WalletLine): void {
  const { patient } = line;
  const wallet = wallets.get(patient);
  if (line.do === 'made') {
    wallets.set(patient, { patient, keys: line.keys, documents: [] });
    return;
  }
  if (wallet === undefined)
    throw new DemoError('DEMO_WALLETS_DAMAGED', 'a wallet does something before it is made');
  switch (line.do) {
    case 'invited':
      wallets.set(patient, { ...wallet, invitation: line.invitation });
      break;
    case 'enrolled':
      wallets.set(patient, { ...wallet, enrolment: line.enrolment });
      break;
    case 'decided':
      wallets.set(patient, {
        ...wallet,
        documents: [...wallet.documents, { ...line.document, sent: false }],
      });
      break;
    case 'sent':
      wallets.set(patient, {
        ...wallet,
        documents: wallet.documents.map((document) =>
          document.identifier === line.document.identifier && document.status === line.document.status
            ? { ...document, sent: true }
            : document,
        ),
      });
      break;
    default:
      throw new DemoError('DEMO_WALLETS_DAMAGED', 'a line of the wallets is of no known kind');
  }
}
