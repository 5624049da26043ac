/**
 * An instance: one data folder, opened. It wires the parts together and knows the order in which they start and
 * stop; the parts know each other only by what is handed to them.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Appender, entryTotals } from '../../ledger/custody/index.js';
import type { EntryTotals, Signer } from '../../ledger/custody/index.js';
import { openEmbedded } from '../../ledger/engines/index.js';
import type { Engine } from '../../ledger/engines/index.js';
import type { Authority } from '../../ledger/participants/index.js';
import { openStateMap } from '../../ledger/state/index.js';
import type { StateMap } from '../../ledger/state/index.js';
import type { Store } from '../../ledger/store.js';
import { Blobs, openKeyRing, x25519PublicKey } from '../../ledger/vault/index.js';
import type { AskPassphrase, InstanceKeys, KeyRing } from '../../ledger/vault/index.js';
import type { Config } from '../config.js';
import { codeOf, messageOf } from '../errors.js';
import type { AdapterError } from '../errors.js';
import type { ResolveName } from '../inbound/connections.js';
import { Inbox } from '../inbound/inbox.js';
import type { SourceClient } from '../inbound/source-client.js';
import type { Logger } from '../logger.js';
import { Pipeline } from '../pipeline.js';
import { Dispatcher } from '../queue/dispatcher.js';
import type { RedisAddress } from '../queue/dispatcher.js';
import { startPrivateRedis } from '../queue/private-redis.js';
import type { PrivateRedis } from '../queue/private-redis.js';
import {
  Certification,
  CertifiedRows,
  completeCertifiedRows,
  readLists,
  readTrustAnchors,
} from '../services/ca/index.js';
import { Enrolment } from '../services/enrolment.js';
import { AccessRequests } from '../services/access/index.js';
import { Aggregates, CohortExports, Cohorts, DurableBudget } from '../services/cohorts/index.js';
import { Exceptional } from '../services/exceptional/index.js';
import { concernedClinicians } from '../services/facade/concerned.js';
import { Hints, Notices } from '../services/notices/index.js';
import { Webhooks } from '../services/webhooks/index.js';
import { Representatives } from '../services/representatives/index.js';
import {
  Attestations,
  ReEnrolment,
  Unlinking,
  WalletKeys,
  WalletSigners,
} from '../services/wallets/index.js';
import { PushIdentifiers } from '../services/push/identifiers.js';
import { compactAway, probesOf, rowRange } from '../services/erasure/compaction.js';
import { Erasures } from '../services/erasure/index.js';
import { SourceClients } from '../services/source-clients.js';
import { Statistics } from '../services/statistics.js';
import { configuredWitnesses, startWitnessing } from '../services/witness/index.js';
import type { Witnessing } from '../services/witness/index.js';
import { Anchoring } from './anchoring.js';
import type { PlacedAnchor } from './anchoring.js';
import { bootstrap } from './bootstrap.js';
import type { Organisation } from './bootstrap.js';
import { Clients } from './clients.js';
import { Consents } from './consents.js';
import { Directory } from './directory.js';
import { LargeBodies } from './large-bodies.js';
import { completeFacadeIndex } from './facade-index.js';
import { openIdentity } from './identity.js';
import type { Identity } from './identity.js';
import { Listings } from './listings.js';
import { ServedForms } from './served-forms.js';
import { LogRotation } from './log-rotation.js';
import { Merges } from './merges.js';
import { Records } from './records.js';
import { renewIfDue, RENEWAL_LOOK_MS } from './renewal.js';
import { SourceKeys } from './source-keys.js';
import { Sources } from './sources.js';
import { openStore } from './store.js';
import { subjectRowKey, Subjects } from './subjects.js';
import { requireSettled } from './unsettled.js';

export interface Instance {
  readonly config: Config;
  readonly identity: Identity;
  readonly store: Store;
  readonly keys: InstanceKeys;
  /** What the keys are kept in. */
  readonly keyRing: KeyRing;
  readonly logRotation: LogRotation;
  readonly engine: Engine;
  /** What the log says of every consent, participant and tag. */
  readonly state: StateMap;
  /** Puts the state's root on the log, unless the newest leaf is that already. See {@link Anchoring.anchor}. */
  readonly anchorState: () => Promise<PlacedAnchor>;
  /** Where the anchor of a size stands on the log. */
  readonly anchorAt: (size: number) => PlacedAnchor | undefined;
  /** Tells a listener of each newly signed checkpoint; it must return at once and not throw. */
  readonly onCheckpoint: (listener: (note: Buffer) => void) => void;
  /** What the witnesses of the configured policy cosigned. */
  readonly witnessing: Witnessing;
  /** The checkpoint that is served: cosigned by a quorum, where the configuration has a policy. */
  readonly publishedCheckpoint: () => Buffer;
  readonly appender: Appender;
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  /** Who is certified, and who no longer. */
  readonly certification: Certification;
  /** The instance's own organisation. */
  readonly organisation: Organisation;
  readonly sources: Sources;
  /** With what this instance proves who it is to sources. */
  readonly sourceKeys: SourceKeys;
  /** The readers of the sources. */
  readonly sourceClients: SourceClients;
  readonly clients: Clients;
  readonly subjects: Subjects;
  readonly consents: Consents;
  readonly records: Records;
  /** Cards of a patient's records, as listings need them. */
  readonly listings: Listings;
  /** Records as they were last served. */
  readonly servedForms: ServedForms;
  /** Resources that belong to no patient. */
  readonly directory: Directory;
  /** Finds pushed resources by their identifiers. */
  readonly pushIdentifiers: PushIdentifiers;
  readonly inbox: Inbox;
  /** Bodies of images, in sealed files. */
  readonly bodies: LargeBodies;
  readonly dispatcher: Dispatcher;
  readonly enrolment: Enrolment;
  readonly representatives: Representatives;
  /** What becomes of patients' enrolments. */
  readonly wallets: {
    readonly keys: WalletKeys;
    readonly unlinking: Unlinking;
    readonly reEnrolment: ReEnrolment;
    readonly attestations: Attestations;
  };
  readonly erasures: Erasures;
  /** Emergencies and duties by law. */
  readonly exceptional: Exceptional;
  readonly accessRequests: AccessRequests;
  readonly cohorts: Cohorts;
  /** Counts with noise. */
  readonly aggregates: Aggregates;
  readonly cohortExports: CohortExports;
  /** What participants are told. */
  readonly notices: Notices;
  /** Servers of participants that are told too. */
  readonly webhooks: Webhooks;
  /** What open pages are told. */
  readonly hints: Hints;
  readonly statistics: Statistics;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** Keys of patients whose records changed since it was last taken. */
  readonly touched: Set<string>;
  readonly client: (source: string) => SourceClient | undefined;
  readonly totals: () => EntryTotals;
  /** Whether all that was acknowledged has been dealt with. */
  readonly isIdle: () => boolean;
  /** Why the store takes no more writes, once one has failed: only opening the instance anew helps then. */
  readonly storeFailure: () => AdapterError | undefined;
  close(): Promise<void>;
}

