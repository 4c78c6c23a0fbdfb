//! The metric families of the guard; it only reads.

use super::{Action, Limits, Overload};
use crate::observe::{Family, Kind};

/// The step and the pressure of each resource, and what was done. None while the guard is off.
pub fn families(overload: &Overload, limits: Option<&Limits>) -> Vec<Family> {
    if limits.is_none() {
        return Vec::new();
    }
    let help =
        "Step of the overload guard in force: 1 ends connections, 2 refuses requests, 3 stops accepting.";
    let mut steps = Family::new("ferrogate_overload_step", help, Kind::Gauge);
    let help = "What is used of each resource that the overload guard watches, as a share of its maximum.";
    let mut pressures = Family::new("ferrogate_overload_pressure", help, Kind::Gauge);
    for (resource, step, pressure) in overload.resources(limits) {
        steps.with([("resource", resource)], f64::from(step as u8));
        pressures.with([("resource", resource)], f64::from(pressure.0) / 1000.0);
    }
    let help =
        "What was not done because of overload: connections kept, requests served, connections accepted.";
    let mut actions = Family::new("ferrogate_overload_actions_total", help, Kind::Counter);
    for (action, name) in Action::ALL {
        actions.with([("action", name)], overload.counted(action) as f64);
    }
    vec![steps, pressures, actions]
}
