/** Texts to look for, in every form in which they might get out. */

export interface Needle {
  /** The text and its form, for the failure's message. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Shorter ones would be found by chance. */
const CHARACTERS_MIN = 8;

/** A text plain, as UTF-16, in hex, base64 and base64url at any alignment, JSON-escaped and percent-encoded. */
export function needlesOf(text: string): Needle[] {
  const utf8 = Buffer.from(text, 'utf8');
  const escaped = text
    .split('')
    .map((character) =>
      character > '~' ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : character,
    )
    .join('');
  const forms: [string, Buffer][] = [
    ['plain', utf8],
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['latin1', Buffer.from(text, 'latin1')],
    ['hex', Buffer.from(utf8.toString('hex'))],
    ['HEX', Buffer.from(utf8.toString('hex').toUpperCase())],
    ['escaped', Buffer.from(escaped)],
    ['ESCAPED', Buffer.from(escaped.replaceAll(/(?<=\\u)[0-9a-f]{4}/g, (digits) => digits.toUpperCase()))],
    ['percent', Buffer.from(encodeURIComponent(text))],
    ...base64Forms(utf8),
  ];
  const seen = new Set<string>();
  return forms.flatMap(([form, bytes]) => {
    const key = bytes.toString('latin1');
    if (seen.has(key) || bytes.length < CHARACTERS_MIN) return [];
    seen.add(key);
    return [{ name: `${text} (${form})`, bytes }];
  });
}

/** Base64 in both alphabets, at any alignment in a longer text. */
function base64Forms(bytes: Buffer): [string, Buffer][] {
  const forms: [string, Buffer][] = [];
  for (const encoding of ['base64', 'base64url'] as const) {
    for (const shift of [0, 1, 2]) {
      const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString(encoding);
      // Those characters alone whose six bits are all of the bytes.
      const part = whole.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
      forms.push([`${encoding}+${shift}`, Buffer.from(part)]);
    }
  }
  return forms;
}

/** A key as raw bytes, in hex, as a list of numbers, and in base64 of both alphabets at any alignment. */
export function keyNeedles(name: string, key: Buffer): Needle[] {
  const forms: [string, Buffer][] = [
    ['raw', key],
    ['hex', Buffer.from(key.toString('hex'))],
    ['HEX', Buffer.from(key.toString('hex').toUpperCase())],
    ['list', Buffer.from([...key].join(','))],
    ...base64Forms(key),
  ];
  return forms.map(([form, bytes]) => ({ name: `${name} (${form})`, bytes }));
}

/** Names of the needles that stand in some bytes. */
export function found(haystack: Buffer, needles: readonly Needle[]): string[] {
  return needles.filter(({ bytes }) => haystack.includes(bytes)).map(({ name }) => name);
}
