/** One at a time for each name: who comes while another is at work waits for its turn. */
export class Turns {
  readonly #waitingMax: number;
  readonly #queues = new Map<string, { tail: Promise<unknown>; count: number }>();

  /** @param waitingMax - At work or waiting for one name; more are turned away, which bounds memory. */
  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /**
   * Runs a task when its turn comes.
   *
   * @returns What the task returns, or `undefined` at once when too many wait.
   */
  take<T>(name: string, task: () => Promise<T>): Promise<T> | undefined {
    const queue = this.#queues.get(name) ?? { tail: Promise.resolve(), count: 0 };
    if (queue.count >= this.#waitingMax) return undefined;
    queue.count += 1;
    this.#queues.set(name, queue);
    const run = queue.tail.then(task).finally(() => {
      queue.count -= 1;
      if (queue.count === 0) this.#queues.delete(name);
    });
    // One task's failure is its caller's alone.
    queue.tail = run.catch(() => undefined);
    return run;
  }
}
