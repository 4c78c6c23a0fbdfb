// The one object a handler gets: facts fetched from the data plane when they are first read, and the answer's status and headers.
import { GatewayError } from '../errors.ts';
import type { Bridge } from '../listener/bridge.ts';
import type { Exchange, HandlerSide } from '../listener/exchange.ts';
import {
  FACT_CERTIFICATE,
  FACT_CLAIMS,
  FACT_HEADERS,
  FACT_IP,
  FACT_METHOD,
  FACT_PARAMS,
  FACT_PATH,
  FACT_QUERY,
  FACT_ROUTE,
  FACT_TRACE,
} from '../native/layout.ts';
import { type BodyFlow, IncomingBody } from './body.ts';
import { RequestHeaders } from './headers.ts';
import { AnswerLines, typeLine } from './lines.ts';
import type { PathParams } from './params.ts';
import type { ClientCertificate, HandlerContext, RequestBody } from './types.ts';

const FACTS = 9;
const NO_FACTS: readonly (string | null | undefined)[] = new Array(FACTS).fill(undefined);
/** Why there is no exchange any more: answered by the handler, refused by the engine (for the size of its body), or the client left. */
type End = 'answered' | 'refused' | 'too large' | 'gone';
type Claims = Readonly<Record<string, unknown>>;

/** Implements the public context; the members after `header` are for the code that runs handlers. */
export class ExchangeContext implements HandlerContext, HandlerSide {
  readonly #bridge: Bridge;
  /** Null once the exchange is answered, broken or gone: the object behind it may serve another request then. */
  #exchange: Exchange | null;
  readonly #id: number;
  #facts: (string | null | undefined)[] | null = null;
  #params: Readonly<Record<string, string>> | null = null;
  #query: URLSearchParams | null = null;
  #headers: RequestHeaders | null = null;
  #claims: Claims | null | undefined;
  #body: IncomingBody | null = null;
  #abort: AbortController | null = null;
  #end: End | null = null;
  /** The client went away, and the engine forgot the request with it. */
  #isLost = false;
  #wakeWriter: (() => void) | null = null;
  /** Stops what feeds a streamed answer. */
  onGone: (() => void) | null = null;
  #lines: AnswerLines | null = null;
  /** 0 until the handler chose one. */
  code = 0;

  constructor(exchange: Exchange) {
    this.#bridge = exchange.bridge;
    this.#exchange = exchange;
    this.#id = exchange.id;
    exchange.side = this;
  }

