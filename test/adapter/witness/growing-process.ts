/** An instance that grows and says, whenever that changes, which size it shows; it is meant to be killed. */
import { writeSync } from 'node:fs';
import { parseCheckpoint, splitNote } from '../../../ledger/log/index.js';
import { openTestInstance, servicesOf } from '../../support/instance.js';
import { enrolWallet } from '../../support/wallet.js';

const [, , data = '', witnessPolicy = '', run = ''] = process.argv;
const { instance } = await openTestInstance(data, { witnessPolicy });
const [source] = instance.sources.list();
let told = '';
setInterval(() => {
  const note = instance.publishedCheckpoint();
  const size = parseCheckpoint(splitNote(note)?.text ?? '')?.size ?? -1;
  const text = `${size} ${note.toString('base64')}\n`;
  // At once, past any buffer of ours: what was shown before the kill must be known.
  if (text !== told) writeSync(1, text);
  told = text;
}, 1);
for (let i = 0; ; i++) await enrolWallet(servicesOf(instance), source?.id ?? '', `${run}-${i}`);
