//! The locks, atomics and swapped pointers of what threads share: those of `std` and `arc-swap`. With the feature
//! `interleave` they are shuttle's, which lets a test choose which thread goes on at each of them.

#[cfg(feature = "interleave")]
pub(crate) use interleaved::{ArcSwap, ArcSwapOption};
#[cfg(feature = "interleave")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic::AtomicU64};

#[cfg(not(feature = "interleave"))]
pub(crate) use arc_swap::{ArcSwap, ArcSwapOption};
#[cfg(not(feature = "interleave"))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic::AtomicU64};

/// What `arc-swap` promises: a pointer that is read and replaced in one step.
#[cfg(feature = "interleave")]
mod interleaved {
    use super::Mutex;
    use std::sync::{Arc, PoisonError};

    pub struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

    impl<T> ArcSwapOption<T> {
        pub fn empty() -> ArcSwapOption<T> {
            ArcSwapOption(Mutex::new(None))
        }

        pub fn load_full(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub fn store(&self, value: Option<Arc<T>>) {
            let before =
                std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), value);
            drop(before);
        }
    }

    pub struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub fn from_pointee(value: T) -> ArcSwap<T> {
            ArcSwap(Mutex::new(Arc::new(value)))
        }

        pub fn load(&self) -> Arc<T> {
            self.load_full()
        }

        pub fn load_full(&self) -> Arc<T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub fn store(&self, value: Arc<T>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }
}
