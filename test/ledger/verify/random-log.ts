/** Logs at random that obey every rule: what entries may follow is drawn from what there is. */
import { encodeVkey, generateSeed, publicKey } from '../../../ledger/log/index.js';
import type { Draft, EntryType, JsonObject } from '../../../ledger/log/index.js';
import { draft, makeHolder, ORIGIN, random32 } from '../log/fixture.js';
import type { Cast, Holder } from '../log/fixture.js';

/** A number from 0 to below; the same for the same seed. */
export type Dice = (below: number) => number;

/** @see https://en.wikipedia.org/wiki/Xorshift */
export function diceOf(seed: number): Dice {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

interface Organisation {
  readonly handle: string;
  holder: Holder;
}

type Act = () => Draft | undefined | Promise<Draft | undefined>;

/** What there is in a log, and what may come next. */
export class RandomLog {
  readonly #cast: Cast;
  readonly #dice: Dice;
  readonly #handles = new Map<string, string[]>();
  readonly #organisations: Organisation[] = [];
  #logKey = vkey();

  constructor(cast: Cast, dice: Dice) {
    this.#cast = cast;
    this.#dice = dice;
  }

  /** Drafts that may follow, of one signer. */
  async next(count: number, signer: 'ca' | 'instance'): Promise<Draft[]> {
    const acts = signer === 'ca' ? this.#acts(this.#cast.ca, true) : this.#acts(this.#cast.instance, false);
    const drafts: Draft[] = [];
    while (drafts.length < count) {
      const made = await acts[this.#dice(acts.length)]?.();
      if (made !== undefined) drafts.push(made);
    }
    return drafts;
  }

  #acts({ actor }: Holder, isAuthority: boolean): readonly Act[] {
    const tags = (): string[] => (isAuthority ? [] : Array.from({ length: this.#dice(3) }, random32));
    const say = (type: EntryType, body: JsonObject): Draft => draft(actor, type, body, tags());
    const bare = (type: EntryType, handle: string | undefined): Draft | undefined =>
      handle === undefined ? undefined : say(type, { handle, commitment: random32() });
    const begin =
      (type: EntryType, kind: string): Act =>
      () =>
        bare(type, this.#put(kind, random32()));
    const end =
      (type: EntryType, from: string, to: string): Act =>
      () =>
        bare(type, this.#put(to, this.#take(from)));
    const patients: Act[] = [
      () => {
        const handle = this.#put('patient', random32());
        return say('participant.enrolled', {
          handle: handle ?? '',
          group: 'patient',
          commitment: random32(),
        });
      },
      () =>
        this.#with('patient', (handle) =>
          say('key.rotated', { key: 'participant', handle, commitment: random32() }),
        ),
      () => {
        const handle = this.#dice(3) === 0 ? this.#take('patient') : undefined;
        return handle === undefined
          ? undefined
          : say('participant.revoked', { handle, reason: 'superseded' });
      },
    ];
    if (isAuthority) return [...patients, ...this.#authorityActs(say)];
    return [
      ...patients,
      () => this.#signed(say),
      end('consent.withdrawn', 'consent', 'withdrawn'),
      begin('access.requested', 'request'),
      () => this.#decided(say),
      begin('representative.appointed', 'appointment'),
      end('representative.ended', 'appointment', 'gone'),
      () => this.#stored(say),
      () => this.#stored(say),
      () => this.#superseded(say),
      end('record.deleted', 'record', 'record-ended'),
      end('record.erased', 'record', 'gone'),
      end('record.erased', 'record-ended', 'gone'),
      begin('record.merged', 'merge'),
      end('record.merged', 'unmerged', 'merge'),
      end('record.unmerged', 'merge', 'unmerged'),
      begin('disclosure', 'gone'),
      begin('claim.attested', 'gone'),
      begin('cohort.exported', 'gone'),
      begin('aggregate.answered', 'gone'),
      begin('source.reconciled', 'gone'),
      () => this.#scored(say),
      () => {
        const from = this.#logKey;
        this.#logKey = vkey();
        return say('key.rotated', { key: 'log', from, to: this.#logKey, overlapUntil: this.#dice(2 ** 30) });
      },
    ];
  }

  #authorityActs(say: (type: EntryType, body: JsonObject) => Draft): Act[] {
    const holder = (seed?: Buffer): Promise<Holder> => {
      // A serial number is drawn for each, so that two of one key differ.
      return makeHolder(this.#cast.ca, 'Test authority', random32(), undefined, false, seed);
    };
    const pick = (): Organisation | undefined => this.#organisations[this.#dice(this.#organisations.length)];
    return [
      async () => {
        const made = { handle: random32(), holder: await holder() };
        this.#organisations.push(made);
        const about = { group: 'payer', name: 'Büro', certificate: base64(made.holder) };
        return say('participant.enrolled', { handle: made.handle, ...about });
      },
      async () => {
        const found = pick();
        if (found === undefined) return undefined;
        found.holder = await holder(found.holder.seed);
        return say('participant.renewed', { handle: found.handle, certificate: base64(found.holder) });
      },
      async () => {
        const found = pick();
        if (found === undefined) return undefined;
        found.holder = await holder();
        const certificate = base64(found.holder);
        return say('key.rotated', { key: 'participant', handle: found.handle, certificate });
      },
      () => {
        if (this.#organisations.length < 3) return undefined;
        const [gone] = this.#organisations.splice(this.#dice(this.#organisations.length), 1);
        return say('participant.revoked', { handle: gone?.handle ?? '', reason: 'privilegeWithdrawn' });
      },
    ];
  }

  #signed(say: (type: EntryType, body: JsonObject) => Draft): Draft {
    const replaced = this.#dice(3) === 0 ? this.#any(['consent', 'withdrawn']) : undefined;
    const handle = random32();
    const [start, end] = [
      this.#dice(2) === 0 ? null : this.#dice(2 ** 31),
      this.#dice(2) === 0 ? null : 2 ** 41,
    ];
    const body = { handle, start, end, commitment: random32() };
    this.#put('consent', handle);
    return say('consent.signed', replaced === undefined ? body : { ...body, replaces: replaced });
  }

  #decided(say: (type: EntryType, body: JsonObject) => Draft): Draft | undefined {
    const outcome = this.#dice(2) === 0 ? 'approved' : 'refused';
    const by = this.#dice(2) === 0 ? 'custodian' : 'patient';
    const handle = this.#take(by === 'custodian' ? 'request' : 'half-approved');
    if (handle === undefined) return undefined;
    this.#put(by === 'custodian' && outcome === 'approved' ? 'half-approved' : 'gone', handle);
    return say('access.decided', { handle, by, outcome, commitment: random32() });
  }

  #stored(say: (type: EntryType, body: JsonObject) => Draft): Draft {
    const handle = this.#put('record', random32()) ?? '';
    const body = { handle, commitment: random32(), ciphertext: random32(), facts: random32() };
    return say('record.stored', body);
  }

  #superseded(say: (type: EntryType, body: JsonObject) => Draft): Draft | undefined {
    const handle = this.#take('record');
    const by = this.#any(['record', 'record-ended']);
    if (handle === undefined || by === undefined) {
      this.#put('record', handle);
      return undefined;
    }
    this.#put('record-ended', handle);
    return say('record.superseded', { handle, by });
  }

  #scored(say: (type: EntryType, body: JsonObject) => Draft): Draft {
    const model = this.#dice(4) === 0 ? undefined : this.#any(['model']);
    if (model === undefined) {
      const handle = this.#put('model', random32()) ?? '';
      return say('model.published', {
        handle,
        commitment: random32(),
        cohort: random32(),
        metrics: random32(),
      });
    }
    const handle = this.#put('record', random32()) ?? '';
    const hashes = { commitment: random32(), ciphertext: random32(), facts: random32() };
    return say('score.issued', { handle, model, ...hashes });
  }

  #put(kind: string, handle: string | undefined): string | undefined {
    if (handle === undefined) return undefined;
    this.#handles.set(kind, [...(this.#handles.get(kind) ?? []), handle]);
    return handle;
  }

  #take(kind: string): string | undefined {
    const all = this.#handles.get(kind) ?? [];
    const [taken] = all.splice(all.length === 0 ? 0 : this.#dice(all.length), 1);
    return taken;
  }

  #any(kinds: readonly string[]): string | undefined {
    const all = kinds.flatMap((kind) => this.#handles.get(kind) ?? []);
    return all[this.#dice(Math.max(1, all.length))];
  }

  #with(kind: string, use: (handle: string) => Draft): Draft | undefined {
    const handle = this.#any([kind]);
    return handle === undefined ? undefined : use(handle);
  }
}

function base64({ der }: Holder): string {
  return der.toString('base64');
}

function vkey(): string {
  return encodeVkey(ORIGIN, publicKey(generateSeed()));
}