  get method(): string {
    return this.#fact(FACT_METHOD) ?? '';
  }
  get path(): string {
    return this.#fact(FACT_PATH) ?? '';
  }
  get ip(): string {
    return this.#fact(FACT_IP) ?? '';
  }
  get traceId(): string {
    return this.#fact(FACT_TRACE) ?? '';
  }
  get route(): string {
    return this.#fact(FACT_ROUTE) ?? '';
  }
  get params(): PathParams<string> {
    this.#params ??= JSON.parse(this.#fact(FACT_PARAMS) ?? '{}') as Readonly<Record<string, string>>;
    return this.#params;
  }
  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#fact(FACT_QUERY) ?? '');
    return this.#query;
  }
  get headers(): RequestHeaders {
    this.#headers ??= new RequestHeaders(this.#fact(FACT_HEADERS) ?? '');
    return this.#headers;
  }
  get clientCertificate(): ClientCertificate | null {
    return JSON.parse(this.#fact(FACT_CERTIFICATE) ?? 'null') as ClientCertificate | null;
  }

  get claims(): Claims | null {
    if (this.#claims !== undefined) return this.#claims;
    const claims = JSON.parse(this.#fact(FACT_CLAIMS) ?? 'null') as Claims | null;
    this.#claims = claims;
    return claims;
  }

  get body(): RequestBody {
    return this.#incoming();
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#end !== null && this.#end !== 'answered') this.#abort.abort(endError(this.#end));
    return this.#abort.signal;
  }

  status(code: number): this {
    if (!Number.isInteger(code) || code < 200 || code > 599)
      throw new TypeError('a status is an integer from 200 to 599');
    this.code = code;
    return this;
  }

  header(name: string, value: string): this {
    this.lines.set(name, value);
    return this;
  }

  /** The answer's headers. */
  get lines(): AnswerLines {
    this.#lines ??= new AnswerLines();
    return this.#lines;
  }

  /** The header lines of the answer as they cross the boundary. */
  linesText(contentType: string | null): string {
    return this.#lines === null ? typeLine(contentType) : this.#lines.text(contentType);
  }

  /** Forgets the headers that the handler set, for an answer that is not the handler's. */
  resetAnswer(status: number): void {
    this.#lines = null;
    this.code = status;
  }

  /** The exchange while it waits for its answer. */
  get exchange(): Exchange | null {
    return this.#exchange;
  }

  /** Cuts the context off: its exchange is answered, or the caller ends it. */
  detach(): void {
    if (this.#exchange === null) return;
    this.#exchange = null;
    this.#stop('answered');
  }

  /** Hands the exchange back to be refused with 500. */
  fail(): void {
    const exchange = this.#exchange;
    this.detach();
    exchange?.fail();
  }

  /** Resolves when the client takes more, or is gone. */
  untilWritable(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  data(chunk: Uint8Array, last: boolean): void {
    this.#body ??= new IncomingBody(this.#bodyFlow(), false);
    this.#body.push(chunk, last);
  }

  writable(): void {
    const wake = this.#wakeWriter;
    this.#wakeWriter = null;
    wake?.();
  }

  aborted(): void {
    // A handler that goes on after the client left must not see empty parameters: facts that are lost throw.
    const { native, engine } = this.#bridge;
    this.#isLost = native.fact(engine, this.#id, FACT_METHOD) === null;
    if (!this.#isLost) for (let which = 0; which < FACTS; which += 1) this.#fact(which);
    this.#leave('gone');
  }

  answered(status: number): void {
    this.#leave(status === 413 ? 'too large' : 'refused');
  }

  #leave(end: End): void {
    this.#exchange = null;
    this.#stop(end);
    this.#abort?.abort(endError(end));
    this.onGone?.();
    this.writable();
  }

  #stop(end: End): void {
    this.#end = end;
    if (this.#body !== null && !this.#body.isOver) this.#body.fail(endError(end));
  }

  #incoming(): IncomingBody {
    if (this.#body !== null) return this.#body;
    this.#body = new IncomingBody(this.#bodyFlow(), this.#exchange?.bodyLeft === 0);
    if (this.#end !== null) this.#body.fail(endError(this.#end));
    return this.#body;
  }

  #bodyFlow(): BodyFlow {
    return { pause: () => this.#exchange?.pauseBody(), resume: () => this.#exchange?.resumeBody() };
  }

  #fact(which: number): string | null {
    this.#facts ??= NO_FACTS.slice();
    const known = this.#facts[which];
    if (known !== undefined) return known;
    if (this.#isLost) throw endError('gone');
    if (this.#exchange === null) return null;
    const { native, engine } = this.#bridge;
    const text = native.fact(engine, this.#id, which);
    this.#facts[which] = text;
    return text;
  }
}

function endError(end: End): GatewayError {
  if (end === 'gone') return new GatewayError('ERR_FG_BODY_ABORTED', 'the client went away');
  if (end === 'too large')
    return new GatewayError('ERR_FG_BODY_TOO_LARGE', 'the request body is longer than the limit');
  if (end === 'refused')
    return new GatewayError('ERR_FG_BODY_ABORTED', 'the gateway ended the request before its handler');
  return new GatewayError('ERR_FG_BODY_ABORTED', 'the request is answered; its body can no longer be read');
}
