// The part of uWebSockets.js that is used, as types: the application's own copy may be of any version.

/** What is used of a uWebSockets.js response. */
export interface UwsResponse {
  writeStatus(head: Uint8Array | string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  write(data: Uint8Array): boolean;
  end(body?: Uint8Array | string, close?: boolean): UwsResponse;
  endWithoutBody(): UwsResponse;
  tryEnd(data: Uint8Array, total: number): [ok: boolean, done: boolean];
  getWriteOffset(): number;
  getRemoteAddress(): ArrayBuffer;
  cork(write: () => void): UwsResponse;
  close(): UwsResponse;
  pause(): void;
  resume(): void;
  onAborted(callback: () => void): UwsResponse;
  onData(callback: (chunk: ArrayBuffer, last: boolean) => void): UwsResponse;
  onWritable(callback: (offset: number) => boolean): UwsResponse;
}

export interface UwsRequest {
  getUrl(): string;
  /** Undefined without a question mark, whatever the library's types say. */
  getQuery(): string | undefined;
  getCaseSensitiveMethod(): string;
  forEach(each: (name: string, value: string) => void): void;
}
export type UwsHandler = (res: UwsResponse, req: UwsRequest) => void;
export type ListenSocket = object;
export interface UwsApp {
  get(pattern: string, handler: UwsHandler): UwsApp;
  head(pattern: string, handler: UwsHandler): UwsApp;
  post(pattern: string, handler: UwsHandler): UwsApp;
  put(pattern: string, handler: UwsHandler): UwsApp;
  patch(pattern: string, handler: UwsHandler): UwsApp;
  del(pattern: string, handler: UwsHandler): UwsApp;
  options(pattern: string, handler: UwsHandler): UwsApp;
  any(pattern: string, handler: UwsHandler): UwsApp;
  /** Called with 1 for a connection that opens and -1 for one that closes. Missing from some versions. */
  filter?(each: (res: UwsResponse, change: number) => void): UwsApp;
  /** Serves an accepted, non-blocking socket. Missing from some versions. */
  adoptSocket?(fd: number): UwsApp;
  listen(host: string, port: number, options: number, done: (socket: ListenSocket | false) => void): UwsApp;
  close(): UwsApp;
}
export interface Uws {
  App(): UwsApp;
  LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  us_listen_socket_close(socket: ListenSocket): void;
  us_socket_local_port(socket: ListenSocket): number;
  _cfg?(setting: string): void;
}
