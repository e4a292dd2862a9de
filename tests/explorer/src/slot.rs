//! Part of a state that is shared between states as long as it does not change, and hashed only when it does.

use std::cell::OnceCell;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

/// A part of a state.
#[derive(Clone, Debug)]
pub(super) struct Slot<T> {
    value: Arc<T>,
    /// Known once somebody asked.
    print: OnceCell<u128>,
}

/// What of a part makes it differ from another.
pub(super) trait Part: Clone {
    /// A print of it.
    fn print(&self) -> u128;
}

impl<T: Part> Slot<T> {
    /// A new part.
    pub(super) fn new(value: T) -> Self {
        Self { value: Arc::new(value), print: OnceCell::new() }
    }

    /// Of the part as it is now.
    pub(super) fn print(&self) -> u128 {
        *self.print.get_or_init(|| self.value.print())
    }

    /// Changes the part, in this state only.
    pub(super) fn edit<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let value = Arc::make_mut(&mut self.value);
        self.print = OnceCell::new();
        change(value)
    }
}

impl<T> Deref for Slot<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Part> Hash for Slot<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.print());
    }
}

/// 128 bits of XXH3 over everything that `Hash` feeds. At 10^8 states the chance that any two share one is below
/// 10^-22.
pub fn fingerprint(value: &impl Hash) -> u128 {
    thread_local! {
        static BYTES: std::cell::RefCell<Bytes> = std::cell::RefCell::default();
    }
    let mut bytes = BYTES.take();
    bytes.0.clear();
    value.hash(&mut bytes);
    let print = bytes.print();
    BYTES.set(bytes);
    print
}

/// Gathers what is to be hashed as a whole.
#[derive(Default)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn print(&self) -> u128 {
        xxh3_128(&self.0)
    }
}

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn finish(&self) -> u64 {
        unreachable!("the bytes are hashed as a whole")
    }
}
