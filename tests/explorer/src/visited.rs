//! Which states were visited, and with how much that may still go wrong.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// How often things of each kind may still go wrong.
pub type Spare = [u8; 16];

/// The end of a list.
const NONE: u32 = u32::MAX;

/// Every state that was visited.
///
/// A state that differs from a visited one only in that less may go wrong shows nothing new: all that can happen there
/// can happen in the other, step by step, with no less to spare after any of them; and what must hold of it must hold of
/// the other, as nothing that must hold is excused by more to spare. So it is not visited. Nor does that hide a run that
/// never ends: faults are finite, so such a run ends in a cycle without any, which is there in the other state too.
/// This needs the other to be visited first: a search goes by how much went wrong.
#[derive(Default)]
pub(super) struct Visited {
    /// By print: the number of the last of those that differ in what they have to spare.
    last: HashMap<u128, u32, BuildHasherDefault<Print>>,
    /// By number: the one before it with the same print, and what it has to spare, as an index into `spares`.
    states: Vec<(u32, u16)>,
    spares: Vec<Spare>,
}

/// What a state is to those that were visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// It gets this number.
    New(u32),
    /// It has this number.
    Again(u32),
    /// One was visited that differs from it in having more to spare.
    Less,
}

impl Visited {
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Visits a state.
    pub(super) fn visit(&mut self, print: u128, spare: &Spare) -> Visit {
        let number = u32::try_from(self.states.len()).expect("fewer than 2^32 states");
        let last = self.last.entry(print).or_insert(NONE);
        let mut at = *last;
        let mut less = false;
        while at != NONE {
            let (before, index) = self.states[at as usize];
            let other = &self.spares[usize::from(index)];
            if other == spare {
                return Visit::Again(at);
            }
            less |= other.iter().zip(spare).all(|(other, own)| other >= own);
            at = before;
        }
        if less {
            return Visit::Less;
        }
        let index = self.spares.iter().position(|other| other == spare).unwrap_or_else(|| {
            self.spares.push(*spare);
            self.spares.len() - 1
        });
        self.states.push((*last, u16::try_from(index).expect("few faults")));
        *last = number;
        Visit::New(number)
    }
}

/// The prints are hashes already.
#[derive(Default)]
struct Print(u64);

impl Hasher for Print {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only prints are stored")
    }
    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
