//! Tables for origins, CORS lines, trusted proxies and scopes.

mod cors;
mod ip;
mod roles;

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
