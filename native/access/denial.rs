//! Why a policy refuses a request; it has no words for whoever asked.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Nobody was proven to send the request.
    Anonymous,
    Scope,
    Role,
    /// The action is not allowed, or a value of the request can be in none.
    Action,
    Tenant,
    Project,
    Rule,
    /// A claim with roles or actions is neither a string nor a list of strings.
    Malformed,
}
