/** Webhooks for the command line: an operator adds them for any participant. */
import type { AddedWebhook, ShownWebhook } from '../../http/contract/index.js';
import { AdapterError } from '../../errors.js';
import { Connections } from '../../inbound/connections.js';
import type { Instance } from '../../instance/instance.js';
import { sendMessage } from './send.js';

type Args = Readonly<Record<string, unknown>>;

/** A webhook, and whose it is. */
export type OperatorsWebhook<W extends ShownWebhook = ShownWebhook> = W & { readonly participant: string };

/** @throws AdapterError ADAPTER_NOT_FOUND for no participant of this authority; as {@link Webhooks.add} */
export async function addWebhook(instance: Instance, args: Args): Promise<OperatorsWebhook<AddedWebhook>> {
  const named = textOf(args, 'participant');
  const { rows } = instance.certification;
  const found = (await rows.organisations()).find(({ id }) => id === named) ?? rows.get(named);
  if (found === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such participant');
  const { allowPrivate } = args;
  const added = await instance.webhooks.add({
    participant: found.handle,
    url: textOf(args, 'url'),
    operator: { allowPrivate: Array.isArray(allowPrivate) ? allowPrivate.map(String) : [] },
  });
  return { ...added, participant: found.id };
}

export function listWebhooks({ webhooks, certification }: Instance): OperatorsWebhook[] {
  return webhooks.all().map((row) => ({
    ...webhooks.show(row),
    participant: certification.rows.get(row.participant)?.id ?? row.participant,
  }));
}

/** @throws AdapterError ADAPTER_NOT_FOUND */
export async function removeWebhook(instance: Instance, args: Args): Promise<{ readonly id: string }> {
  const id = textOf(args, 'id');
  if (!(await instance.webhooks.remove(undefined, id))) throw unknown();
  return { id };
}

/** Sends a message that tells of nothing. @throws AdapterError ADAPTER_NOT_FOUND */
export async function testWebhook(
  instance: Instance,
  args: Args,
): Promise<{ readonly id: string; readonly failure?: string }> {
  const row = instance.webhooks.get(textOf(args, 'id'));
  if (row === undefined || row.closed === 'ended') throw unknown();
  const atMs = instance.nowMs();
  const message = { type: 'webhook.test', timestamp: new Date(atMs).toISOString(), data: {} };
  const connections = new Connections({ baseUrl: row.url, allowPrivate: row.allowPrivate });
  try {
    const failure = await sendMessage({ connections, row, message, id: `${row.id}.test-${atMs}`, atMs });
    return { id: row.id, ...(failure === undefined ? {} : { failure }) };
  } finally {
    connections.close();
  }
}

function textOf(args: Args, name: string): string {
  const value = args[name];
  if (typeof value !== 'string' || value === '')
    throw new AdapterError('ADAPTER_USAGE', `${name} is missing`);
  return value;
}

function unknown(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such webhook');
}
