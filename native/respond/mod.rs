//! Answers that the gateway makes itself, and the header lines that it adds to every answer. It sends nothing.

mod body;
mod lines;
mod refusal;

pub use body::{Made, write_answer};
pub use lines::{OWN_NAMES, own_names, write_own_lines, write_status};
pub use refusal::{Answer, Refusal, Row};
