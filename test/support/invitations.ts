/** Invitations of a hospital's system, as it makes them. */
import { ask } from '../adapter/support/bench.js';

/** @returns The code for a patient of the source. */
export async function invitationOf(
  url: string,
  source: { readonly id: string; readonly secret: string },
  patient: string,
): Promise<string> {
  const answer = await ask(url, `/sources/${source.id}/invitations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${source.secret}` },
    body: JSON.stringify({ patients: [patient] }),
  });
  const { invitations } = JSON.parse(answer.body.toString()) as { invitations: { code: string }[] };
  const [first] = invitations;
  if (first === undefined) throw new Error(`no invitation: ${answer.status}`);
  return first.code;
}