export interface InstanceOptions {
  readonly config: Config;
  /** `true` asks for a demo; `undefined` takes what the folder is. */
  readonly demo: boolean | undefined;
  readonly logger: Logger;
  readonly nowMs?: () => number;
  /** How names of sources are resolved. Default: by the system. */
  readonly resolveName?: ResolveName | undefined;
  /** Asked for the passphrase of the keys, where they lie under one. */
  readonly passphrase?: AskPassphrase;
  /** Opens without a private Redis where none can be started, and goes on trying: what comes waits in the inbox. */
  readonly mayWaitForRedis?: boolean;
  /** Told once when the store took a write no more. */
  readonly onStoreFailure?: (error: AdapterError) => void;
}

/** How often it is looked for what has waited too long, ms. */
const WAITING_LOOK_MS = 60 * 60 * 1000;
const DAY_MS = 86_400_000;

/** How often it is looked for emergencies that nobody has reviewed in time, ms. */
const REMINDER_LOOK_MS = 10 * 60 * 1000;

/** How often an erasure is finished whose bytes were still read by somebody, ms. */
const ERASURE_LOOK_MS = 60 * 60 * 1000;

/**
 * Opens an instance and starts its queue; what a former run left undone goes on.
 *
 * @throws AdapterError, VaultError, LedgerError or QueueError, with whatever was opened closed again.
 */
