//! Finds routes that no request can reach because stronger ones accept all of theirs; what it cannot prove it does
//! not report.

use super::Warning;
use super::insert::{Ends, RouterBuilder, Segment};
use super::methods::answered;

/// Bounds the work of one insertion; beyond it a hidden route stays unreported.
const MAX_VISITS: usize = 1000;

/// The part of a route's methods that no stronger route takes so far.
struct Uncovered<'a> {
    methods: u64,
    winner: Option<u32>,
    visits: &'a mut usize,
}

/// Routes that the new one may hide.
struct Candidates {
    routes: Vec<u32>,
    visits: usize,
}

impl RouterBuilder {
    /// Of `route`, which was just added, and of earlier routes.
    pub(super) fn warnings(&mut self, route: u32) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut candidates = Candidates { routes: vec![route], visits: 0 };
        if let Some(own) = self.routes.get(&route) {
            for &root in &own.roots {
                self.weaker(root, &own.shape, false, &mut candidates);
            }
        }
        let mut visits = 0;
        for weaker in candidates.routes {
            if let Some(winner) = self.winner_over(weaker, &mut visits)
                && let Some(known) = self.routes.get_mut(&weaker)
            {
                known.is_hidden = true;
                warnings.push(Warning::Unreachable { route: weaker, winner });
            }
        }
        warnings
    }

    /// The route that takes its requests, if it is hidden under every host and that is not known yet.
    fn winner_over(&self, route: u32, visits: &mut usize) -> Option<u32> {
        let own = self.routes.get(&route).filter(|own| !own.is_hidden)?;
        let mut winner = None;
        for &root in &own.roots {
            let mut left = Uncovered { methods: answered(own.methods), winner: None, visits };
            self.stronger(root, &own.shape, false, &mut left);
            if left.methods != 0 {
                return None;
            }
            winner = winner.or(left.winner);
        }
        winner
    }

    /// Takes from `left` the methods of all shapes that accept every path of `shape`. `ahead` is true once a
    /// branch was taken that is searched before that of `shape`.
    fn stronger(&self, at: u32, shape: &[Segment], ahead: bool, left: &mut Uncovered<'_>) {
        *left.visits += 1;
        if *left.visits > MAX_VISITS {
            return;
        }
        let node = &self.nodes[at as usize];
        let Some((segment, deeper)) = shape.split_first() else {
            if ahead {
                left.take(&node.ends);
            }
            return;
        };
        match segment {
            Segment::Static(text) => self.stronger_than_static(at, text, deeper, ahead, left),
            Segment::Constrained(own) => self.stronger_than_constrained(at, *own, deeper, ahead, left),
            Segment::Param => {
                let accepts_all = |id: &u32| self.constraints[*id as usize].accepts_all();
                for (_, child) in node.constrained.iter().filter(|(id, _)| accepts_all(id)) {
                    self.stronger(*child, deeper, true, left);
                }
            }
            Segment::Rest => {}
        }
        let is_param = *segment == Segment::Param;
        let can_be_param = is_param || ahead && *segment != Segment::Rest && !segment.is_empty();
        if let Some(child) = node.param.filter(|_| can_be_param) {
            self.stronger(child, deeper, ahead || !is_param, left);
        }
        if ahead {
            left.take(&node.rest);
        }
    }

    fn stronger_than_static(
        &self,
        at: u32,
        text: &[u8],
        deeper: &[Segment],
        ahead: bool,
        left: &mut Uncovered<'_>,
    ) {
        let node = &self.nodes[at as usize];
        if let Some(&child) = node.statics.get(text) {
            self.stronger(child, deeper, ahead, left);
        }
        let accepts = |id: &u32| !text.is_empty() && self.constraints[*id as usize].accepts(text);
        for (_, child) in node.constrained.iter().filter(|(id, _)| ahead && accepts(id)) {
            self.stronger(*child, deeper, true, left);
        }
    }

    fn stronger_than_constrained(
        &self,
        at: u32,
        own: u32,
        deeper: &[Segment],
        ahead: bool,
        left: &mut Uncovered<'_>,
    ) {
        let node = &self.nodes[at as usize];
        let constraint = &self.constraints[own as usize];
        if let Some(child) = constraint.only_word().and_then(|word| node.statics.get(word)) {
            self.stronger(*child, deeper, true, left);
        }
        let mut is_earlier = true;
        for (id, child) in &node.constrained {
            if *id == own {
                self.stronger(*child, deeper, ahead, left);
                is_earlier = false;
            } else if (ahead || is_earlier) && self.constraints[*id as usize].covers(constraint) {
                self.stronger(*child, deeper, true, left);
            }
        }
    }

    /// Collects the routes that lie behind `shape` in the order of search and might be covered by it.
    fn weaker(&self, at: u32, shape: &[Segment], ahead: bool, out: &mut Candidates) {
        out.visits += 1;
        if out.visits > MAX_VISITS {
            return;
        }
        let node = &self.nodes[at as usize];
        let Some((segment, deeper)) = shape.split_first() else {
            if ahead {
                out.add(&node.ends);
            }
            return;
        };
        match segment {
            Segment::Static(text) => {
                if let Some(&child) = node.statics.get(text) {
                    self.weaker(child, deeper, ahead, out);
                }
                let is_same = |id: &u32| self.constraints[*id as usize].only_word() == Some(&**text);
                for (_, child) in node.constrained.iter().filter(|(id, _)| is_same(id)) {
                    self.weaker(*child, deeper, true, out);
                }
            }
            Segment::Constrained(own) => self.weaker_than_constrained(at, *own, deeper, ahead, out),
            Segment::Param => {
                if let Some(child) = node.param {
                    self.weaker(child, deeper, ahead, out);
                }
                let statics =
                    node.statics.iter().filter(|(text, _)| !text.is_empty()).map(|(_, child)| child);
                let others = statics.chain(node.constrained.iter().map(|(_, child)| child));
                others.filter(|_| ahead).for_each(|child| self.weaker(*child, deeper, true, out));
            }
            Segment::Rest if ahead => self.all_below(at, out),
            Segment::Rest => {}
        }
    }

    fn weaker_than_constrained(
        &self,
        at: u32,
        own: u32,
        deeper: &[Segment],
        ahead: bool,
        out: &mut Candidates,
    ) {
        let node = &self.nodes[at as usize];
        let constraint = &self.constraints[own as usize];
        let mut is_later = false;
        for (id, child) in &node.constrained {
            if *id == own {
                self.weaker(*child, deeper, ahead, out);
                is_later = true;
            } else if (ahead || is_later) && constraint.covers(&self.constraints[*id as usize]) {
                self.weaker(*child, deeper, true, out);
            }
        }
        if let Some(child) = node.param.filter(|_| constraint.accepts_all()) {
            self.weaker(child, deeper, true, out);
        }
        let accepted = |text: &[u8]| !text.is_empty() && constraint.accepts(text);
        for (_, child) in node.statics.iter().filter(|(text, _)| ahead && accepted(text)) {
            self.weaker(*child, deeper, true, out);
        }
    }

    fn all_below(&self, at: u32, out: &mut Candidates) {
        out.visits += 1;
        if out.visits > MAX_VISITS {
            return;
        }
        let node = &self.nodes[at as usize];
        out.add(&node.ends);
        out.add(&node.rest);
        let children = node.statics.values().chain(node.constrained.iter().map(|(_, child)| child));
        children.chain(node.param.iter()).for_each(|child| self.all_below(*child, out));
    }
}

impl Uncovered<'_> {
    fn take(&mut self, ends: &Ends) {
        for (methods, route) in ends {
            if self.methods & answered(*methods) != 0 {
                self.methods &= !answered(*methods);
                self.winner.get_or_insert(*route);
            }
        }
    }
}

impl Candidates {
    fn add(&mut self, ends: &Ends) {
        self.routes.extend(ends.iter().map(|(_, route)| *route));
    }
}
