/** Bodies of add-checkpoint that are none, by what is wrong with them. */
import type { SampleLog } from './sample-log.js';

export function malformedBodies(log: SampleLog): [string, Buffer][] {
  const note = log.note().toString('utf8');
  const hash = Buffer.alloc(32, 1).toString('base64');
  const texts: [string, string][] = [
    ['empty', ''],
    ['a line feed', '\n'],
    ['only an old size', 'old 0\n'],
    ['no checkpoint', 'old 0\n\n'],
    ['no old size', `\n${note}`],
    ['no blank line', `old 0\n${note.replaceAll('\n\n', '\n')}`],
    ['old in capitals', `OLD 0\n\n${note}`],
    ['two spaces', `old  0\n\n${note}`],
    ['a tab', `old\t0\n\n${note}`],
    ['a space behind', `old 0 \n\n${note}`],
    ['a leading zero', `old 00\n\n${note}`],
    ['a sign', `old +1\n\n${note}`],
    ['negative', `old -1\n\n${note}`],
    ['hexadecimal', `old 0x1\n\n${note}`],
    ['an exponent', `old 1e3\n\n${note}`],
    ['beyond 2^53', `old 9007199254740993\n\n${note}`],
    ['beyond 2^64', `old 99999999999999999999\n\n${note}`],
    ['CRLF', `old 0\r\n\r\n${note.replaceAll('\n', '\r\n')}`],
    ['a CR behind the size', `old 0\r\n\n${note}`],
    ['a proof line of 31 bytes', `old 1\n${Buffer.alloc(31).toString('base64')}\n\n${note}`],
    ['a proof line of 33 bytes', `old 1\n${Buffer.alloc(33).toString('base64')}\n\n${note}`],
    ['a proof line without padding', `old 1\n${hash.replace(/=+$/, '')}\n\n${note}`],
    ['a proof line in base64url', `old 1\n${Buffer.alloc(32, 0xff).toString('base64url')}=\n\n${note}`],
    ['a proof line with spare bits', `old 1\n${hash.replace(/.=$/, 'F=')}\n\n${note}`],
    ['a proof line with a space', `old 1\n ${hash}\n\n${note}`],
    ['64 proof lines', `old 1\n${`${hash}\n`.repeat(64)}\n${note}`],
    ['a second old line', `old 1\nold 1\n\n${note}`],
    ['a note without signatures', `old 0\n\n${note.split('\n\n')[0]}\n\n`],
    ['a note that ends early', `old 0\n\n${note.slice(0, -1)}`],
    ['a size that is no number', `old 0\n\n${note.replace(`\n${log.size}\n`, '\nten\n')}`],
    ['a size with a leading zero', `old 0\n\n${note.replace(`\n${log.size}\n`, `\n0${log.size}\n`)}`],
    [
      'a root of 31 bytes',
      `old 0\n\n${note.replace(log.root().toString('base64'), Buffer.alloc(31).toString('base64'))}`,
    ],
    ['a control character', `old 0\n\n${note.replace('\n', '\u0000\n')}`],
    ['a hyphen for the dash', `old 0\n\n${note.replace('\u2014', '-')}`],
    ['larger than is read', `old 0\n\n${note}${`${note.split('\n\n')[1]}`.repeat(500)}`],
  ];
  return [
    ...texts.map(([name, text]): [string, Buffer] => [name, Buffer.from(text, 'utf8')]),
    ['not UTF-8', Buffer.concat([Buffer.from('old 0\n\n'), Buffer.of(0xff), Buffer.from(note)])],
  ];
}
