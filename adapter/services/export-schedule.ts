/**
 * When sources are read by their bulk export: those that have no other way to be read, once the last export is old enough,
 * and those whose export was broken off. That follows from what the store holds, so that a restart makes none be missed.
 */
import { codeOf } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import type { Source } from '../instance/sources.js';
import type { ExportPatience } from '../inbound/bulk/index.js';
import { exportSource, exportUnderWay, lastExport } from './source-export.js';

const HOUR_MS = 60 * 60 * 1000;
/** How often it is looked whether one is due, ms. */
const LOOK_MS = 60_000;
/** After a failure it is tried again so much later, ms. */
const RETRY_MS = HOUR_MS;

export interface ExportScheduleOptions {
  readonly lookMs?: number;
  readonly patience?: ExportPatience;
}

export class ExportSchedule {
  readonly #instance: Instance;
  readonly #signal: AbortSignal;
  readonly #closing = new AbortController();
  readonly #patience: ExportPatience | undefined;
  readonly #timer: NodeJS.Timeout;
  /** When each source whose export failed is tried again. */
  readonly #retryAt = new Map<string, number>();
  #looking: Promise<void> | undefined;

  constructor(
    instance: Instance,
    signal: AbortSignal,
    { lookMs = LOOK_MS, patience }: ExportScheduleOptions = {},
  ) {
    this.#instance = instance;
    this.#signal = AbortSignal.any([signal, this.#closing.signal]);
    this.#patience = patience;
    this.#timer = setInterval(() => void this.look(), lookMs);
    this.#timer.unref();
  }

  /** Ends the schedule; an export under way is gone on with when it is started again. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#looking;
  }

  /** Reads what is due, one source after the other. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    for (const source of this.#instance.sources.list()) {
      if (this.#signal.aborted) return;
      if (this.#isDue(source)) await this.#read(source.id);
    }
  }

  #isDue({ id, kind, state, channels }: Source): boolean {
    const { config, nowMs } = this.#instance;
    if (config.exportHours === 0 || kind !== 'fhir' || state !== 'active') return false;
    if (!isReadByExportAlone(channels) || nowMs() < (this.#retryAt.get(id) ?? 0)) return false;
    if (exportUnderWay(this.#instance, id)) return true;
    return nowMs() >= (lastExport(this.#instance, id)?.endedAt ?? 0) + config.exportHours * HOUR_MS;
  }

  async #read(id: string): Promise<void> {
    const { logger, nowMs } = this.#instance;
    try {
      const { files, isComplete } = await exportSource(
        this.#instance,
        id,
        {},
        undefined,
        this.#signal,
        this.#patience,
      );
      logger.info('source exported', { source: id, files, complete: isComplete });
      this.#retryAt.delete(id);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#retryAt.set(id, nowMs() + RETRY_MS);
      logger.warn('source not exported', { source: id, code: codeOf(error) });
    }
  }
}

/** A source that is asked for what was updated is read whole by reconciling it. */
function isReadByExportAlone(channels: Source['channels']): boolean {
  return channels.includes('bulk') && !channels.includes('poll') && !channels.includes('history');
}
