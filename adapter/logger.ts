/**
 * JSON lines to stderr; stdout belongs to the command line. A message is a fixed text with variable fields,
 * and a field is a count, a code, a duration or an id of our own: never anything of a patient.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const RANK: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };

/** Control characters, line ends among them, are written as escapes by JSON, so one call is one line. */
export function createLogger(level: LogLevel, write: (line: string) => void): Logger {
  const emit = (at: LogLevel, message: string, fields?: LogFields): void => {
    if (RANK[at] < RANK[level]) return;
    write(`${JSON.stringify({ time: new Date().toISOString(), level: at, message, ...fields })}\n`);
  };
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
  };
}

/** A logger onto stderr. */
export function stderrLogger(level: LogLevel): Logger {
  return createLogger(level, (line) => process.stderr.write(line));
}
