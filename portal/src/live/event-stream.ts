/** Server-sent events out of a response: the browser's own reader of them cannot send a session's token. */

export interface ServerEvent {
  readonly kind: string;
  readonly data: string;
}

/** Blocks of a stream: one event each, or a number alone. @see WHATWG HTML, 9.2.6 */
export class EventReader {
  /** The last number that was named: where to go on. */
  lastId: string | undefined;
  #rest = '';

  constructor(lastId?: string) {
    this.lastId = lastId;
  }

  /** Events that this piece of text completes. */
  take(text: string): ServerEvent[] {
    const lines = (this.#rest + text).split(/\r?\n/);
    const events: ServerEvent[] = [];
    let begin = 0;
    for (const [i, line] of lines.entries()) {
      if (line !== '' || i === lines.length - 1) continue;
      const event = this.#block(lines.slice(begin, i));
      if (event !== undefined) events.push(event);
      begin = i + 1;
    }
    this.#rest = lines.slice(begin).join('\n');
    return events;
  }

  #block(lines: readonly string[]): ServerEvent | undefined {
    let kind = '';
    const data: string[] = [];
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (name === 'id') this.lastId = value;
      if (name === 'event') kind = value;
      if (name === 'data') data.push(value);
    }
    return data.length === 0 ? undefined : { kind, data: data.join('\n') };
  }
}
