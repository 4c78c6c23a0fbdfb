// What the main environment and a worker tell each other; no code that runs.
import type { RouteContext } from '../config/parse.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  /** Name of the core. */
  readonly core: string;
  /** Absolute path of the module of handlers. */
  readonly file: string;
  /** What its routes may refer to, to find their ids. */
  readonly routes: Pick<RouteContext, 'known' | 'listener'>;
}

/** The plan in force, as far as a worker needs it. */
export interface Binding {
  /** Each handler's number in the plan, and the id of its route. */
  readonly handlers: readonly (readonly [number: number, id: string])[];
  /** The form of error answers. */
  readonly format: 'problem' | 'envelope';
}

export type ToWorker =
  /** Take requests from now on, or with another form of errors. */
  | { readonly kind: 'serve'; readonly binding: Binding }
  /** Take no more requests, break what is left, and end. */
  | { readonly kind: 'end' };

export type FromWorker =
  /** The module ran; these routes have handlers. */
  | { readonly kind: 'bound'; readonly ids: readonly string[] }
  /** The module cannot be used; the worker ends. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Requests are taken. */
  | { readonly kind: 'serving' }
  /** Keys of issuer number `issuer` of the plan of `generation` are wanted. */
  | { readonly kind: 'keys'; readonly issuer: number; readonly generation: number }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    };
