// Puts the listener's certificates in force anew when their files change; what is wrong with new ones is logged and
// changes nothing.
import { type ParsedConfig, parseConfig } from '../config/parse.ts';
import { FileWatch, type WatchTimes } from './watch.ts';

interface Logger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export class CertificateWatch {
  readonly #current: { readonly parsed: ParsedConfig };
  readonly #apply: (parsed: ParsedConfig) => Promise<unknown>;
  readonly #logger: Logger;
  readonly #files: FileWatch;
  #isStarted = false;

  /** `current` holds the configuration in force; `apply` puts another one in force, or throws and changes nothing. */
  constructor(
    current: { readonly parsed: ParsedConfig },
    apply: (parsed: ParsedConfig) => Promise<unknown>,
    logger: Logger,
    times: Partial<WatchTimes> = {},
  ) {
    this.#current = current;
    this.#apply = apply;
    this.#logger = logger;
    this.#files = new FileWatch(() => void this.#reread(), times);
  }

  start(): void {
    this.#isStarted = true;
    this.update();
  }

  /** Another configuration is in force. */
  update(): void {
    if (this.#isStarted) this.#files.set(this.#current.parsed.tlsFiles);
  }

  close(): void {
    this.#isStarted = false;
    this.#files.close();
  }

  async #reread(): Promise<void> {
    try {
      const { written, base } = this.#current.parsed;
      const fresh = parseConfig(written);
      if (JSON.stringify(fresh.base.listenTls) === JSON.stringify(base.listenTls)) return;
      await this.#apply(fresh);
      this.#logger.info({}, 'certificates exchanged');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.error({ reason }, 'the changed certificates are not used: those in force stay');
    }
  }
}
