//! Collects routes in a growing tree and refuses those that cannot be told apart; a search never runs on it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::constraint::Constraint;
use super::host::HostKey;
use super::methods::Methods;
use super::pattern::{Pattern, PatternSegment};
use super::{MatchSpec, Router, RouterError, Warning};

/// Routes on their way into a [`Router`].
#[derive(Debug, Default)]
pub struct RouterBuilder {
    pub(super) hosts: Vec<(HostKey, u32)>,
    host_roots: HashMap<HostKey, u32, ahash::RandomState>,
    pub(super) nodes: Vec<Node>,
    pub(super) constraints: Vec<Arc<Constraint>>,
    constraint_ids: HashMap<Box<str>, u32, ahash::RandomState>,
    pub(super) methods: Methods,
    pub(super) routes: HashMap<u32, Registered, ahash::RandomState>,
}

/// What a route added, kept to tell later whether another one hides it.
#[derive(Debug)]
pub(super) struct Registered {
    pub names: Box<[Box<str>]>,
    pub shape: Arc<[Segment]>,
    pub roots: Box<[u32]>,
    pub methods: u64,
    pub is_hidden: bool,
}

/// A state between two segments: the start, or behind the segment that led here.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub statics: BTreeMap<Box<[u8]>, u32>,
    /// Constraint and child, in the order of registration.
    pub constrained: Vec<(u32, u32)>,
    pub param: Option<u32>,
    pub rest: Ends,
    pub ends: Ends,
}

/// Routes of one path shape with the methods that each asked for; the masks are disjoint.
pub(super) type Ends = Vec<(u64, u32)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Static(Box<[u8]>),
    Constrained(u32),
    Param,
    Rest,
}

impl Segment {
    /// What follows the last slash of `/a/`.
    pub fn is_empty(&self) -> bool {
        matches!(self, Segment::Static(text) if text.is_empty())
    }
}

impl RouterBuilder {
    pub fn new() -> RouterBuilder {
        RouterBuilder::default()
    }

    /// Adds `route`, or refuses it and changes nothing. Routes that can never be reached, this one or earlier
    /// ones that it hides, are accepted and reported.
    pub fn insert(&mut self, route: u32, spec: &MatchSpec<'_>) -> Result<Vec<Warning>, RouterError> {
        if self.routes.contains_key(&route) {
            return Err(RouterError::DuplicateRoute { route });
        }
        let (constraints, customs) = (self.constraints.len(), self.methods.custom_count());
        self.add(route, spec).inspect_err(|_| {
            self.constraints.truncate(constraints);
            self.constraint_ids.retain(|_, id| (*id as usize) < constraints);
            self.methods.forget_custom_after(customs);
        })?;
        Ok(self.warnings(route))
    }

    /// The table of all routes so far; more can be added and another one built.
    pub fn build(&self) -> Router {
        super::compile::compile(self)
    }

    fn add(&mut self, route: u32, spec: &MatchSpec<'_>) -> Result<(), RouterError> {
        let pattern = Pattern::parse(spec.path)?;
        let hosts = parse_hosts(spec.hosts)?;
        let methods = self.methods.mask(spec.methods)?;
        let shape = self.shape(pattern.segments)?;
        for host in &hosts {
            self.refuse_conflict(host, &shape, methods)?;
        }
        let roots = hosts.into_iter().map(|host| self.root(host)).collect::<Box<[u32]>>();
        for &root in &roots {
            self.ends(root, &shape).push((methods, route));
        }
        let names = pattern.names.into();
        self.routes.insert(route, Registered { names, shape, roots, methods, is_hidden: false });
        Ok(())
    }

    fn shape(&mut self, segments: Vec<PatternSegment>) -> Result<Arc<[Segment]>, RouterError> {
        let resolved = segments.into_iter().map(|segment| match segment {
            PatternSegment::Static(text) => Ok(Segment::Static(text)),
            PatternSegment::Constrained { regex, at } => self.constraint(regex, at).map(Segment::Constrained),
            PatternSegment::Param => Ok(Segment::Param),
            PatternSegment::Rest => Ok(Segment::Rest),
        });
        resolved.collect()
    }

    /// Equal text is one constraint: it is compiled once, and its routes have the same shape.
    fn constraint(&mut self, text: Box<str>, at: usize) -> Result<u32, RouterError> {
        if let Some(id) = self.constraint_ids.get(&text) {
            return Ok(*id);
        }
        let id = self.constraints.len() as u32;
        self.constraints.push(Arc::new(Constraint::compile(&text, at)?));
        self.constraint_ids.insert(text, id);
        Ok(id)
    }

    fn refuse_conflict(&self, host: &HostKey, shape: &[Segment], methods: u64) -> Result<(), RouterError> {
        let Some(ends) = self.host_roots.get(host).and_then(|root| self.existing_ends(*root, shape)) else {
            return Ok(());
        };
        match ends.iter().find(|(taken, _)| taken & methods != 0) {
            Some((taken, with)) => Err(RouterError::Conflict {
                with: *with,
                host: host.text(),
                method: self.methods.name(taken & methods).into(),
            }),
            None => Ok(()),
        }
    }

    fn existing_ends(&self, root: u32, shape: &[Segment]) -> Option<&Ends> {
        let mut at = root;
        for segment in shape {
            let node = &self.nodes[at as usize];
            at = match segment {
                Segment::Static(text) => *node.statics.get(text)?,
                Segment::Constrained(id) => node.constrained.iter().find(|(own, _)| own == id)?.1,
                Segment::Param => node.param?,
                Segment::Rest => return Some(&node.rest),
            };
        }
        Some(&self.nodes[at as usize].ends)
    }

    fn root(&mut self, host: HostKey) -> u32 {
        if let Some(root) = self.host_roots.get(&host) {
            return *root;
        }
        let root = self.node();
        self.hosts.push((host.clone(), root));
        self.host_roots.insert(host, root);
        root
    }

    fn node(&mut self) -> u32 {
        self.nodes.push(Node::default());
        (self.nodes.len() - 1) as u32
    }

    /// The place of a shape, made if it is new.
    fn ends(&mut self, root: u32, shape: &[Segment]) -> &mut Ends {
        let mut at = root;
        for segment in shape {
            if *segment == Segment::Rest {
                return &mut self.nodes[at as usize].rest;
            }
            at = self.child(at, segment);
        }
        &mut self.nodes[at as usize].ends
    }

    fn child(&mut self, at: u32, segment: &Segment) -> u32 {
        let fresh = self.nodes.len() as u32;
        let node = &mut self.nodes[at as usize];
        let child = match segment {
            Segment::Static(text) => match node.statics.get(text) {
                Some(child) => *child,
                None => *node.statics.entry(text.clone()).or_insert(fresh),
            },
            Segment::Constrained(id) => match node.constrained.iter().find(|(own, _)| own == id) {
                Some((_, child)) => *child,
                None => {
                    node.constrained.push((*id, fresh));
                    fresh
                }
            },
            Segment::Param | Segment::Rest => *node.param.get_or_insert(fresh),
        };
        if child == fresh { self.node() } else { child }
    }
}

/// Without repetitions; any host when the list is empty.
fn parse_hosts(texts: &[&str]) -> Result<Vec<HostKey>, RouterError> {
    if texts.is_empty() {
        return Ok(vec![HostKey::Any]);
    }
    let mut hosts = Vec::with_capacity(texts.len());
    for text in texts {
        let host = HostKey::parse(text)?;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}
