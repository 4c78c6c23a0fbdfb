//! What a route does (`update:doc:{id}`) and what a token may do (`update:doc:*`): compiled apart, compared segment by
//! segment. It knows no request.

use serde_json::Value;

use super::words::{Malformed, texts};

/// Most segments of an action.
pub const MAX_SEGMENTS: usize = 8;
/// Longest text of an action in bytes.
const MAX_ACTION_BYTES: usize = 256;

/// An action of a route: literal segments and parameters of its path.
#[derive(Debug, PartialEq, Eq)]
pub struct Action {
    text: Box<str>,
    segments: Box<[Segment]>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    /// Which of the values that the request gives.
    Param(usize),
}

/// Why the text of an action is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionError {
    /// Empty, too long, too many segments, or an empty one.
    Form,
    /// `{`, `}`, `*` or a character that is not visible ASCII, where a literal segment stands.
    Literal(Box<str>),
    /// The path has no parameter of this name.
    Unknown(Box<str>),
}

impl Action {
    /// `param` gives the number of the value that a parameter of this name has.
    pub fn parse(text: &str, mut param: impl FnMut(&str) -> Option<usize>) -> Result<Action, ActionError> {
        let count = text.split(':').count();
        if text.len() > MAX_ACTION_BYTES || count > MAX_SEGMENTS || text.split(':').any(str::is_empty) {
            return Err(ActionError::Form);
        }
        let mut segments = Vec::with_capacity(count);
        for segment in text.split(':') {
            segments.push(match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => Segment::Param(param(name).ok_or_else(|| ActionError::Unknown(name.into()))?),
                None if is_literal(segment) => Segment::Literal(segment.into()),
                None => return Err(ActionError::Literal(segment.into())),
            });
        }
        Ok(Action { text: text.into(), segments: segments.into() })
    }

    /// As configured.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The action of a request with these values; `None` when one is absent or could be taken for more than one segment.
    pub fn filled<'a>(&'a self, values: &[Option<&'a str>]) -> Option<Filled<'a>> {
        let mut filled = Filled { segments: [""; MAX_SEGMENTS], len: self.segments.len() };
        for (place, segment) in filled.segments.iter_mut().zip(&*self.segments) {
            *place = match segment {
                Segment::Literal(text) => text,
                Segment::Param(at) => values.get(*at).copied().flatten().filter(|value| is_plain(value))?,
            };
        }
        Some(filled)
    }
}

/// An action with its values in place: no segment is empty or holds `:` or `*`.
#[derive(Debug)]
pub struct Filled<'a> {
    segments: [&'a str; MAX_SEGMENTS],
    len: usize,
}

impl Filled<'_> {
    pub fn segments(&self) -> &[&str] {
        &self.segments[..self.len]
    }
}

fn is_literal(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}' | b'*'))
}

/// A value with `:` or `*` would be read as segments, or as a wildcard, by whoever writes patterns.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && !value.bytes().any(|byte| matches!(byte, b':' | b'*'))
}

/// The actions that a token allows. A segment `*` is any one segment; as the last of a pattern it is all that follow,
/// at least one. What is no pattern (an empty segment, `do*`) allows nothing but itself.
///
/// A tree with a node for each beginning of a pattern, so that an action is found among hundreds by a few comparisons.
#[derive(Debug)]
pub struct Patterns {
    /// The segments of all nodes, one after the other.
    text: Box<str>,
    /// The root, then the children of each node in a row, sorted.
    nodes: Box<[Node]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    start: u32,
    end: u32,
    first: u32,
    /// Children, twice; odd when a pattern ends here.
    children: u32,
    /// The child `*`, 0 when there is none: the root is nobody's child.
    any: u32,
}

impl Patterns {
    /// The strings of a claim; an absent claim, and one that is null, allows nothing.
    pub fn read(claim: Option<&Value>) -> Result<Patterns, Malformed> {
        let mut patterns: Vec<Vec<&str>> = Vec::new();
        for text in texts(claim)? {
            let pattern: Vec<&str> = text.split(':').collect();
            // A longer one has nothing that an action of at most MAX_SEGMENTS could be.
            if pattern.len() <= MAX_SEGMENTS && !pattern.contains(&"") {
                patterns.push(pattern);
            }
        }
        patterns.sort_unstable();
        patterns.dedup();
        Ok(Patterns::build(&patterns))
    }

    /// Breadth first, so that the children of a node stand in a row.
    fn build(patterns: &[Vec<&str>]) -> Patterns {
        let (mut text, mut nodes) = (String::new(), vec![Node::default()]);
        let mut open = std::collections::VecDeque::from([(0, patterns, 0)]);
        while let Some((at, mut patterns, depth)) = open.pop_front() {
            let first = nodes.len() as u32;
            let (mut children, mut any) = (0, 0);
            // Sorted: the one that ends here comes before those that go on.
            let ends = patterns.first().is_some_and(|pattern| pattern.len() == depth);
            patterns = &patterns[usize::from(ends)..];
            while let Some(label) = patterns.first().and_then(|pattern| pattern.get(depth)) {
                let count = patterns.iter().take_while(|pattern| pattern.get(depth) == Some(label)).count();
                let start = text.len() as u32;
                text.push_str(label);
                if *label == "*" {
                    any = nodes.len() as u32;
                }
                open.push_back((nodes.len(), &patterns[..count], depth + 1));
                nodes.push(Node { start, end: text.len() as u32, ..Node::default() });
                patterns = &patterns[count..];
                children += 1;
            }
            let node: &mut Node = &mut nodes[at];
            (node.first, node.children, node.any) = (first, children << 1 | u32::from(ends), any);
        }
        Patterns { text: text.into(), nodes: nodes.into() }
    }

    pub fn allow(&self, action: &Filled<'_>) -> bool {
        self.allow_below(self.nodes[0], action.segments())
    }

    /// At most one step for each node of the tree.
    fn allow_below(&self, node: Node, rest: &[&str]) -> bool {
        let Some((segment, rest)) = rest.split_first() else { return node.ends() };
        if node.any != 0 {
            let any = self.nodes[node.any as usize];
            if any.ends() || self.allow_below(any, rest) {
                return true;
            }
        }
        self.child(node, segment).is_some_and(|child| self.allow_below(child, rest))
    }

    fn child(&self, node: Node, label: &str) -> Option<Node> {
        let first = node.first as usize;
        let children = &self.nodes[first..first + (node.children >> 1) as usize];
        let text = |child: &Node| &self.text.as_bytes()[child.start as usize..child.end as usize];
        let at = children.binary_search_by(|child| text(child).cmp(label.as_bytes())).ok()?;
        Some(children[at])
    }
}

impl Node {
    fn ends(self) -> bool {
        self.children & 1 == 1
    }
}
