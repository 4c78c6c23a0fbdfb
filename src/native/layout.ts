// Generated from native/binding/layout.rs by `npm run generate`; do not edit.

/** `request` answers `id * 8 + kind`: the exchange goes to a JavaScript handler, its number in META_HANDLER. */
export const BEGUN_HANDLER = 1;
/** The exchange is forwarded, parked or already answered: events follow. */
export const BEGUN_PENDING = 2;

/** More of the request body may come. */
export const FLOW_CONTINUE = 0;
/** Pause the request body until EVENT_RESUME. */
export const FLOW_PAUSE = 1;
/** The body is no longer wanted. */
export const FLOW_IGNORED = 2;

/** `next` answers `id * 16 + kind`; 0 when nothing waits. */
export const EVENT_NONE = 0;
/** META_STATUS, META_HEAD_LEN, META_BODY_KIND, META_BODY_LEN (whole), META_LENGTH_* (sized, or reported), META_CLOSE. */
export const EVENT_HEAD = 1;
/** META_BODY_LEN, META_LAST. */
export const EVENT_CHUNK = 2;
/** The exchange broke after its head: break the connection. */
export const EVENT_RESET = 3;
/** The request body may flow again. */
export const EVENT_RESUME = 4;
/** A parked request goes to its handler: META_HANDLER. */
export const EVENT_HANDLER = 5;
/** Keys of an issuer are wanted: its index in META_HANDLER, the generation of the plan it counts in in META_LENGTH_*; */
/** the id part is 0. */
export const EVENT_KEYS = 6;
/** A request of a connection that the engine owns: META_HANDLER, META_BODY, META_LENGTH_* (0xffff_ffff twice: unknown), */
/** META_IS_HEAD. */
export const EVENT_REQUEST = 7;
/** A piece of its body: META_BODY_LEN, META_LAST. */
export const EVENT_BODY = 8;
/** Its client went away; or the engine answered it itself with META_STATUS, or broke the answer that has this status */
/** (0: the client went away). The id is free after the event. */
export const EVENT_GONE = 9;
/** Its client takes more of the answer, after RESPOND_HOLD. */
export const EVENT_WRITABLE = 10;

/** What `respond` is given: all of the body, */
export const RESPOND_WHOLE = 0;
/** no body, */
export const RESPOND_EMPTY = 1;
/** or the head of a body that follows by `send`. */
export const RESPOND_OPEN = 2;
/** What `respond` and `send` answer, beside the negative ANSWER_*: go on, */
export const RESPOND_OK = 0;
/** or send no more before EVENT_WRITABLE. */
export const RESPOND_HOLD = 1;

/** No body. */
export const BODY_NONE = 0;
/** No body, but META_LENGTH_* is to be reported (HEAD, 304). */
export const BODY_NONE_SIZED = 1;
/** The whole body is in the window. */
export const BODY_WHOLE = 2;
/** META_LENGTH_* bytes follow in chunks. */
export const BODY_SIZED = 3;
/** Chunks of unknown total length follow. */
export const BODY_CHUNKED = 4;

/** Indexes of 32-bit integers at the start of the window. */
export const META_STATUS = 0;
export const META_HEAD_LEN = 1;
export const META_BODY_KIND = 2;
export const META_BODY_LEN = 3;
export const META_LENGTH_LO = 4;
export const META_LENGTH_HI = 5;
/** In EVENT_HEAD and after `answer`: 1 when the connection ends after this answer. */
export const META_CLOSE = 6;
export const META_LAST = 7;
export const META_HANDLER = 8;
/** After `request` and in EVENT_REQUEST: 1 when a request body is announced. */
export const META_BODY = 9;
/** After `request`, `body`, `fail` and `blocked`: 1 when events wait. */
export const META_QUEUED = 10;
/** In EVENT_REQUEST: 1 when the method is HEAD. */
export const META_IS_HEAD = 11;

/** Byte offsets and sizes in the window. */
export const WINDOW_HEAD = 64;
export const WINDOW_HEAD_SIZE = 131072;
export const WINDOW_BODY = 131136;
export const WINDOW_BODY_SIZE = 65536;
export const WINDOW_SIZE = 196672;

/** What `fact` tells of a handler exchange. */
export const FACT_METHOD = 0;
export const FACT_PATH = 1;
export const FACT_QUERY = 2;
/** The header block as received, `name: value\r\n` each. */
export const FACT_HEADERS = 3;
/** JSON object of decoded path parameters. */
export const FACT_PARAMS = 4;
/** JSON object of the verified token's claims, or null without a token. */
export const FACT_CLAIMS = 5;
export const FACT_IP = 6;
export const FACT_TRACE = 7;
/** The route's id. */
export const FACT_ROUTE = 8;
/** JSON object of the verified client certificate (subject, sans, fingerprint, serial, notAfter), or null without one. */
export const FACT_CERTIFICATE = 9;

/** `answer`, `respond`, `send`: the exchange is gone. */
export const ANSWER_GONE = -1;
/** `answer`, `respond`: a header name or value is not allowed. */
export const ANSWER_BAD_HEADER = -2;
/** `answer`, `respond`: the status is not 200 to 599. */
export const ANSWER_BAD_STATUS = -3;
