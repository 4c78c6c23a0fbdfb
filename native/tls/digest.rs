//! SHA-256 over parts that cannot run into each other: each goes in with its length.

use aws_lc_rs::digest::{Context, SHA256};

pub(super) struct Digest(Context);

impl Digest {
    pub fn new() -> Digest {
        Digest(Context::new(&SHA256))
    }

    pub fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    pub fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}
