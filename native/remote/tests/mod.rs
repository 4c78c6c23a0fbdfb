//! Tables of the arithmetic, without a store.

mod arithmetic;
mod leases;
