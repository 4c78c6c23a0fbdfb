//! Compiles what a fleet counts together: a limit and its store, which is opened when the first limit names it.

use super::super::plan::{PlanFleet, PlanLimit, PlanStore};
use super::super::{Fleet, Limit};
use super::{CompileError, Registries, error};
use crate::remote::{Rate, Store};
use std::sync::Arc;

/// The stores of a plan that limits name.
pub(super) struct Stores<'a> {
    plan: &'a [PlanStore],
    registries: &'a dyn Registries,
    opened: Vec<(&'a str, Arc<Store>)>,
}

impl<'a> Stores<'a> {
    pub fn new(plan: &'a [PlanStore], registries: &'a dyn Registries) -> Stores<'a> {
        Stores { plan, registries, opened: Vec::new() }
    }

    fn open(&mut self, id: &str) -> Result<Arc<Store>, String> {
        if let Some((_, store)) = self.opened.iter().find(|(known, _)| *known == id) {
            return Ok(Arc::clone(store));
        }
        let plan = self.plan.iter().find(|plan| plan.id == id);
        let plan = plan.ok_or_else(|| format!("no store is named {id:?}"))?;
        let store = self.registries.store(plan)?;
        self.opened.push((&plan.id, Arc::clone(&store)));
        Ok(store)
    }

    pub fn into_opened(self) -> Vec<Arc<Store>> {
        self.opened.into_iter().map(|(_, store)| store).collect()
    }
}

pub(super) fn compile_fleet(
    i: usize,
    plan: &PlanLimit,
    stores: &mut Stores<'_>,
) -> Result<Option<Fleet>, CompileError> {
    let Some(PlanFleet { store, mode, fallback, gateways }) = &plan.fleet else { return Ok(None) };
    let store = stores.open(store).map_err(|m| error(format!("limits[{i}].store"), m))?;
    Ok(Some(Fleet {
        begins: store.begins(&plan.id),
        fallbacks: store.fallbacks(&plan.id),
        store,
        mode: *mode,
        fallback: *fallback,
        gateways: *gateways,
        rate: Rate::new(plan.rate, plan.per_ms, plan.burst),
    }))
}

/// Parts a list of limits into those that this process counts and those that a store does.
pub(super) fn part(all: Vec<u32>, limits: &[Limit]) -> (Vec<u32>, Vec<u32>) {
    all.into_iter().partition(|index| limits[*index as usize].fleet.is_none())
}
