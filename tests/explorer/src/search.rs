//! Through every state that a model can reach: first those after fewer faults, and breadth first among them.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::slot::fingerprint;
use super::visited::{Spare, Visit, Visited};

/// Something with states, to be visited.
pub trait Model {
    /// A state. Two that hash alike are the same state, apart from how much may go wrong.
    type State: Clone + Hash;
    /// Something that can happen in a state.
    type Action: Clone + std::fmt::Debug;

    /// Where it begins.
    fn initial(&self) -> Self::State;
    /// Everything that can happen in this state, in a fixed order.
    fn actions(&self, state: &Self::State) -> Actions<Self::Action>;
    /// Lets it happen, and tells it if somebody listens.
    fn apply(&self, state: &Self::State, action: &Self::Action, tell: bool) -> Step<Self::State>;
    /// How much may still go wrong. Whatever happens by itself leaves it as it is, or costs of it as a fault does.
    fn spare(&self, state: &Self::State) -> Spare;
    /// What is wrong with a state in which nothing happens any more unless something goes wrong.
    fn at_rest(&self, state: &Self::State) -> Option<Violation>;
}

/// What can happen.
pub struct Actions<A> {
    /// What happens by itself, then what may go wrong.
    pub list: Vec<A>,
    /// How many happen by themselves.
    pub normal: usize,
}

/// What came of an action.
pub struct Step<S> {
    /// The state after it.
    pub state: S,
    /// What kinds of things happened, for the census.
    pub kinds: Vec<&'static str>,
    /// What happened, for the reader of a counterexample.
    pub story: String,
    /// What it broke.
    pub violations: Vec<Violation>,
}

/// The name of a broken invariant, and what broke it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// For instance `S6`.
    pub invariant: &'static str,
    /// In words.
    pub what: String,
}

/// How a search is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// States after which it gives up.
    pub states: usize,
    /// Whether to go on after the first violation, and count them all.
    pub all: bool,
}

/// What a search found.
#[derive(Debug)]
pub struct Report {
    /// States visited.
    pub states: usize,
    /// Transitions taken.
    pub transitions: usize,
    /// States in which nothing can happen.
    pub rest: usize,
    /// The longest run from the beginning, in steps, through states that were visited; `None` if there is a cycle.
    pub longest: Option<usize>,
    /// Whether every reachable state was visited.
    pub complete: bool,
    /// How often each kind of transition was taken.
    pub census: BTreeMap<&'static str, usize>,
    /// How often each invariant was broken.
    pub broken: BTreeMap<&'static str, usize>,
    /// The first violation, and a way to it with as few faults as any.
    pub counterexample: Option<Counterexample>,
    /// How long it took.
    pub time: Duration,
}

/// A way to a violation: replay it with [`replay`].
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// What is broken.
    pub violation: Violation,
    /// Which of the possible actions happened, step by step.
    pub decisions: Vec<u16>,
    /// What happened.
    pub story: Vec<String>,
    /// States visited until it was found.
    pub after_states: usize,
}

impl std::fmt::Display for Counterexample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.violation.invariant, self.violation.what)?;
        for (number, line) in self.story.iter().enumerate() {
            writeln!(f, "  {:>3}. {line}", number + 1)?;
        }
        write!(f, "  decisions: {:?}", self.decisions)
    }
}

