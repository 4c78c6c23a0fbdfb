//! The search: a flat tree, one loop down and one stack of open choices; it allocates nothing and cannot fail.

use std::ops::Range;
use std::sync::Arc;

use super::constraint::Constraint;
use super::params::{Choice, Params};
use super::segment::{self, EXACT_BYTES};

/// In place of an index: there is none.
pub(super) const NONE: u32 = u32::MAX;

/// The compiled routes of all hosts. Indexes are those of `compile`, which alone makes trees.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub nodes: Vec<Node>,
    pub slots: Vec<Slot>,
    pub constrained: Vec<(Arc<Constraint>, u32)>,
    pub leaves: Vec<Leaf>,
    pub ends: Vec<(u64, u32)>,
    /// Text of prefixes and labels.
    pub text: Vec<u8>,
}

/// A state between two segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Text that must come first, `/segment` any number of times: the states without a choice, merged.
    pub prefix: Text,
    /// Taken when the path ends here.
    pub leaf: u32,
    /// Static children: an open table of `mask + 1` slots from `slots`, at least one of them free; mask 0: none.
    pub slots: u32,
    pub mask: u32,
    pub shift: u32,
    /// Weaker branches, strongest first: `count` of `constrained`, a child, the leaf of the catch-all.
    pub constrained: u32,
    pub count: u32,
    pub param: u32,
    pub rest: u32,
    /// There are weaker branches.
    pub is_open: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text {
    pub start: u32,
    pub len: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub hash: u64,
    pub label: Text,
    /// `NONE` in a free slot.
    pub child: u32,
}

/// The routes of one shape: `count` of `ends` with disjoint methods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    pub methods: u64,
    pub ends: u32,
    pub count: u32,
}

/// Where the way down static children ends.
enum Descent {
    /// The path ends here; the leaf may be `NONE`.
    End(u32),
    /// The weaker branches of a node are next.
    Open(Choice),
    Dead,
}

enum Branch {
    Found(u32),
    Down(u32),
    Dead,
}

/// What is searched; `method` is the bit of one method.
pub(super) struct Request<'a> {
    pub path: &'a [u8],
    pub method: u64,
}

impl Tree {
    /// The strongest route below `root`. `params` is empty before, and after unless a route is found. Methods of
    /// leaves that the path reached are added to `allowed`.
    pub fn walk(
        &self,
        root: u32,
        request: &Request<'_>,
        params: &mut Params,
        allowed: &mut u64,
    ) -> Option<u32> {
        let Request { path, method } = *request;
        if path.first() != Some(&b'/') {
            return None;
        }
        let (mut at, mut place) = (root, 0);
        'walk: loop {
            let mut open = match self.descend(at, place, path, params) {
                Descent::End(leaf) => match self.leaf(leaf, method, allowed) {
                    None => None,
                    found => return found,
                },
                Descent::Open(choice) => Some(choice),
                Descent::Dead => None,
            };
            while let Some(choice) = open.take().or_else(|| params.resume()) {
                match self.branch(&choice, request, params, allowed) {
                    Branch::Found(route) => return Some(route),
                    Branch::Down(child) => {
                        (at, place) = (child, choice.end as usize);
                        continue 'walk;
                    }
                    Branch::Dead => {}
                }
            }
            return None;
        }
    }

    /// From `place`, which is the end of the path or a slash, down static children as long as one fits.
    #[inline(always)]
    fn descend(&self, mut at: u32, mut place: usize, path: &[u8], params: &mut Params) -> Descent {
        loop {
            let node = &self.nodes[at as usize];
            if node.prefix.len != 0 {
                if !path[place..].starts_with(self.text(node.prefix)) {
                    return Descent::Dead;
                }
                place += node.prefix.len as usize;
                if path.get(place).is_some_and(|byte| *byte != b'/') {
                    return Descent::Dead;
                }
            }
            if place == path.len() {
                return Descent::End(node.leaf);
            }
            let start = place + 1;
            let segment = segment::read(path, start);
            let child = self.static_child(node, segment.hash, start..segment.end, path);
            if node.is_open {
                let choice = Choice::new(at, start, segment.end, params);
                if child == NONE {
                    return Descent::Open(choice);
                }
                params.postpone(choice);
            } else if child == NONE {
                return Descent::Dead;
            }
            (at, place) = (child, segment.end);
        }
    }

    #[inline]
    fn static_child(&self, node: &Node, hash: u64, label: Range<usize>, path: &[u8]) -> u32 {
        if node.mask == 0 {
            return NONE;
        }
        let mut slot = (hash >> node.shift) as u32;
        loop {
            let candidate = &self.slots[(node.slots + slot) as usize];
            if candidate.child == NONE {
                return NONE;
            }
            if candidate.hash == hash
                && candidate.label.len as usize == label.len()
                && (label.len() <= EXACT_BYTES || *self.text(candidate.label) == path[label.clone()])
            {
                return candidate.child;
            }
            slot = (slot + 1) & node.mask;
        }
    }

    /// The first branch from `choice.next` on that takes the segment; those left open are postponed.
    #[inline(always)]
    fn branch(
        &self,
        choice: &Choice,
        request: &Request<'_>,
        params: &mut Params,
        allowed: &mut u64,
    ) -> Branch {
        let node = &self.nodes[choice.node as usize];
        if choice.start < choice.end && choice.next <= node.count {
            if choice.next < node.count
                && let Some((child, next)) = self.constrained(node, choice, request.path)
            {
                params.postpone(Choice { next, ..*choice });
                params.push(choice.start, choice.end);
                return Branch::Down(child);
            }
            if node.param != NONE {
                if node.rest != NONE {
                    params.postpone(Choice { next: node.count + 1, ..*choice });
                }
                params.push(choice.start, choice.end);
                return Branch::Down(node.param);
            }
        }
        match self.leaf(node.rest, request.method, allowed) {
            Some(route) => {
                params.push(choice.start, request.path.len() as u32);
                Branch::Found(route)
            }
            None => Branch::Dead,
        }
    }

    /// The child of the first constraint that accepts the segment, and where to go on trying.
    fn constrained(&self, node: &Node, choice: &Choice, path: &[u8]) -> Option<(u32, u32)> {
        let segment = &path[choice.start as usize..choice.end as usize];
        (choice.next..node.count).find_map(|at| {
            let (constraint, child) = &self.constrained[(node.constrained + at) as usize];
            constraint.accepts(segment).then_some((*child, at + 1))
        })
    }

    #[inline]
    fn leaf(&self, leaf: u32, method: u64, allowed: &mut u64) -> Option<u32> {
        let leaf = self.leaves.get(leaf as usize)?;
        if leaf.methods & method == 0 {
            *allowed |= leaf.methods;
            return None;
        }
        let ends = &self.ends[leaf.ends as usize..(leaf.ends + leaf.count) as usize];
        ends.iter().find(|(methods, _)| methods & method != 0).map(|(_, route)| *route)
    }

    #[inline]
    fn text(&self, text: Text) -> &[u8] {
        &self.text[text.start as usize..(text.start + text.len) as usize]
    }
}
