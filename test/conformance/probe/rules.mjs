// Judges what was seen of a probe case by the case's own rule. It sends nothing and knows no gateway.
//
// A rule is a list of lines `VERDICT WHAT [CONDITION [ARGUMENT]]`; the first line that holds decides, and where none does the
// verdict is `fail`. `pass` is what the suite asks for, `warn` what it allows too.
//   WHAT       statuses (`400,501`), classes (`2xx`), `any` answer, `closed` or `silence` without an answer
//   CONDITION  of an answer: `ends` the connection behind it, an `interim` answer before it, `has` this field, is `dated`
//              (RFC 9110 section 5.6.7), its body is the argument (`body`), `holds` it, `spells` it (case counts), is
//              `without` it (case counts), or has it as a line (`echoes`)

const imfDate =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/;

const lower = (text) => text.toLowerCase();
const linesOf = (text) => lower(text).split(/\r?\n/);

const conditions = {
  ends: ({ isClosed }) => isClosed,
  interim: ({ interim }) => interim.length > 0,
  has: ({ answer }, name) => answer.fields.has(name),
  dated: ({ answer }) => imfDate.test(answer.fields.get('date') ?? ''),
  body: ({ answer }, text) => answer.body.replace(/[\r\n]+$/, '') === text,
  holds: ({ answer }, text) => lower(answer.body).includes(lower(text)),
  spells: ({ answer }, text) => answer.body.includes(text),
  without: ({ answer }, text) => !answer.body.includes(text),
  echoes: ({ answer }, text) => linesOf(answer.body).includes(lower(text)),
};

/** `pass`, `warn` or `fail` for what `send` of client.mjs has seen. Throws when the rule is none. */
export function judge(rule, seen) {
  for (const line of rule) {
    const [verdict, what, name, ...words] = line.split(' ');
    const condition = name === undefined ? () => true : conditions[name];
    if (!/^(?:pass|warn|fail)$/.test(verdict) || condition === undefined) throw new Error(`no rule: ${line}`);
    if (covers(what, seen) && condition(seen, words.join(' '))) return verdict;
  }
  return 'fail';
}

function covers(what, { answer, isClosed }) {
  if (answer === null) return what === (isClosed ? 'closed' : 'silence');
  const status = String(answer.status);
  return what.split(',').some((one) => one === 'any' || one === status || one === `${status[0]}xx`);
}
