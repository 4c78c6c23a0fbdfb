// Types that read the parameter names out of a path pattern; it holds no code that runs.

/** `id(\\d+)` → `id`. */
type Name<Text extends string> = Text extends `${infer Before}(${string}` ? Before : Text;

type SegmentName<Segment extends string> = Segment extends `:${infer Text}`
  ? Name<Text>
  : Segment extends `*${infer Rest}`
    ? Rest
    : never;

type Names<Path extends string> = Path extends `${infer Head}/${infer Tail}`
  ? SegmentName<Head> | Names<Tail>
  : SegmentName<Path>;

/**
 * The parameters of a path pattern: `'/orders/:id(\\d+)/*rest'` → `{ id: string; rest: string }`.
 * A pattern that is only known as `string` gives a record. Values are percent-decoded once.
 */
export type PathParams<Path extends string> = string extends Path
  ? Readonly<Record<string, string>>
  : { readonly [Key in Names<Path>]: string };
