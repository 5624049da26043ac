/** How much a text in JSON may hold, told before it is parsed: a parser builds whatever it is given, and dies of it. */
import { endOf } from './json-names.js';

/** What is refused beyond. */
export interface JsonBounds {
  /** Objects and lists in each other. */
  readonly depthMax: number;
  /** Values in all. */
  readonly valuesMax: number;
  /** Members of one object. */
  readonly membersMax: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Whether a text, JSON or not, stays within bounds. Takes one pass and no memory that grows with the text. */
export function isBounded(text: string, { depthMax, valuesMax, membersMax }: JsonBounds): boolean {
  /** Members left in each open object; a list has no bound of its own. */
  const left: number[] = [];
  let values = 1;
  let texts = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOf(text, at) - 1;
        texts += 1;
        // A value, or the name of one.
        if (texts > 2 * valuesMax) return false;
        continue;
      case OPEN:
        left.push(membersMax);
        break;
      case OPEN_LIST:
        left.push(Infinity);
        break;
      case COMMA: {
        const open = left.length - 1;
        const members = (left[open] ?? Infinity) - 1;
        if (members < 1) return false;
        if (open >= 0) left[open] = members;
        break;
      }
      case CLOSE:
      case CLOSE_LIST:
        left.pop();
        continue;
      default:
        continue;
    }
    values += 1;
    if (values > valuesMax || left.length > depthMax) return false;
  }
  return true;
}
