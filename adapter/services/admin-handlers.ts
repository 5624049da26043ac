/** What the running instance does for other commands. */
import { listClaims } from './claims/index.js';
import { addWebhook, listWebhooks, removeWebhook, testWebhook } from './webhooks/index.js';
import {
  decideForCustodian,
  listAccess,
  listRules,
  showOneAccess,
  takeRule,
  takeSigned,
} from './access/index.js';
import { accessLog } from './account/index.js';
import { backedUp, makeBackup } from './backup/index.js';
import type { BackupArgs } from './backup/index.js';
import { backupPeriods, beginPeriod, noteDestroyed } from './backup-periods.js';
import type { NewPeriod } from './backup-periods.js';
import { decideCohort, listCohorts, showCohort } from './cohorts/index.js';
import { discardDeadLetters, listDeadLetters, replayDeadLetters, showDeadLetter } from './dead-letters.js';
import type { DeadLetterFilter } from './dead-letters.js';
import type { OperatorService } from '../http/operator.js';
import type { Instance } from '../instance/instance.js';
import type { AdminHandler } from './admin.js';
import { analyse, analyseStudy } from './analysis.js';
import {
  caApprove,
  caEnrol,
  caInit,
  caList,
  caParticipants,
  caRefuse,
  caRenew,
  caRevoke,
  caRotate,
  caShow,
} from './ca/admin.js';
import { addClient, listClients, revokeClient } from './client-admin.js';
import type { AddClientArgs } from './client-admin.js';
import { exportPublished } from './export-published.js';
import { explainAccess, listConsents, showConsent } from './explain/index.js';
import type { ExplainArgs } from './explain/index.js';
import {
  addDuty,
  endDuty,
  listDuties,
  listEmergencies,
  logOrigin,
  openEmergency,
  reviewEmergency,
} from './exceptional/index.js';
import { eraseAsAsked, eraseDue, listHolds, releaseHold, setHold } from './erasure/index.js';
import type { EraseRequest, HoldRequest } from './erasure/index.js';
import { runImport } from './importing.js';
import { listKeys, rotateLogKey } from './key-admin.js';
import type { ImportArgs } from './importing.js';
import {
  listModels,
  publicationOf,
  publishStudy,
  reproduceModel,
  showModel,
  watchPublished,
} from './models.js';
import { prove } from './proofs/index.js';
import type { ProveArgs } from './proofs/index.js';
import { showReconciled } from './reconciliation/index.js';
import type { Reconciliations } from './reconciliation/index.js';
import { scoreNow } from './scoring.js';
import type { ScoreArgs } from './scoring.js';
import {
  addSource,
  exploreSource,
  listSources,
  pauseSource,
  removeSource,
  resumeSource,
} from './source-admin.js';
import type { AddSourceArgs } from './source-admin.js';
import { testSource } from './source-check.js';
import { sourceHealth } from './source-health.js';
import type { SourceReadings } from './source-readings.js';
import { syncAsAsked } from './source-sync.js';
import type { SyncArgs } from './source-sync.js';
import { sendVaultRows } from './vault-rows.js';
import { invitePatients, takeWalletAct } from './wallets/index.js';

