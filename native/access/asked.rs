//! What a policy looks at: the request, and who sends it as far as that is proven.

use std::any::Any;
use std::net::IpAddr;

use serde_json::{Map, Value};

/// Who was proven to send a request.
pub trait Holder {
    fn claims(&self) -> &Map<String, Value>;

    fn has_scope(&self, scope: &str) -> bool;

    /// What `make` makes of the claim of this name, shown to `then`; made once for each holder where it can be kept.
    fn made<T: Any + Send + Sync, R>(
        &self,
        claim: &str,
        make: fn(Option<&Value>) -> T,
        then: impl FnOnce(&T) -> R,
    ) -> R;
}

/// A request on a route with a policy.
pub struct Asked<'a, H> {
    pub method: &'a [u8],
    pub client: IpAddr,
    /// The values of the parameters that the policy names, in its order, decoded once. None: absent, or no text.
    pub params: &'a [Option<&'a str>],
    /// The value of the one header of a name given in lower case. None: absent, or not one.
    pub header: &'a dyn Fn(&[u8]) -> Option<&'a [u8]>,
    /// None: nobody was proven.
    pub holder: Option<&'a H>,
}
