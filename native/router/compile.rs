//! Lays the growing tree of a builder out flat for searching; it decides nothing about routes.

use super::Router;
use super::find::{Leaf, NONE, Node, Slot, Text, Tree};
use super::host::HostIndex;
use super::insert::{Ends, Node as Source, RouterBuilder};
use super::methods::{answered, is_head};
use super::segment;

pub(super) fn compile(builder: &RouterBuilder) -> Router {
    let mut compiler = Compiler { builder, tree: Tree::default(), open: Vec::new() };
    let mut hosts = HostIndex::default();
    for (host, root) in &builder.hosts {
        hosts.add(host, compiler.reserve(*root));
    }
    while let Some((source, target)) = compiler.open.pop() {
        compiler.tree.nodes[target as usize] = compiler.node(source);
    }
    let names = builder.routes.iter().map(|(route, own)| (*route, own.names.clone())).collect();
    Router { hosts, methods: builder.methods.clone(), tree: compiler.tree, names }
}

const EMPTY: Node = Node {
    prefix: Text { start: 0, len: 0 },
    leaf: NONE,
    slots: 0,
    mask: 0,
    shift: 0,
    constrained: 0,
    count: 0,
    param: NONE,
    rest: NONE,
    is_open: false,
};

struct Compiler<'a> {
    builder: &'a RouterBuilder,
    tree: Tree,
    /// Nodes that have a place but no content yet.
    open: Vec<(u32, u32)>,
}

impl Compiler<'_> {
    fn reserve(&mut self, source: u32) -> u32 {
        let place = self.tree.nodes.len() as u32;
        self.tree.nodes.push(EMPTY);
        self.open.push((source, place));
        place
    }

    fn node(&mut self, source: u32) -> Node {
        let builder = self.builder;
        let mut source = &builder.nodes[source as usize];
        let start = self.tree.text.len();
        while let Some((label, child)) = only_child(source) {
            self.tree.text.push(b'/');
            self.tree.text.extend_from_slice(label);
            source = &builder.nodes[child as usize];
        }
        let prefix = Text { start: start as u32, len: (self.tree.text.len() - start) as u32 };
        let (slots, mask, shift) = self.table(source);
        let constrained = self.constrained(source);
        let count = source.constrained.len() as u32;
        let param = source.param.map_or(NONE, |child| self.reserve(child));
        let (leaf, rest) = (self.leaf(&source.ends), self.leaf(&source.rest));
        let is_open = count != 0 || param != NONE || rest != NONE;
        Node { prefix, leaf, slots, mask, shift, constrained, count, param, rest, is_open }
    }

    /// At most half full, so that a probe always ends.
    fn table(&mut self, source: &Source) -> (u32, u32, u32) {
        if source.statics.is_empty() {
            return (0, 0, 0);
        }
        let size = (source.statics.len() * 2).next_power_of_two();
        let base = self.tree.slots.len();
        let (mask, shift) = (size - 1, 64 - size.trailing_zeros());
        let free = Slot { hash: 0, label: Text::default(), child: NONE };
        self.tree.slots.resize(base + size, free);
        for (text, child) in &source.statics {
            let hash = segment::hash(text);
            let mut slot = (hash >> shift) as usize;
            while self.tree.slots[base + slot].child != NONE {
                slot = (slot + 1) & mask;
            }
            let label = Text { start: self.tree.text.len() as u32, len: text.len() as u32 };
            self.tree.text.extend_from_slice(text);
            self.tree.slots[base + slot] = Slot { hash, label, child: self.reserve(*child) };
        }
        (base as u32, mask as u32, shift)
    }

    fn constrained(&mut self, source: &Source) -> u32 {
        let start = self.tree.constrained.len() as u32;
        for (id, child) in &source.constrained {
            let child = self.reserve(*child);
            self.tree.constrained.push((self.builder.constraints[*id as usize].clone(), child));
        }
        start
    }

    /// GET answers HEAD as well, unless another route of the same shape takes HEAD itself.
    fn leaf(&mut self, ends: &Ends) -> u32 {
        if ends.is_empty() {
            return NONE;
        }
        let asked = ends.iter().fold(0, |all, (methods, _)| all | methods);
        let start = self.tree.ends.len() as u32;
        for (methods, route) in ends {
            let added = answered(*methods) & !methods;
            let methods = if is_head(added & !asked) { methods | added } else { *methods };
            self.tree.ends.push((methods, *route));
        }
        let methods = answered(asked);
        self.tree.leaves.push(Leaf { methods, ends: start, count: ends.len() as u32 });
        (self.tree.leaves.len() - 1) as u32
    }
}

/// The way on from a node that offers no choice.
fn only_child(source: &Source) -> Option<(&[u8], u32)> {
    let is_plain = source.ends.is_empty()
        && source.rest.is_empty()
        && source.constrained.is_empty()
        && source.param.is_none()
        && source.statics.len() == 1;
    let (label, child) = source.statics.first_key_value().filter(|_| is_plain)?;
    Some((label, *child))
}
