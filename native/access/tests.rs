//! Tables for origins, CORS lines, trusted proxies, scopes, actions, tenants and rules.

mod action;
mod cors;
mod ip;
mod roles;
mod rules;
mod support;
mod tenant;

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
