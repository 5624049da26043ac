/** Compares a vault with the log: what was logged and not erased must lie there, as its entry says. */
import type { Entry } from '../log/index.js';
import type { Checks } from './report.js';

/** A row of the vault: a record version's handle, and the SHA-256 of its ciphertext, both base64url. */
export interface VaultRow {
  readonly handle: string;
  readonly ciphertext: string;
}

/** A vault as it was at one moment. */
export interface VaultView {
  /** Entries that the log had at that moment. */
  readonly size: number;
  /** All its rows, in any order. */
  readonly rows: Iterable<VaultRow> | AsyncIterable<VaultRow>;
  /** Handles of records whose content a restore could not bring back: still missing, and told apart. */
  readonly lost?: ReadonlySet<string>;
}

interface Logged {
  readonly leaf: number;
  readonly ciphertext: string;
}

/** Remembers what the log says of the vault. */
export class Openings {
  /** Records that must be there. */
  readonly #logged = new Map<string, Logged>();
  /** Where each erased record was erased. */
  readonly #erased = new Map<string, number>();

  /** Takes the next entry of good form. */
  next(leaf: number, { type, body }: Entry): void {
    const handle = own(body['handle']);
    if (type === 'record.stored' || type === 'score.issued') {
      this.#logged.set(handle, { leaf, ciphertext: own(body['ciphertext']) });
    } else if (type === 'record.erased') {
      this.#logged.delete(handle);
      this.#erased.set(handle, leaf);
    }
  }

  /**
   * Checks `openings`, of the entries that the log had when the vault was seen.
   *
   * @param size - Of the log that was verified. A shorter one than the vault's does not tell what was erased since.
   * @throws What reading the vault throws.
   */
  async compare(vault: VaultView, size: number, checks: Checks): Promise<void> {
    if (size < vault.size) {
      checks.leaveOut(
        'openings',
        `all of it: the log has ${size} entries, the vault belongs to ${vault.size}`,
      );
      return;
    }
    for await (const { handle, ciphertext } of vault.rows) {
      const erasedAt = this.#erased.get(handle);
      if (erasedAt !== undefined && erasedAt < vault.size) {
        checks.expect('openings', false, {
          code: 'opening-left',
          leaf: erasedAt,
          rule: 'the record was erased, and lies in the vault',
        });
      }
      const logged = this.#logged.get(handle);
      if (logged === undefined) continue;
      this.#logged.delete(handle);
      checks.expect('openings', logged.ciphertext === ciphertext, {
        code: 'opening-other',
        leaf: logged.leaf,
        rule: 'the vault holds another ciphertext than the record’s',
        expected: logged.ciphertext,
        found: ciphertext,
      });
    }
    let firstLost: Logged | undefined;
    for (const [handle, logged] of this.#logged) {
      const { leaf, ciphertext } = logged;
      if (leaf >= vault.size) continue;
      if (vault.lost?.has(handle) === true) {
        firstLost ??= logged;
        continue;
      }
      const rule = 'the record is not in the vault, and no entry says that it was erased';
      checks.expect('openings', false, {
        code: 'opening-missing',
        leaf,
        rule,
        expected: ciphertext,
        found: 'nothing',
      });
    }
    // Behind all others: what was lost is known, and must not hide what is not.
    if (firstLost !== undefined)
      checks.expect('openings', false, {
        code: 'opening-lost',
        leaf: firstLost.leaf,
        rule: 'the record was lost: the instance was restored from a backup older than it',
        expected: firstLost.ciphertext,
        found: 'nothing',
      });
  }
}

/** The text as a string of its own: a part of a longer one would keep all of it in memory. */
function own(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('latin1') : '';
}
