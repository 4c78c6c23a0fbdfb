// A gateway for one test, closed when the test ends; what it logs and records is kept for the test to read.
import { onTestFinished } from 'vitest';
import {
  createGateway,
  type Gateway,
  type GatewayConfig,
  type Listening,
  type RuntimeOptions,
} from '../../src/index.ts';
import { underTest } from './listeners.ts';
import { until } from './until.ts';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export interface AccessRecord {
  readonly time: number;
  readonly method: string;
  readonly route: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
  readonly requestBytes: number;
  readonly durationMs: number;
  readonly upstreamMs?: number;
  readonly upstream?: string;
  readonly retries: number;
  readonly verdict: string;
  readonly traceId: string;
  readonly client: string;
  readonly [more: string]: unknown;
}

export interface Heard {
  readonly lines: LogLine[];
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A logger that keeps what it is told. */
export function heard(): Heard {
  const lines: LogLine[] = [];
  const hear =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: { ...fields }, message });
    };
  return { lines, info: hear('info'), warn: hear('warn'), error: hear('error') };
}

export interface TestGateway {
  readonly gateway: Gateway;
  /** What was logged. */
  readonly lines: LogLine[];
  readonly records: AccessRecord[];
  /** Resolves with the first record that fits. */
  record(fits: (record: AccessRecord) => boolean): Promise<AccessRecord>;
  /** Requests in flight, as the metrics tell. */
  inFlight(): Promise<number>;
}

export interface ListeningGateway extends TestGateway {
  readonly url: string;
  readonly port: number;
  readonly listening: Listening;
}

/** A gateway that does not listen. */
export function makeGateway(config: GatewayConfig = {}, runtime: RuntimeOptions = {}): TestGateway {
  const log = heard();
  const recorded = heard();
  const gateway = createGateway(config, { logger: log, records: recorded, ...runtime });
  onTestFinished(() => gateway.close({ timeoutMs: 0 }));
  const records = (): AccessRecord[] => recorded.lines.map((line) => line.fields as unknown as AccessRecord);
  return {
    gateway,
    lines: log.lines,
    get records() {
      return records();
    },
    record: (fits) => until('an access record', () => records().find(fits)),
    inFlight: () => inFlight(gateway),
  };
}

/** A gateway that listens on a free port of loopback, with its admin listener on another. */
export async function startGateway(
  config: GatewayConfig = {},
  register: (gateway: Gateway) => void = () => {},
  runtime: RuntimeOptions = {},
): Promise<ListeningGateway> {
  const made = makeGateway(config, runtime);
  register(made.gateway);
  const listening = await made.gateway.listen({ port: 0, admin: { port: 0 }, ...underTest });
  adminUrls.set(made.gateway, listening.adminUrl ?? '');
  const { url, port } = listening;
  return Object.assign(made, { url, port, listening });
}

const adminUrls = new WeakMap<Gateway, string>();

/** A page of the admin listener. */
export async function adminText(gateway: Gateway, path: string): Promise<string> {
  const response = await fetch(`${adminUrls.get(gateway)}${path}`);
  return response.text();
}

/** The value of a metric with these labels, summed over the others; undefined without a sample. */
export async function metric(
  gateway: Gateway,
  name: string,
  labels: Record<string, string> = {},
): Promise<number | undefined> {
  let sum: number | undefined;
  for (const line of (await adminText(gateway, '/metrics')).split('\n')) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (found === null || found[1] !== name) continue;
    const text = found[2] ?? '';
    if (Object.entries(labels).every(([key, value]) => `,${text}`.includes(`,${key}="${value}"`)))
      sum = (sum ?? 0) + Number(found[3]);
  }
  return sum;
}

async function inFlight(gateway: Gateway): Promise<number> {
  return (await metric(gateway, 'ferrogate_http_requests_in_flight')) ?? 0;
}
