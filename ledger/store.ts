/**
 * The one store of an instance: a LevelDB with text keys and binary values. Each part of the program
 * owns a key prefix; see `STORE_PREFIXES`.
 */
import type { Level } from 'level';

export type Store = Level<string, Buffer>;

/** One row of an atomic batch. */
export type StoreWrite =
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: string };
