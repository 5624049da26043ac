/** What we show to a source to be let in. */
export interface Authorization {
  /**
   * Value of the `Authorization` header.
   *
   * @throws AdapterError ADAPTER_SOURCE_REFUSED, ADAPTER_SOURCE_UNREACHABLE where it has to be asked for first.
   */
  header(signal?: AbortSignal): Promise<string>;
  /**
   * The source refused a value.
   *
   * @returns Whether there will be another one.
   */
  refused(header: string): boolean;
}

/** A bearer token that somebody gave us. */
export function bearer(token: string): Authorization {
  return fixed(`Bearer ${token}`);
}

/** A name and a password. @see RFC 7617 */
export function basic(username: string, password: string): Authorization {
  return fixed(`Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`);
}

function fixed(header: string): Authorization {
  return { header: async () => header, refused: () => false };
}
