import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

interface Block {
  readonly language: string;
  readonly text: string;
}

/** Fenced code blocks of a Markdown text. */
function codeBlocks(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\S*)[^\n]*\n([\s\S]*?)^```\s*$/gm)].map(
    ([, language = '', text = '']) => ({
      language,
      text,
    }),
  );
}

const readme = readFileSync('README.md', 'utf8');
const blocks = codeBlocks(readme);
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
};

/** npm's own commands that the README may tell people to use. */
const NPM_COMMANDS = ['ci', 'install', 'link', 'audit'];
/** Programs besides npm and our own. */
const PROGRAMS = ['git', 'cd', 'curl', 'node', 'npx', 'jq', 'export', 'redis-server', 'sudo', 'go'];

function commandExists(name: string): boolean {
  return ['adapter/cli', 'adapter/cli/commands'].some((folder) => existsSync(join(folder, `${name}.ts`)));
}

/** What is wrong with one line of a shell block; undefined where nothing is, or it is not ours to know. */
function faultOfLine(line: string): string | undefined {
  const words = line
    .replace(/^\$\s+/, '')
    .replace(/\s#\s.*$/, '')
    .split(/\s+/)
    .filter((word) => !/^[A-Z_]+=/.test(word));
  const [program = '', ...rest] = words[0] === 'npx' ? words.slice(1) : words;
  if (program === 'npm') {
    const name = rest[0] === 'run' ? rest[1] : rest[0];
    if (name === undefined || (!(name in manifest.scripts) && !NPM_COMMANDS.includes(name)))
      return `npm ${name}`;
    const passed = rest.includes('--') ? rest[rest.indexOf('--') + 1] : undefined;
    return name === 'start' && passed !== undefined && !passed.startsWith('-') && !commandExists(passed)
      ? `npm start -- ${passed}`
      : undefined;
  }
  if (program in manifest.bin) {
    const name = rest.find((word) => !word.startsWith('-'));
    return name === undefined || commandExists(name) ? undefined : `${program} ${name}`;
  }
  return PROGRAMS.includes(program) ? undefined : program;
}

test('each TypeScript block is a file of test/examples', () => {
  const folder = 'test/examples';
  const examples = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(join(folder, name), 'utf8').trim())
    : [];
  const strays = blocks
    .filter(({ language }) => /^(ts|typescript|js|mjs|javascript)$/.test(language))
    .filter(({ text }) => !examples.includes(text.trim()))
    .map(({ text }) => text);
  assert.deepEqual(strays, []);
});

test('each command of a shell block exists', () => {
  const lines = blocks
    .filter(({ language }) => /^(sh|bash|shell|console)$/.test(language))
    .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const faults = lines.flatMap((line) => {
    const fault = faultOfLine(line);
    return fault === undefined ? [] : [`${fault} (in: ${line})`];
  });
  assert.deepEqual(faults, []);
  assert.ok(
    lines.some((line) => line.startsWith('npm start')),
    'the README says how to start',
  );
  assert.ok(
    lines.some((line) => line.startsWith('npm test')),
    'the README says how to test',
  );
});

test('each link to a file of the project leads to one', () => {
  const targets = [...readme.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, path = '']) => path);
  assert.deepEqual(
    targets.filter((path) => !existsSync(path)),
    [],
  );
});
