//! Compiles the matches of all routes into one router.

use super::super::plan::PlanRoute;
use super::{CompileError, error};
use crate::router::{MatchSpec, Router, RouterBuilder, RouterError, Warning};

pub(super) fn compile_router(routes: &[PlanRoute]) -> Result<(Router, Vec<String>), CompileError> {
    let mut builder = RouterBuilder::new();
    let mut warnings = Vec::new();
    for (i, route) in routes.iter().enumerate() {
        let methods: Vec<&str> = route.methods.iter().map(String::as_str).collect();
        let hosts: Vec<&str> = route.hosts.iter().map(String::as_str).collect();
        let spec = MatchSpec { path: &route.path, methods: &methods, hosts: &hosts };
        let found = builder.insert(i as u32, &spec).map_err(|e| router_error(i, &e, routes))?;
        warnings.extend(found.iter().map(|warning| warning_text(warning, routes)));
    }
    Ok((builder.build(), warnings))
}

fn warning_text(warning: &Warning, routes: &[PlanRoute]) -> String {
    let id = |index: u32| routes.get(index as usize).map_or("", |r| &r.id);
    match warning {
        Warning::Unreachable { route, winner } => {
            format!(
                "route {:?} (routes[{route}]) is never reached: {:?} always wins",
                id(*route),
                id(*winner)
            )
        }
    }
}

fn router_error(i: usize, e: &RouterError, routes: &[PlanRoute]) -> CompileError {
    let RouterError::Conflict { with, .. } = e else {
        return error(format!("routes[{i}].match"), e.to_string());
    };
    let other = routes.get(*with as usize).map_or("", |r| &r.id);
    let message = format!("cannot be told apart from route {other:?} (routes[{with}])");
    CompileError { path: format!("routes[{i}].match"), message, conflict: true }
}