/// Visits every state.
pub fn explore<M: Model>(model: &M, limits: Limits) -> Report {
    let begun = Instant::now();
    let initial = model.initial();
    let mut visited = Visited::default();
    let spare = model.spare(&initial);
    visited.visit(fingerprint(&initial), &spare);
    let mut parents: Vec<(u32, u16)> = vec![(0, 0)];
    let mut edges: Vec<(u32, u32)> = Vec::new();
    // By how often something went wrong: those still to be looked at.
    let most = sum(&spare);
    let mut strata: Vec<Vec<(u32, M::State)>> = std::iter::repeat_with(Vec::new).take(most + 1).collect();
    strata[0].push((0, initial));
    let mut report = Report {
        states: 0,
        transitions: 0,
        rest: 0,
        longest: None,
        complete: true,
        census: BTreeMap::new(),
        broken: BTreeMap::new(),
        counterexample: None,
        time: Duration::ZERO,
    };
    'search: while let Some(stratum) = strata.iter().position(|states| !states.is_empty()) {
        for (number, state) in std::mem::take(&mut strata[stratum]) {
            let actions = model.actions(&state);
            if actions.normal == 0 {
                report.rest += 1;
                if let Some(violation) = model.at_rest(&state) {
                    let found = (number, None, violation);
                    if note(model, &mut report, &parents, found) && !limits.all {
                        break 'search;
                    }
                }
            }
            for (index, action) in actions.list.iter().enumerate() {
                let step = model.apply(&state, action, false);
                report.transitions += 1;
                for kind in step.kinds {
                    *report.census.entry(kind).or_default() += 1;
                }
                let decision = u16::try_from(index).expect("few actions");
                for violation in step.violations {
                    let found = (number, Some(decision), violation);
                    if note(model, &mut report, &parents, found) && !limits.all {
                        break 'search;
                    }
                }
                let spare = model.spare(&step.state);
                match visited.visit(fingerprint(&step.state), &spare) {
                    Visit::New(target) => {
                        edges.push((number, target));
                        parents.push((number, decision));
                        strata[most - sum(&spare)].push((target, step.state));
                    }
                    Visit::Again(target) => edges.push((number, target)),
                    Visit::Less => {}
                }
            }
            if parents.len() > limits.states {
                report.complete = false;
                break 'search;
            }
        }
    }
    report.states = visited.len();
    if report.complete && (limits.all || report.broken.is_empty()) {
        report.longest = longest_run(parents.len(), &edges);
    }
    report.time = begun.elapsed();
    report
}

fn sum(spare: &Spare) -> usize {
    spare.iter().copied().map(usize::from).sum()
}

/// Counts a violation; says whether to care, and keeps the first as the counterexample.
fn note<M: Model>(
    model: &M,
    report: &mut Report,
    parents: &[(u32, u16)],
    (state, decision, violation): (u32, Option<u16>, Violation),
) -> bool {
    *report.broken.entry(violation.invariant).or_default() += 1;
    if report.counterexample.is_none() {
        let mut decisions: Vec<u16> = decision.into_iter().collect();
        let mut at = state;
        while at != 0 {
            let (parent, decision) = parents[at as usize];
            decisions.push(decision);
            at = parent;
        }
        decisions.reverse();
        let (story, _) = replay(model, &decisions);
        report.counterexample =
            Some(Counterexample { violation, decisions, story, after_states: parents.len() });
    }
    true
}

/// Walks the way that the decisions say. Returns the story, and what it broke.
pub fn replay<M: Model>(model: &M, decisions: &[u16]) -> (Vec<String>, Vec<Violation>) {
    let mut state = model.initial();
    let (mut story, mut broken) = (Vec::new(), Vec::new());
    for decision in decisions {
        let actions = model.actions(&state);
        let step = model.apply(&state, &actions.list[usize::from(*decision)], true);
        story.push(step.story);
        broken.extend(step.violations);
        state = step.state;
    }
    if model.actions(&state).normal == 0 {
        broken.extend(model.at_rest(&state));
    }
    (story, broken)
}

/// The length of the longest run, by taking away states that nothing leads to; `None` if a cycle remains.
fn longest_run(states: usize, edges: &[(u32, u32)]) -> Option<usize> {
    let mut first = vec![0_u32; states + 1];
    let mut incoming = vec![0_u32; states];
    for (from, to) in edges {
        first[*from as usize + 1] += 1;
        incoming[*to as usize] += 1;
    }
    for state in 0..states {
        first[state + 1] += first[state];
    }
    let mut targets = vec![0_u32; edges.len()];
    let mut place = first.clone();
    for (from, to) in edges {
        targets[place[*from as usize] as usize] = *to;
        place[*from as usize] += 1;
    }
    let mut depth = vec![0_usize; states];
    let mut free: Vec<u32> =
        (0..u32::try_from(states).ok()?).filter(|state| incoming[*state as usize] == 0).collect();
    let mut taken = 0;
    while let Some(state) = free.pop() {
        taken += 1;
        for to in &targets[first[state as usize] as usize..first[state as usize + 1] as usize] {
            let to = *to as usize;
            depth[to] = depth[to].max(depth[state as usize] + 1);
            incoming[to] -= 1;
            if incoming[to] == 0 {
                free.push(to as u32);
            }
        }
    }
    (taken == states).then(|| depth.into_iter().max().unwrap_or(0))
}