export function adminHandlers(
  instance: Instance,
  readings: SourceReadings,
  reconciliations: Reconciliations,
): Readonly<Record<string, AdminHandler>> {
  return {
    'analyze-study': (args, onProgress) =>
      analyseStudy(
        instance,
        String(args['text']),
        String(args['name']),
        onProgress,
        typeof args['samples'] === 'number' ? args['samples'] : undefined,
      ),
    'model-list': () => listModels(instance),
    'model-show': (args) => showModel(instance, String(args['handle'])),
    'model-card': (args) => publicationOf(instance, String(args['handle'])),
    'model-publish': (args, onProgress) =>
      publishStudy(instance, String(args['text']), String(args['name']), onProgress),
    'model-reproduce': (args, onProgress) => reproduceModel(instance, String(args['handle']), onProgress),
    'model-watch': (args, onProgress) => watchPublished(instance, String(args['handle']), onProgress),
    score: (args) => scoreNow(instance, args as unknown as ScoreArgs),
    analyze: (args, onProgress) => analyse(instance, onProgress, args['refresh'] === true),
    import: (args, onProgress, signal) =>
      runImport(instance, args as unknown as ImportArgs, onProgress, signal),
    'source-add': (args) => addSource(instance, args as unknown as AddSourceArgs),
    'client-add': (args) => addClient(instance, args as unknown as AddClientArgs),
    'client-list': async () => listClients(instance),
    'client-revoke': (args) =>
      revokeClient(instance, String(args['id']), args['reason'] as string | undefined),
    'ca-init': () => caInit(instance),
    'ca-enrol': (args) => caEnrol(instance, args),
    'ca-approve': (args) => caApprove(instance, args),
    'ca-refuse': (args) => caRefuse(instance, args),
    'ca-renew': (args) => caRenew(instance, args),
    'ca-rotate': (args) => caRotate(instance, args),
    'ca-revoke': (args) => caRevoke(instance, args),
    'ca-crl': () => caList(instance),
    'ca-list': (args) => caParticipants(instance, args),
    'ca-show': (args) => caShow(instance, args),
    'cohort-list': () => listCohorts(instance),
    'cohort-show': (args) => showCohort(instance, args),
    'cohort-decide': (args) => decideCohort(instance, args),
    'request-signed': (args) => takeSigned(instance, args),
    'request-decide': (args) => decideForCustodian(instance, args),
    'webhook-add': (args) => addWebhook(instance, args),
    'webhook-list': async () => listWebhooks(instance),
    'webhook-remove': (args) => removeWebhook(instance, args),
    'webhook-test': (args) => testWebhook(instance, args),
    'request-rule': (args) => takeRule(instance, args),
    'request-rules': (args) => listRules(instance, args),
    'request-list': (args) => listAccess(instance, args),
    'claim-list': () => listClaims(instance),
    'request-show': async (args) => showOneAccess(instance, args),
    'emergency-open': (args) => openEmergency(instance, args),
    'emergency-review': (args) => reviewEmergency(instance, args),
    'emergency-list': (args) => listEmergencies(instance, args),
    'duty-add': (args) => addDuty(instance, args),
    'duty-end': (args) => endDuty(instance, args),
    'duty-list': () => listDuties(instance),
    'log-origin': () => logOrigin(instance),
    'wallet-invite': (args) => invitePatients(instance, args),
    'wallet-act': (args) => takeWalletAct(instance, args),
    'keys-list': () => listKeys(instance),
    'keys-rotate-log': (args) => rotateLogKey(instance, Number(args['overlapMs'])),
    'source-explore': (args) => exploreSource(instance, args as unknown as AddSourceArgs),
    'source-show': (args) => showReconciled(instance, String(args['id'])),
    'source-test': (args) => testSource(instance, String(args['id'])),
    'source-pause': (args) => pauseSource(instance, String(args['id'])),
    'source-resume': (args) => resumeSource(instance, String(args['id'])),
    'source-remove': (args) => removeSource(instance, String(args['id'])),
    'source-keys': () => instance.sourceKeys.make(),
    'source-list': async () => listSources(instance),
    'source-sync': (args, onProgress, signal) =>
      syncAsAsked(
        instance,
        args as unknown as SyncArgs,
        onProgress,
        (id, tell) => readings.read(id, tell),
        signal,
      ),
    'source-reconcile': (args, onProgress) =>
      reconciliations.run(String(args['id']), onProgress, args['believesLoss'] === true),
    'dead-letters': (args) => listDeadLetters(instance, filterOf(args), args),
    'dead-letters-show': (args) => showDeadLetter(instance, String(args['seq'])),
    'dead-letters-replay': (args) =>
      replayDeadLetters(instance, args['seqs'] as readonly string[], filterOf(args)),
    'dead-letters-discard': (args) =>
      discardDeadLetters(instance, args['seqs'] as readonly string[], filterOf(args)),
    'source-health': () => sourceHealth(instance),
    prove: (args) => prove(instance, args as unknown as ProveArgs),
    'access-log': (args) => accessLog(instance, args),
    explain: (args) => explainAccess(instance, args as unknown as ExplainArgs),
    'consent-list': (args) => listConsents(instance, args as unknown as { patient: string }),
    'consent-show': (args) => showConsent(instance, String(args['handle'])),
    erase: (args) => eraseAsAsked(instance, args as unknown as EraseRequest),
    'erase-due': () => eraseDue(instance),
    'hold-set': (args) => setHold(instance, args as unknown as HoldRequest),
    'hold-release': (args) => releaseHold(instance, args as unknown as HoldRequest),
    'hold-list': () => listHolds(instance),
    'log-export': (args) => exportPublished(instance, String(args['dir'])),
    'vault-rows': (_args, onProgress, signal) =>
      sendVaultRows(instance.store, instance.bodies.blobs, onProgress, signal),
    backup: (args, onProgress, signal) =>
      makeBackup(backedUp(instance), args as unknown as BackupArgs, onProgress, signal),
    'backup-keys': async () => backupPeriods(instance.store),
    'backup-keys-new': (args) => beginPeriod(instance.store, args as unknown as NewPeriod, instance.nowMs()),
    'backup-keys-destroyed': (args) => noteDestroyed(instance.store, String(args['id']), instance.nowMs()),
    witnesses: async () => instance.witnessing.report() ?? null,
  };
}

/** The same for the operator's HTTP. */
export function operatorService(instance: Instance, metrics: OperatorService['metrics']): OperatorService {
  return {
    list: (filter, page) => listDeadLetters(instance, filter, page),
    show: (seq) => showDeadLetter(instance, seq),
    replay: (seqs, filter) => replayDeadLetters(instance, seqs, filter),
    discard: (seqs, filter) => discardDeadLetters(instance, seqs, filter),
    sources: () => sourceHealth(instance),
    metrics,
  };
}

function filterOf(args: Readonly<Record<string, unknown>>): DeadLetterFilter {
  return args['filter'] ?? {};
}
