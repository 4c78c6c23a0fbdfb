//! The power of two choices (Mitzenmacher 2001): of two endpoints drawn by weight, the one with fewer requests in
//! flight for its weight.

use crate::upstream::set::Endpoint;

/// The better of two: the second when it has less for its weight now, and would also with the request. So idle endpoints
/// are used by weight, and a light one is not filled because it is idle.
pub fn better(endpoints: &[Endpoint], (first, second): (usize, usize)) -> usize {
    let (a, b) = (&endpoints[first], &endpoints[second]);
    let (of_a, of_b) = (f64::from(a.state.in_flight()), f64::from(b.state.in_flight()));
    let less = |more: f64| (of_b + more) * a.share < (of_a + more) * b.share;
    if less(0.0) && less(1.0) { second } else { first }
}
