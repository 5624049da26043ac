/** Wallets and their records for the command line. */
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';

type Args = Readonly<Record<string, unknown>>;

/** Invites patients of a source, by their ids there. */
export function invitePatients(
  instance: Instance,
  args: Args,
): Promise<{ invitations: { patient: string; code: string }[] }> {
  const source = textOf(args, 'source');
  if (instance.sources.get(source) === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', `no source ${source.slice(0, 64)}`);
  return instance.enrolment.invite(source, args['patients']);
}

/** What a signed body may be about. */
const ACTS = {
  enrol: ({ enrolment }: Instance, body: Buffer) => enrolment.enrol(body),
  link: ({ enrolment }: Instance, body: Buffer) => enrolment.link(body),
  unlink: ({ wallets }: Instance, body: Buffer) => wallets.unlinking.end(body),
  renew: ({ wallets }: Instance, body: Buffer) => wallets.keys.renew(body),
  rotate: ({ wallets }: Instance, body: Buffer) => wallets.keys.rotate(body),
  lost: ({ wallets }: Instance, body: Buffer) => wallets.reEnrolment.begin(body),
  appoint: ({ representatives }: Instance, body: Buffer) => representatives.appoint(body),
  'end-appointment': ({ representatives }: Instance, body: Buffer) => representatives.end(body),
  consent: ({ consents }: Instance, body: Buffer) => consents.submit(body),
} as const satisfies Record<string, (instance: Instance, body: Buffer) => Promise<object>>;
export type WalletAct = keyof typeof ACTS;

/** Takes what was signed elsewhere. @throws AdapterError ADAPTER_USAGE for an act that is none; as the services do. */
export function takeWalletAct(instance: Instance, args: Args): Promise<object> {
  const act = textOf(args, 'act');
  if (!Object.hasOwn(ACTS, act))
    throw new AdapterError('ADAPTER_USAGE', `acts are ${Object.keys(ACTS).join(', ')}`);
  return ACTS[act as WalletAct](instance, Buffer.from(textOf(args, 'body'), 'utf8'));
}

function textOf(args: Args, name: string): string {
  const value = args[name];
  if (typeof value !== 'string' || value === '')
    throw new AdapterError('ADAPTER_USAGE', `${name} is missing`);
  return value;
}
