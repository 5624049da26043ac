/**
 * A process with an instance that keeps one large image, for measuring what memory that takes. Told what to do over IPC;
 * whoever sends the image is another process.
 */
import { serveHttp } from '../../../adapter/services/server.js';
import { drain } from '../../../adapter/services/drain.js';
import { openLargeHead } from '../../../ledger/vault/index.js';
import { addImportSource, openTestInstance, servicesOf } from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';

/** What the process answers. */
export interface ImageMemory {
  /** Most memory resident so far, bytes. */
  readonly peak: number;
  /** Bytes of all images as they are read back. */
  readonly readBack: number;
}

const [dir = ''] = process.argv.slice(2);
const opened = await openTestInstance(dir);
const { instance } = opened;
const server = await serveHttp(instance, () => undefined);
const source = await addImportSource(instance);
const wallet = await enrolWallet(servicesOf(instance), source.id, 'p1');
await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));

process.on('message', (message) => {
  if (message === 'measure') void measure();
  else
    void server
      .close()
      .then(() => opened.close())
      .then(() => process.disconnect());
});
process.send?.({ url: server.address, secret: source.secret });

/** Reads all images back and tells the most memory that was ever used. */
async function measure(): Promise<void> {
  await drain(instance);
  const subject = await instance.subjects.find(instance.subjects.keyOf(source.id, 'p1'));
  let readBack = 0;
  if (subject !== undefined) {
    for await (const { handle, version, row } of instance.records.cards(instance.store, subject)) {
      const { key } = openLargeHead({
        recordKey: subject.recordKey,
        instance: instance.records.instance,
        handle,
        version,
        row,
      });
      for await (const piece of instance.bodies.blobs.read(key)) readBack += piece.length;
    }
  }
  const answer: ImageMemory = { peak: process.resourceUsage().maxRSS * 1024, readBack };
  process.send?.(answer);
}
