/** What proofs on the state take from an instance: a fresh anchor, the published tree that holds it, and the map's word. */
import type { LeafProof, SignedLeaf, StatementProof } from '../../../ledger/proofs/index.js';
import { checkStateProof, stateKey } from '../../../ledger/state/index.js';
import type { StateKind } from '../../../ledger/state/index.js';
import { sha256 } from '../../../ledger/log/index.js';
import { AdapterError } from '../../errors.js';
import type { PlacedAnchor } from '../../instance/anchoring.js';
import type { Instance } from '../../instance/instance.js';
import { ProofLeaves } from '../proof-leaves.js';
import { keptState, withStateAt } from './past-state.js';
import type { AnchoredState } from './past-state.js';

/** The log at an anchor. */
export class AnchoredLog {
  readonly #instance: Instance;
  readonly #state: AnchoredState;
  readonly leaves: ProofLeaves;
  readonly anchor: PlacedAnchor;

  private constructor(
    instance: Instance,
    anchor: PlacedAnchor,
    leaves: ProofLeaves,
    state = keptState(instance, anchor),
  ) {
    this.#instance = instance;
    this.#state = state;
    this.anchor = anchor;
    this.leaves = leaves;
  }

  /** With a fresh anchor, of all that is committed by now. @throws LedgerError as appending does. */
  static async fresh(instance: Instance): Promise<AnchoredLog> {
    const anchor = await instance.anchorState();
    return new AnchoredLog(instance, anchor, await ProofLeaves.covering(instance, anchor.leaf));
  }

  /**
   * At the anchor of a size, whether or not the map still keeps it; without a size, at a fresh one.
   *
   * @param use - The state may be gone when it resolves.
   * @throws AdapterError ADAPTER_NOT_FOUND where the log holds no such anchor; as `withStateAt` does.
   */
  static async at<T>(
    instance: Instance,
    size: number | undefined,
    use: (log: AnchoredLog) => Promise<T>,
  ): Promise<T> {
    if (size === undefined) return use(await AnchoredLog.fresh(instance));
    const isSize = Number.isSafeInteger(size) && size >= 0;
    const anchor = isSize ? instance.anchorAt(size) : undefined;
    if (anchor === undefined)
      throw new AdapterError('ADAPTER_NOT_FOUND', `the log has no anchor of that size`);
    const leaves = await ProofLeaves.covering(instance, anchor.leaf);
    return withStateAt(instance, anchor, (state) => use(new AnchoredLog(instance, anchor, leaves, state)));
  }

  /** The same tree at each kept anchor behind a leaf, the newest first. */
  *behind(leaf: number): Generator<AnchoredLog> {
    for (const { size } of this.#instance.state.anchors.toReversed()) {
      const placed = size > leaf ? this.#instance.anchorAt(size) : undefined;
      if (placed !== undefined && placed.leaf < this.leaves.size)
        yield new AnchoredLog(this.#instance, placed, this.leaves);
    }
  }

  /**
   * The same tree at the first anchor behind a leaf, kept or not.
   *
   * @returns `undefined` without one, or for what `use` does not find there.
   */
  async firstBehind<T>(leaf: number, use: (log: AnchoredLog) => Promise<T>): Promise<T | undefined> {
    const found = await this.leaves.findFrom(
      leaf + 1,
      '"type":"state.anchored"',
      ({ type, body }) => type === 'state.anchored' && Number(body['size']) > leaf,
    );
    const placed =
      found === undefined ? undefined : this.#instance.anchorAt(Number(found.entry.body['size']));
    if (placed === undefined) return undefined;
    return withStateAt(this.#instance, placed, (state) =>
      use(new AnchoredLog(this.#instance, placed, this.leaves, state)),
    );
  }

  /** The anchor's leaf, signed. */
  anchorLeaf(): SignedLeaf {
    return this.leaves.proveSigned(this.#found(this.anchor.leaf));
  }

  /** Certificate fingerprint of who anchored. */
  anchoredBy(): string {
    return this.#found(this.anchor.leaf).entry.actor;
  }

  /** A leaf, signed. */
  signedLeaf(index: number): SignedLeaf {
    return this.leaves.proveSigned(this.#found(index));
  }

  /** A leaf alone. */
  leaf(index: number): LeafProof {
    return this.leaves.prove(this.#found(index));
  }

  /** Proof of a name at the anchor, and its value there. */
  prove(
    kind: StateKind,
    name: string,
  ): { readonly proof: Uint8Array; readonly value: Uint8Array | undefined } {
    const key = stateKey(kind, name);
    const proof = this.#state.prove(key);
    if (proof === undefined)
      throw new AdapterError(
        'ADAPTER_CONFLICT',
        'the anchor was dropped while the proof was made: try again',
      );
    const checked = checkStateProof(this.anchor.root, key, proof, sha256);
    if (!checked.ok) throw new Error(`the state map does not bear its anchor out: ${checked.code}`);
    return { proof, value: checked.present ? checked.value : undefined };
  }

  /** What the map says of a name, or `undefined` where it says nothing. */
  statement(kind: 'consent' | 'participant', name: string): StatementProof | undefined {
    const { proof, value } = this.prove(kind, name);
    if (value === undefined) return undefined;
    const statement = this.#state.statement(value);
    if (statement === undefined) throw new Error('the state map has lost a statement');
    return { statement, proof };
  }

  #found(index: number): NonNullable<ReturnType<ProofLeaves['at']>> {
    const found = this.leaves.at(index);
    if (found === undefined) throw new Error('a leaf that is not published');
    return found;
  }
}
