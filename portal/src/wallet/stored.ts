/** Where the browser keeps the locked wallet: IndexedDB of this origin. What lies there is sealed. */
import { openDB } from 'idb';
import type { IDBPDatabase } from 'idb';
import { isLocked } from './locked.js';
import type { Locked } from './locked.js';

const DATABASE = 'firebreak';
const STORE = 'wallet';
const KEY = 'locked';

function database(): Promise<IDBPDatabase> {
  return openDB(DATABASE, 1, {
    upgrade(db) {
      db.createObjectStore(STORE);
    },
  });
}

/** The wallet of this browser, or `undefined` where there is none. */
export async function readStored(): Promise<Locked | undefined> {
  const db = await database();
  try {
    const value: unknown = await db.get(STORE, KEY);
    return isLocked(value) ? value : undefined;
  } finally {
    db.close();
  }
}

/** Keeps the wallet. It is on the disk when this returns, and the browser is asked not to evict it. */
export async function writeStored(locked: Locked): Promise<void> {
  const db = await database();
  try {
    const change = db.transaction(STORE, 'readwrite', { durability: 'strict' });
    await change.store.put(locked, KEY);
    await change.done;
  } finally {
    db.close();
  }
  await navigator.storage?.persist?.();
}

/** Removes the wallet from this browser. */
export async function removeStored(): Promise<void> {
  const db = await database();
  try {
    await db.delete(STORE, KEY);
  } finally {
    db.close();
  }
}
