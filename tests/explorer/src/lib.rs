//! # hyperwire-explorer
//!
//! Every interleaving of the real machines of an election, within bounds.
//!
//! A [`World`] holds the machines of `hyperwire-core` as they are, and models of what an operating system does for
//! them: locks that hyperd inherits, a record that is written and renamed, ports, processes that are killed or stopped,
//! pipes, connections. Whatever could happen next is an [`Action`](town::Action); [`explore`] lets all of them happen,
//! breadth first, and checks the invariants of every state and every transition.
//!
//! Time is left out on purpose: the clock stands still, and a deadline may pass whenever it is armed. To keep the graph
//! finite and without idle loops, a timer that only makes a machine look again passes only if something it could see
//! has changed since it last looked; otherwise it would find what it found and be where it was. The deadline of a whole
//! election passes only when nothing else can happen.
//!
//! One step is one thing that others can see: a file operation, a lock operation, a port, an exchange of lines up to the
//! reply's arrival, a signal. A daemon's replies and pushed lines wait at the client until it takes them.
//!
//! Not all of it is visited. Steps that nobody else can tell from no step are taken together with another, and looks
//! that would show what the last one showed are not taken (`reduce`); clients of a kind are interchangeable, and what
//! only a message tells is not compared (`World`'s hash); a state that differs from a visited one only in having
//! fewer faults ahead is not visited again (`visited`). Each says why nothing is lost by it, and tests compare the
//! verdicts with and without.
//!
//! What it leaves out: how long things take; a deletion of the record between its owner's look and its unlink; hyperd
//! sessions that an older client leaves open and idle. What a kernel really does is for the tests with real processes.
//!
//! Would it find a mistake? `.ci/mutants` builds the machines with known ones (`mutants.md`) and looks.

mod act;
pub mod baseline;
mod contact;
mod daemon_act;
mod faults;
mod invariant;
mod mutant;
#[cfg(hyperwire_mutants)]
pub mod mutants;
mod other;
pub mod plan;
mod reduce;
mod search;
mod slot;
pub mod town;
mod visited;
mod world;

pub use mutant::Mutant;
pub use other::{Other, Whose};
pub use search::{Counterexample, Limits, Model, Report, Violation, explore, replay};
pub use slot::fingerprint;
pub use town::{Base, Bounds, Town};
pub use visited::Spare;
pub use world::World;
