//! The calls that run now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::call::Call;

/// All of them, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    running: BTreeMap<u64, Running>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) tool: String,
    pub(crate) call: Arc<Call>,
}

/// The call runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Begun {
    calls: Calls,
    number: u64,
}

impl Calls {
    pub(crate) fn begin(&self, tool: &str, call: Arc<Call>) -> Begun {
        let mut table = self.lock();
        table.last += 1;
        let number = table.last;
        table.running.insert(number, Running { tool: tool.to_owned(), call });
        Begun { calls: self.clone(), number }
    }

    pub(crate) fn all(&self) -> Vec<Running> {
        self.lock().running.values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.calls.lock().running.remove(&self.number);
    }
}
