/** A client that costs little: connections are kept, and answers read only where they are wanted. */
import { Agent, request } from 'node:http';

export class Poster {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #address: string;
  readonly #token: string | undefined;

  /** @param token - Of who sends; a patient's wallet has none. */
  constructor(address: string, token?: string) {
    this.#address = address;
    this.#token = token;
  }

  /**
   * Sends a body as FHIR JSON.
   *
   * @returns The answer's text.
   * @throws Error for any status but 2xx.
   */
  send(method: string, path: string, body: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        'content-type': 'application/fhir+json',
        'content-length': body.length,
      };
      const sent = request(this.#address + path, { method, headers, agent: this.#agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => (text += piece));
        answer.on('end', () => {
          const { statusCode = 0 } = answer;
          if (statusCode >= 200 && statusCode < 300) resolve(text);
          else reject(new Error(`${method} ${path}: ${statusCode} ${text}`));
        });
        answer.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