export async function openInstance(options: InstanceOptions): Promise<Instance> {
  const { config, logger } = options;
  const nowMs = options.nowMs ?? Date.now;
  const opened: (() => Promise<unknown>)[] = [];
  try {
    return await open();
  } catch (error) {
    for (const close of opened.toReversed()) await close().catch(() => undefined);
    throw error;
  }

  async function open(): Promise<Instance> {
    const configured = configuredWitnesses(config);
    const anchors = readTrustAnchors(config.trustAnchors);
    readLists(config.trustAnchorLists);
    requireSettled(config.dataDir);
    // The store's lock comes first: two processes must not make keys or identities side by side.
    let storeFailure: AdapterError | undefined;
    const store = await openStore(config.dataDir, (error) => {
      storeFailure = error;
      logger.error('the store failed; nothing more is acknowledged', { code: error.code });
      options.onStoreFailure?.(error);
    });
    opened.push(() => store.close());
    const identity = openIdentity(config.dataDir, { demo: options.demo }, nowMs());
    const keyRing = await openKeyRing(join(config.dataDir, 'keys'), options.passphrase);
    const { keys } = keyRing;
    const state = await openStateMap(store);
    const checkpointListeners: ((note: Buffer) => void)[] = [];
    const engine = await openEmbedded(store, {
      origin: identity.origin,
      logKeySeed: keys.logSeed,
      ...(keys.nextLogSeed === undefined ? {} : { nextLogKeySeed: keys.nextLogSeed }),
      nowMs,
      state,
      onPublish: (note) => {
        for (const listener of checkpointListeners) listener(note);
      },
    });
    opened.push(() => engine.close());
    const witnessing = await startWitnessing({
      configured,
      store,
      engine,
      onCheckpoint: (listener) => checkpointListeners.push(listener),
      logger,
      nowMs,
    });
    opened.push(() => witnessing.close());
    const begun = await bootstrap({ store, keys, engine, identity, nowMs });
    const { authority, authoritySigner, instanceSigner } = begun;
    const appender = new Appender({ store, engine, origin: identity.origin, instance: instanceSigner });
    opened.push(() => appender.close());
    const anchoring = new Anchoring({
      store,
      engine,
      appender,
      state,
      periodMs: config.anchorSeconds * 1000,
      logger,
    });
    opened.push(() => anchoring.close());
    const certified = new CertifiedRows(store, keys.storage.indexKey);
    const renewal = { appender, authority, authoritySigner, keys, engine, certified, instanceSigner, nowMs };
    let organisation = await renewIfDue(begun.organisation, renewal);
    const notEnded = (error: unknown): void => {
      logger.error('rotation of the log’s key not ended', { code: codeOf(error) });
    };
    const logRotation = new LogRotation({ store, engine, appender, keyRing, nowMs, onFailure: notEnded });
    opened.push(() => logRotation.close());
    await logRotation.settle();
    const renew = async (): Promise<void> => {
      try {
        organisation = await renewIfDue(organisation, renewal);
      } catch (error) {
        logger.error('certificate not renewed', { code: codeOf(error) });
      }
      await logRotation.settle().catch(notEnded);
      await certification.revocations.renewIfDue().catch((error: unknown) => {
        logger.error('revocation list not renewed', { code: codeOf(error) });
      });
      await certification.reviewVouched().catch((error: unknown) => {
        logger.error('lists of other authorities not looked through', { code: codeOf(error) });
      });
    };
    const notices = new Notices({ store, keys, appender: () => appender, nowMs });
    const clients = await Clients.open(store, keys.storage.indexKey);
    const certification = new Certification({
      store,
      keys,
      appender,
      engine,
      authority,
      authoritySigner,
      clients,
      instance: organisation.participant,
      approval: config.enrolmentApproval,
      trusted: { anchors, lists: () => readLists(config.trustAnchorLists) },
      admits: config.trustAnchorsAdmit === 'yes',
      alsoEnds: {
        writes: (handle) => sources.endWrites(handle),
        after: (handle) => endSources(handle),
      },
      nowMs,
    });
    await completeCertifiedRows({ store, keys, appender, certification, clients, organisation });
    await certification.revocations.renewIfDue();
    const renewalTimer = setInterval(() => {
      void renew();
    }, RENEWAL_LOOK_MS);
    renewalTimer.unref();
    opened.push(async () => clearInterval(renewalTimer));

    const sources = await Sources.open(store, keys.storage.indexKey, () => appender);
    const isRevoked = (handle: string): boolean => certification.rows.get(handle)?.revoked !== undefined;
    sources.judgeCustodians(isRevoked);
    // Begun before a crash, perhaps: of a hospital that was revoked nothing is heard any more.
    for (const { id, custodian: keeper, state: heard } of sources.list())
      if (heard !== 'removed' && isRevoked(keeper.participant)) await sources.remove(id);
    const endSources = async (handle: string): Promise<void> => {
      consents.forgetAll();
      for (const { id } of sources.of(handle)) {
        await sources.remove(id);
        sourceClients.of(id);
      }
    };
    const custodian = { kid: organisation.fingerprint, x25519Public: x25519PublicKey(keys.instanceX25519) };
    const subjects = new Subjects(store, keys, custodian, () => appender);
    const records = new Records(keys, identity.origin);
    const listings = new Listings(store, records);
    const servedForms = new ServedForms(store, config.servedBytesMax);
    const indexed = await completeFacadeIndex(store, subjects, records);
    if (indexed !== undefined && indexed > 0) logger.info('facade index completed', { rows: indexed });
    const directory = new Directory(keys);
    const pushIdentifiers = new PushIdentifiers({ store, keys: keys.storage, records, directory });
    const listed = await directory.complete(
      store,
      sources.list().map(({ id }) => id),
    );
    if (listed !== undefined && listed > 0) logger.info('directory index completed', { resources: listed });
    const statistics = new Statistics();
    const instanceReference = `Organization/${organisation.id}`;
    const sourceKeys = SourceKeys.open(store, keys.storage.indexKey, () => appender);
    const sourceClients = new SourceClients({
      sources,
      keys: sourceKeys,
      requestsPerSecond: config.sourceRequestsPerSecond,
      nowMs,
      resolveName: options.resolveName,
    });
    opened.push(async () => sourceClients.close());
    const client = (id: string): SourceClient | undefined => sourceClients.of(id);

    // Inbox, consents and dispatcher name each other: events flow in a ring when consents release them.
    let dispatcher: Dispatcher | undefined;
    const hints = new Hints({
      listenersOf: async (subjectKey) => {
        const subject = await subjects.find(subjectKey);
        return subject?.wallet === undefined ? [] : [subject.wallet.participant];
      },
      readersOf: (subjectKey, listening) =>
        concernedClinicians(
          { subjects, consents, sources, certified: certification.rows },
          subjectKey,
          listening,
        ),
      deskOf: (source) => sources.get(source)?.custodian.participant,
      nowMs,
    });
    sources.onChange(({ id }) => hints.ofSource(id, 'desk-changed'));
    const inbox = await Inbox.open({
      store,
      keys: keys.storage,
      dataDir: config.dataDir,
      diskReserveBytes: config.diskReserveBytes,
      partitions: config.partitions,
      onDurable: (seq, partition) => dispatcher?.enqueue(seq, partition),
      onMoved: (source) => hints.ofSource(source, 'desk-changed'),
      nowMs,
    });
    opened.push(() => inbox.close());
    const merges = new Merges(keys, () => appender);
    const exceptional = await Exceptional.open(
      {
        store,
        keys,
        appender: () => appender,
        certified: certification.rows,
        subjects: () => subjects,
        sources: () => sources,
        notices,
        origin: identity.origin,
        fingerprint: () => organisation.fingerprint,
        emergencyMs: config.emergencyMinutes * 60_000,
        reviewMs: config.emergencyReviewHours * 3_600_000,
        mayBeRefused: config.emergencyMayBeRefused === 'yes',
        logger,
        nowMs,
      },
      () => consents.forgetAll(),
    );
    const attestations = new Attestations({
      certified: certification.rows,
      sources: () => sources,
      logger,
      nowMs,
    });
    const representatives = new Representatives({
      store,
      indexKey: keys.storage.indexKey,
      appender,
      subjects,
      certified: certification.rows,
      attestations,
      notices,
      origin: identity.origin,
      logger,
      nowMs,
    });
    const accessRequests = new AccessRequests({
      representatives,
      store,
      keys,
      appender: () => appender,
      certified: certification.rows,
      subjects: () => subjects,
      sources: () => sources,
      notices,
      origin: identity.origin,
      fingerprint: () => organisation.fingerprint,
      answerMs: config.requestDays * 86_400_000,
      logger,
      nowMs,
    });
    const consents = new Consents({
      store,
      keys,
      appender,
      subjects,
      sources,
      merges,
      exceptional: async (subjectKey, source) => [
        ...(await exceptional.policies(subjectKey, source)),
        ...(await accessRequests.policies(subjectKey)),
      ],
      representatives,
      attestations,
      instanceReference,
      nowMs,
      onSigned: (subjectKey) => {
        hints.ofRecord(subjectKey, 'consent-changed');
        hints.ofReaders(subjectKey, 'patients-changed');
      },
      release: async (subjectKey, rows) => {
        const released = await inbox.release(subjectKey, rows);
        statistics.count('released', released);
        return released;
      },
    });
    const bodies = new LargeBodies({
      store,
      blobs: new Blobs(join(config.dataDir, 'blobs'), identity.origin),
      bytesMax: config.imageBytesMax,
      requireSpace: () => inbox.requireSpace(),
    });
    const { removed, missing } = await bodies.check();
    if (removed > 0) logger.info('sealed files that nothing names are removed', { removed });
    if (missing.length > 0)
      logger.error('sealed files of records are missing or cut off', {
        count: missing.length,
        first: missing[0],
      });
    const touched = new Set<string>();
    const pipeline = new Pipeline({
      store,
      inbox,
      appender,
      subjects,
      consents,
      merges,
      records,
      directory,
      bodies,
      sources,
      reader: client,
      pushed: pushIdentifiers,
      statistics,
      logger,
      nowMs,
      onStored: (subjectKey, type) => {
        touched.add(subjectKey);
        hints.ofRecord(subjectKey, 'record-changed');
        if (type === 'Patient') hints.ofReaders(subjectKey, 'patients-changed');
      },
      onWaiting: (subjectKey) => hints.ofRecord(subjectKey, 'record-waiting'),
    });

    const redis = await openRedis(config, logger, options.mayWaitForRedis === true);
    opened.push(() => redis.stop());
    const signers = new WalletSigners({
      store,
      indexKey: keys.storage.indexKey,
      certified: certification.rows,
      origin: identity.origin,
      logger,
      nowMs,
    });
    const enrolling = { store, keys, appender, authority, authoritySigner, certification, signers, engine };
    const unlinking = new Unlinking({
      ...enrolling,
      indexKey: keys.storage.indexKey,
      subjects,
      consents: () => consents,
      representatives: () => representatives,
      accessRequests: () => accessRequests,
      // The wrap that was destroyed lies in older bytes of the row until they are compacted away.
      destroy: async (subjectKey, before) => {
        const range = rowRange(subjectRowKey(subjectKey));
        const probes = before === undefined ? [] : probesOf(before);
        const areGone = await compactAway(store, join(config.dataDir, 'store'), [range], probes).catch(
          () => false,
        );
        if (!areGone) logger.warn('bytes of a record’s row are still on the disk', {});
      },
      nowMs,
    });
    await unlinking.resume();
    await consents.resumeReleases();
    dispatcher = await Dispatcher.open(
      {
        redis: redis.address,
        prefix: `firebreak-${identity.origin.replaceAll(/[^a-z0-9]+/g, '-')}`,
        partitions: config.partitions,
        work: (ids) => pipeline.work(ids),
        giveUp: (ids, code) => pipeline.giveUp(ids, code),
        pending: () => inbox.pending(),
        pendingCount: () => inbox.pendingCount,
        logger,
      },
      randomBytes(8).toString('hex'),
    );
    const queue = dispatcher;
    opened.push(() => queue.close());
    const erasures = new Erasures({
      store,
      keys,
      dataDir: config.dataDir,
      appender,
      sources,
      subjects,
      records,
      pushIdentifiers,
      inbox,
      sweepBodies: () => bodies.sweep(),
      nowMs,
      logger,
      retentionYears: config.retentionYears,
      onErased: (subjectKey) => {
        subjects.forget(subjectKey);
        consents.forget(subjectKey);
        listings.forget(subjectKey);
        servedForms.forget(subjectKey);
        touched.delete(subjectKey);
      },
    });
    opened.push(() => erasures.close());
    const resumeErasures = (): void => {
      erasures
        .resume()
        .catch((error: unknown) => logger.error('erasures not taken up', { code: codeOf(error) }));
    };
    const erasureTimer = setInterval(resumeErasures, ERASURE_LOOK_MS);
    erasureTimer.unref();
    opened.push(async () => clearInterval(erasureTimer));
    resumeErasures();
    const remind = (): void => {
      exceptional.emergencies
        .remind()
        .catch((error: unknown) => logger.error('reviews not reminded of', { code: codeOf(error) }));
    };
    let expiring: Promise<unknown> = Promise.resolve();
    const expireWaiting = async (): Promise<void> => {
      if (config.waitingDays === 0) return;
      try {
        const count = await inbox.expireWaiting(nowMs() - config.waitingDays * DAY_MS);
        if (count > 0) logger.info('what waited too long for its patients is discarded', { count });
      } catch (error) {
        logger.error('waiting not looked through', { code: codeOf(error) });
      }
    };
    const expire = (): void => {
      expiring = expireWaiting();
    };
    const waitingTimer = setInterval(expire, WAITING_LOOK_MS);
    waitingTimer.unref();
    opened.push(async () => {
      clearInterval(waitingTimer);
      await expiring;
    });
    expire();
    const reminderTimer = setInterval(remind, REMINDER_LOOK_MS);
    reminderTimer.unref();
    opened.push(async () => clearInterval(reminderTimer));
    const cohortParts = {
      config,
      store,
      keys,
      appender,
      engine,
      certification,
      subjects,
      consents,
      records,
      sources,
      organisation,
      identity,
      exceptional,
      notices,
      hints,
      logger,
      nowMs,
    };
    const cohorts = new Cohorts(cohortParts);
    const budget = await DurableBudget.open({
      rows: cohorts.rows,
      appender: () => appender,
      total: config.privacyBudget,
    });
    const webhooks = await Webhooks.open({
      store,
      indexKey: keys.storage.indexKey,
      appender: () => appender,
      certified: certification.rows,
      notices,
      nowMs,
    });
    const aggregates = new Aggregates(cohortParts, cohorts, budget);
    const cohortExports = await CohortExports.open({ parts: cohortParts, cohorts });
    opened.push(() => cohortExports.close());
    logger.info('instance open', {
      origin: identity.origin,
      logSize: engine.head().size,
      pending: inbox.pendingCount,
    });

    return {
      config,
      identity,
      store,
      keys,
      keyRing,
      logRotation,
      engine,
      state,
      anchorState: () => anchoring.anchor(),
      anchorAt: (size) => anchoring.find(size),
      onCheckpoint: (listener) => {
        checkpointListeners.push(listener);
      },
      witnessing,
      publishedCheckpoint: () => witnessing.published(),
      appender,
      authority,
      authoritySigner,
      certification,
      organisation,
      sources,
      sourceKeys,
      sourceClients,
      clients,
      subjects,
      consents,
      records,
      listings,
      servedForms,
      directory,
      pushIdentifiers,
      inbox,
      bodies,
      dispatcher: queue,
      erasures,
      exceptional,
      accessRequests,
      cohorts,
      aggregates,
      cohortExports,
      notices,
      webhooks,
      hints,
      enrolment: new Enrolment({ ...enrolling, subjects, sources, instanceReference, nowMs }),
      wallets: {
        keys: new WalletKeys({ ...enrolling, subjects, sources, instanceReference, nowMs }),
        unlinking,
        attestations,
        reEnrolment: new ReEnrolment({
          ...enrolling,
          attestations,
          subjects,
          origin: identity.origin,
          nowMs,
        }),
      },
      representatives,
      statistics,
      logger,
      nowMs,
      touched,
      client,
      totals: () => entryTotals({ get: (key) => store.getSync(key) }),
      isIdle: () => inbox.pendingCount === 0 && appender.waitingCount === 0,
      storeFailure: () => storeFailure,
      close: async () => {
        // From the edge inward: nothing new comes in, what is at work ends, then the stores close.
        for (const close of opened.toReversed()) {
          await close().catch((error: unknown) => logger.error('close failed', { code: codeOf(error) }));
        }
      },
    };
  }
}

interface OpenedRedis {
  readonly address: RedisAddress;
  stop(): Promise<void>;
}

async function openRedis(config: Config, logger: Logger, mayWait: boolean): Promise<OpenedRedis> {
  if (config.redisUrl !== undefined)
    return { address: { url: config.redisUrl }, stop: async () => undefined };
  const redis: PrivateRedis = await startPrivateRedis({
    dir: join(config.dataDir, 'redis'),
    ...(config.redisServer === undefined ? {} : { binary: config.redisServer }),
    onRestart: (why, attempt) => logger.warn('private redis ended; starting it again', { why, attempt }),
    ...(mayWait
      ? {
          onAbsent: (error: unknown) =>
            logger.error('no private redis; events wait in the inbox until there is one', {
              code: codeOf(error),
              why: messageOf(error),
            }),
        }
      : {}),
  });
  return { address: { path: redis.socketPath }, stop: () => redis.stop() };
}
