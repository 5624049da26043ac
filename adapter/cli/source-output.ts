/** What `firebreak source` prints for people. */
import type { LastReconciled } from '../services/reconciliation/index.js';
import type { AddedSource, ListedSource, ShownSource } from '../services/source-admin.js';
import type { TestedSource } from '../services/source-check.js';
import type { ChosenChannel, Discovery } from '../services/source-discovery.js';

export function addedText({ id, hookPath, secret, found, channels }: AddedSource): string {
  const added = [`source ${id} added`, `hook    ${hookPath}`, `secret  ${secret}`];
  return (found === undefined ? added : [foundText(found, channels), '', ...added]).join('\n');
}

export function foundText(found: Discovery, channels: readonly ChosenChannel[]): string {
  const { software = 'a FHIR server', version = '', fhirVersion = 'unknown', history, bulk, smart } = found;
  const histories = [
    ...(history.system ? ['of the server'] : []),
    ...(history.type > 0 ? [`of ${history.type} types`] : []),
    ...(history.instance > 0 ? [`of resources of ${history.instance} types`] : []),
  ];
  const exports = (['system', 'patient', 'group'] as const).filter((level) => bulk[level]);
  const topics = found.topicSubscriptions ? `topics (${found.topics.length} named)` : '';
  return [
    `server         ${`${software} ${version}`.trim()}, FHIR ${fhirVersion}`,
    `types          ${found.types.length}, ${found.searchable.length} can be searched`,
    `subscriptions  ${[found.restHook ? 'rest-hook' : '', topics].filter((one) => one !== '').join(', ') || 'none'}`,
    `history        ${histories.join(', ') || 'none'}`,
    `$export        ${exports.join(', ') || 'none'}`,
    `tokens         ${smart?.tokenUrl ?? 'none told'}${smart?.hasPrivateKeyJwt === true ? ' (private_key_jwt)' : ''}`,
    ...channels.map(({ channel, chosen, why }) => `  ${chosen ? '+' : '-'} ${channel.padEnd(12)} ${why}`),
    ...found.warnings.map((warning) => `note           ${warning}`),
  ].join('\n');
}

export function listText(sources: readonly ListedSource[]): string {
  const rows = sources.map(
    ({ id, kind, name, state, baseUrl, channels, types }) =>
      `${id}  ${kind}  ${state}  ${name}  ${baseUrl ?? ''}  ${channels.join(',')}  ${types} types read`,
  );
  return rows.join('\n') || 'no sources';
}

export function shownText(source: ShownSource & { readonly reconciled: LastReconciled | null }): string {
  const { server, credential, custodian, lastExport } = source;
  return [
    `source     ${source.id}, ${source.name} (${source.state})`,
    `server     ${source.baseUrl ?? 'none: files'}`,
    ...(server === undefined
      ? []
      : [
          `software   ${server.software ?? 'unknown'} ${server.version ?? ''}, FHIR ${server.fhirVersion ?? 'unknown'}`,
        ]),
    `channels   ${source.channels.join(', ') || 'none'}`,
    `hook       ${source.hookPath}`,
    `we show    ${credential === null ? 'nothing' : Object.values(credential).join(', ')}`,
    `custodian  ${custodian.name} (${custodian.id})`,
    `research   ${source.allowsResearch ? 'where patients permit it' : 'no'}`,
    `private    ${source.allowPrivate.join(', ') || 'no private addresses'}`,
    `rate       ${source.requestsPerSecond} requests a second`,
    `added      ${source.addedAt}`,
    `reconciled ${reconciledText(source.reconciled)}`,
    ...(lastExport === undefined
      ? []
      : [
          `export     up to ${lastExport.transactionTime}, ${lastExport.files} files, ${lastExport.lines} lines, ${lastExport.isComplete ? 'complete' : 'NOT complete'}`,
        ]),
    ...Object.entries(source.syncedTo).map(([type, until]) => `  read ${type} up to ${until}`),
  ].join('\n');
}

function reconciledText(last: LastReconciled | null): string {
  if (last === null) return 'never';
  return `${last.at}, ${last.isNothingMissed ? 'nothing was missed' : 'not all is here'}`;
}

export function checksText({ checks }: TestedSource): string {
  return checks
    .map(({ check, ok, detail, ms }) => {
      const took = ms === undefined ? '' : `  (${ms} ms)`;
      return `${ok ? 'ok  ' : 'FAIL'}  ${check.padEnd(9)} ${detail}${took}`;
    })
    .join('\n');
}
