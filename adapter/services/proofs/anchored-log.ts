/** What proofs on the state take from an instance: a fresh anchor, the published tree that holds it, and the map's word. */
import type { LeafProof, SignedLeaf, StatementProof } from '../../../ledger/proofs/index.js';
import { checkStateProof, stateKey } from '../../../ledger/state/index.js';
import type { StateKind } from '../../../ledger/state/index.js';
import { sha256 } from '../../../ledger/log/index.js';
import { AdapterError } from '../../errors.js';
import type { PlacedAnchor } from '../../instance/anchoring.js';
import type { Instance } from '../../instance/instance.js';
import { ProofLeaves } from '../proof-leaves.js';

/** The log at an anchor. */
export class AnchoredLog {
  readonly #instance: Instance;
  readonly leaves: ProofLeaves;
  readonly anchor: PlacedAnchor;

  private constructor(instance: Instance, anchor: PlacedAnchor, leaves: ProofLeaves) {
    this.#instance = instance;
    this.anchor = anchor;
    this.leaves = leaves;
  }

  /** With a fresh anchor, of all that is committed by now. @throws LedgerError as appending does. */
  static async fresh(instance: Instance): Promise<AnchoredLog> {
    const anchor = await instance.anchorState();
    return new AnchoredLog(instance, anchor, await ProofLeaves.covering(instance, anchor.leaf));
  }

  /** The same tree at each kept anchor behind a leaf, the newest first. */
  *behind(leaf: number): Generator<AnchoredLog> {
    for (const { size } of this.#instance.state.anchors.toReversed()) {
      const placed = size > leaf ? this.#instance.anchorAt(size) : undefined;
      if (placed !== undefined && placed.leaf < this.leaves.size)
        yield new AnchoredLog(this.#instance, placed, this.leaves);
    }
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
    const proof = this.#instance.state.prove(key, this.anchor.size);
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
    const statement = this.#instance.state.statement(value);
    if (statement === undefined) throw new Error('the state map has lost a statement');
    return { statement, proof };
  }

  #found(index: number): NonNullable<ReturnType<ProofLeaves['at']>> {
    const found = this.leaves.at(index);
    if (found === undefined) throw new Error('a leaf that is not published');
    return found;
  }
}
