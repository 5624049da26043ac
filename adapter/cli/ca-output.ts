/** How the authority's answers read on a terminal. */
import type {
  ShownAuthority,
  ShownInFull,
  ShownList,
  ShownParticipant,
  ShownRequest,
} from '../services/ca/admin.js';

export function authorityText({ origin, root, issuing, list }: ShownAuthority): string {
  return [
    `origin   ${origin}`,
    `root     ${root.fingerprint}`,
    `issuing  ${issuing.fingerprint}, until ${day(issuing.notAfter)}`,
    `list     ${list.number}: ${list.revoked} revoked, next by ${list.nextUpdate}`,
    root.certificate.trimEnd(),
  ].join('\n');
}

export function requestText(request: ShownRequest): string {
  const { id, state, group, name, askedBy, askedAt, decidedBy, decidedAt, reason, participant } = request;
  return [
    `request ${id}  ${state}  ${group}  ${name}`,
    `asked    by ${askedBy}, ${askedAt}`,
    `sha256   ${request.csrSha256}`,
    ...(request.vouched === undefined
      ? []
      : [`vouched  by the authority ${request.vouched.anchor}, serial ${request.vouched.serialNumber}`]),
    ...(decidedBy === undefined ? [] : [`decided  by ${decidedBy}, ${decidedAt ?? ''}`]),
    ...(reason === undefined ? [] : [`because  ${reason}`]),
    ...(state === 'pending' ? [`next     another person: firebreak ca approve ${id} --by NAME`] : []),
    ...(participant === undefined ? [] : [line(participant)]),
    ...(request.certificate === undefined ? [] : [request.certificate.trimEnd()]),
  ].join('\n');
}

export function participantText(shown: ShownInFull): string {
  const { revoked, askedBy, approvedBy } = shown;
  return [
    line(shown),
    `handle   ${shown.handle}`,
    `kid      ${shown.fingerprint}`,
    `serial   ${shown.serialNumber}`,
    ...(revoked === undefined ? [] : [`revoked  ${revoked.at}, ${revoked.reason}`]),
    ...(askedBy === undefined ? [] : [`asked    by ${askedBy}, approved by ${approvedBy ?? ''}`]),
    ...shown.certificates.map(
      ({ by, serialNumber, notBefore, notAfter }) =>
        `${by}  ${serialNumber}  ${day(notBefore)} to ${day(notAfter)}`,
    ),
    shown.certificate.trimEnd(),
  ].join('\n');
}

export function listText({ requests, participants }: ShownList): string {
  return [
    ...requests.map(({ id, state, group, name, askedBy }) =>
      [id, state, group, name, `asked by ${askedBy}`].join('  '),
    ),
    ...participants.map(line),
  ].join('\n');
}

function line({ id, group, role, state, notAfter, name }: ShownParticipant): string {
  const what = role === undefined || role === 'organisation' ? group : role;
  return [id, what, state, `until ${day(notAfter)}`, ...(name === undefined ? [] : [name])].join('  ');
}

function day(time: string): string {
  return time.slice(0, 10);
}
