/** Failures of the queue's own parts. Codes are stable; messages may change. */
export type QueueErrorCode =
  /** No `redis-server` that can be run: not on PATH, not unpacked by set-up, not at the path given. */
  | 'QUEUE_REDIS_MISSING'
  /** The private Redis did not start, did not answer in time, or ended while starting. */
  | 'QUEUE_REDIS_FAILED';

/** The one error class of `adapter/queue/`. */
export class QueueError extends Error {
  readonly code: QueueErrorCode;

  /**
   * @param code - What went wrong, for programs.
   * @param message - What went wrong and what to do about it, for people.
   * @param options - `cause`: the original error.
   */
  constructor(code: QueueErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'QueueError';
    this.code = code;
  }
}
