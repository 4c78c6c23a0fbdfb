//! Errors that are a fixed sentence: their `detail()` is what they display. A macro alone, in scope for every module.

macro_rules! display_detail {
    ($($error:ty),*) => {$(
        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.detail())
            }
        }
        impl std::error::Error for $error {}
    )*};
}
