//! Part of a state that is shared between states as long as it does not change, and hashed only when it does.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

/// A part of a state.
#[derive(Clone, Debug)]
pub struct Slot<T> {
    value: Arc<T>,
    print: u128,
}

impl<T: Hash + Clone> Slot<T> {
    /// A new part.
    pub fn new(value: T) -> Self {
        let print = fingerprint(&value);
        Self { value: Arc::new(value), print }
    }

    /// Changes the part, in this state only.
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let value = Arc::make_mut(&mut self.value);
        let result = change(value);
        self.print = fingerprint(value);
        result
    }
}

impl<T> Deref for Slot<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Hash for Slot<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.print);
    }
}

/// 128 bits of XXH3 over everything that `Hash` feeds. At 10^7 states the chance that any two share one is below
/// 10^-24.
pub fn fingerprint(value: &impl Hash) -> u128 {
    thread_local! {
        static BYTES: std::cell::RefCell<Bytes> = const { std::cell::RefCell::new(Bytes(Vec::new())) };
    }
    BYTES.with_borrow_mut(|bytes| {
        bytes.0.clear();
        value.hash(bytes);
        xxh3_128(&bytes.0)
    })
}

struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn finish(&self) -> u64 {
        unreachable!("the bytes are hashed as a whole")
    }
}
