//! The model: bounds, and what can happen in a world.

use hyperwire_core::daemon::{self, Effect as DaemonEffect};
use hyperwire_core::election::{self, Effect};

use super::act::Run;
use super::faults::{Left, faults};
use super::mutant::Mutant;
use super::other::Other;
use super::search::{Actions, Model, Step, Violation};
use super::visited::Spare;
use super::world::{Body, Party, World};
use super::{baseline, invariant};

/// How large the world is and what may go wrong in it.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Clients of ours.
    pub clients: u8,
    /// Clients of the superseded design.
    pub legacy_clients: u8,
    /// A daemon of the superseded design is up, on this port, counted from 0.
    pub legacy_daemon: Option<u8>,
    /// Ports.
    pub ports: u8,
    /// Who has the lowest one.
    pub base: Base,
    /// How many clients run queries, the others only holding on to the daemon.
    pub querying: u8,
    /// Queries that each of them runs.
    pub queries: u8,
    /// Clients may leave once they have run them.
    pub leave: bool,
    /// What may go wrong, and how often.
    pub faults: Left,
    /// Every step on its own, also those that commute with everything else.
    pub fine: bool,
    /// A client that looks at the daemon's lock holds it for a moment.
    pub looks_hold: bool,
    /// Tell clients apart that are interchangeable.
    pub distinct: bool,
    /// Whether hyperd inherits the lock.
    pub inherit: bool,
    /// Older clients are newer than whatever daemon they find first, and take over from it.
    pub takes_over: bool,
    /// Who else is there, with another state folder.
    pub other: Option<Other>,
    /// The mistake that our machines make.
    pub mutant: Option<Mutant>,
}

/// Who listens on the lowest port from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nobody.
    Free,
    /// A service that says something else.
    Foreign,
    /// A service that says nothing.
    Mute,
}

impl Bounds {
    /// So many clients of ours, three ports, one query each, and nothing goes wrong.
    pub fn new(clients: u8) -> Self {
        Self {
            clients,
            legacy_clients: 0,
            legacy_daemon: None,
            ports: 3,
            base: Base::Free,
            querying: u8::MAX,
            queries: 1,
            leave: false,
            faults: Left::default(),
            fine: false,
            looks_hold: false,
            distinct: false,
            inherit: true,
            takes_over: false,
            other: None,
            mutant: None,
        }
    }
}

impl Bounds {
    /// Whether steps that nobody can tell from none are taken with others; see [`super::reduce`].
    pub(super) fn reduces(&self) -> bool {
        !self.fine && self.ours_only()
    }

    /// Whether there is nobody but us, from beginning to end.
    pub(super) fn ours_only(&self) -> bool {
        self.legacy_clients == 0
            && self.legacy_daemon.is_none()
            && self.faults.impostors == 0
            && self.other.is_none()
    }
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is told in words by the story")]
pub enum Action {
    ClientDoes(u8),
    ClientFindsSilence(u8),
    ClientReceives(u8),
    ClientReadsPipe(u8),
    ClientTimer(u8, election::Timer),
    QueryBegins(u8),
    QueryEnds(u8),
    ClientLeaves(u8),
    DaemonDoes(u8),
    DaemonFails(u8),
    DaemonTimer(u8, daemon::Timer),
    DaemonSeesEngineEnd(u8),
    OrphanEnds(u8),
    LegacyClientDoes(u8),
    LegacyClientGivesUp(u8),
    LegacyDaemonDoes(u8),
    DaemonCrashes(u8),
    ClientIsKilled(u8),
    UserStops(u8),
    DaemonFreezes(u8),
    DaemonThaws(u8),
    RecordIsDeleted,
    FolderIsDeleted,
    EngineCrashes(u8),
    EngineHangs(u8),
    StaleStop(u8),
    Report(u8),
    ImpostorListens(u8),
    ListenerIsLost(u8),
}

/// The model.
#[derive(Clone, Debug)]
pub struct Town {
    /// Its bounds.
    pub bounds: Bounds,
}

impl Model for Town {
    type State = World;
    type Action = Action;

    fn initial(&self) -> World {
        World::new(&self.bounds)
    }

    fn actions(&self, world: &World) -> Actions<Action> {
        let mut list = Vec::new();
        self.client_actions(world, &mut list);
        self.daemon_actions(world, &mut list);
        if list.is_empty() {
            patience_ends(world, &mut list);
        }
        let normal = list.len();
        if self.may_fail(world) {
            faults(world, &mut list);
        }
        Actions { list, normal }
    }

    fn apply(&self, world: &World, action: &Action, tell: bool) -> Step<World> {
        let mut run = Run::new(&self.bounds, world.clone(), tell);
        let before = run.signs();
        run.act(*action);
        run.finish();
        run.look_again(before);
        run.check_state();
        Step { state: run.world, kinds: run.kinds, story: run.story, violations: run.violations }
    }

    fn spare(&self, world: &World) -> Spare {
        world.left.kinds()
    }

    fn at_rest(&self, world: &World) -> Option<Violation> {
        invariant::at_rest(&self.bounds, world)
    }
}

impl Town {
    fn client_actions(&self, world: &World, list: &mut Vec<Action>) {
        for (index, client) in world.clients.iter().enumerate() {
            let c = index as u8;
            let machine = match &client.party {
                Party::Gone => continue,
                Party::Legacy(legacy) => {
                    if baseline::client_may_act(world, legacy, client) {
                        list.push(Action::LegacyClientDoes(c));
                    }
                    if let Some(d) = legacy.adopted() {
                        self.query_actions(world, c, d, client.busy.is_some(), client.queries, list);
                    }
                    continue;
                }
                Party::Ours(machine) => machine,
            };
            if let Some(effect) = &client.pending {
                list.push(Action::ClientDoes(c));
                let port = match effect {
                    Effect::Hello { port } | Effect::Probe { port } => Some(*port),
                    _ => None,
                };
                if world.left.slow > 0
                    && port.is_some_and(|port| world.answers(port))
                    && !self.commutes(effect)
                {
                    list.push(Action::ClientFindsSilence(c));
                }
            }
            if !client.inbox.is_empty() {
                list.push(Action::ClientReceives(c));
            }
            if client.report.is_some() {
                list.push(Action::ClientReadsPipe(c));
            }
            for timer in machine.armed() {
                let passes = match timer {
                    election::Timer::Poll => client.dirty,
                    election::Timer::Reply => {
                        client.inbox.is_empty()
                            && client.pending.is_none()
                            && client.link.is_none_or(|d| !world.is_awake(d))
                    }
                    _ => false,
                };
                if passes {
                    list.push(Action::ClientTimer(c, timer));
                }
            }
            if client.busy.is_some() {
                list.push(Action::QueryEnds(c));
            } else if let Some(record) = machine.adopted() {
                let d = record.pid as u8;
                if client.queries > 0 && machine.clone().begin() {
                    let runs = world.daemons[usize::from(d)].engine.as_ref();
                    let same = runs.is_some_and(|engine| {
                        record.advertised.as_ref().is_none_or(|own| own.generation == engine.generation)
                    });
                    // A session that cannot be opened is reported; see QueryBegins.
                    if same || !client.reported {
                        list.push(Action::QueryBegins(c));
                    }
                }
                if self.bounds.leave && client.queries == 0 {
                    list.push(Action::ClientLeaves(c));
                }
            }
        }
    }

    /// Where there is nobody but us, no port shows anything that a client acts upon.
    fn commutes(&self, effect: &Effect) -> bool {
        self.bounds.ours_only() && matches!(effect, Effect::Probe { .. })
    }

    fn query_actions(&self, world: &World, c: u8, d: u8, busy: bool, left: u8, list: &mut Vec<Action>) {
        if busy {
            list.push(Action::QueryEnds(c));
        } else if left > 0 && world.daemons[usize::from(d)].engine.is_some() {
            list.push(Action::QueryBegins(c));
        }
    }
}

impl Town {
    /// Whether something may still go wrong.
    fn may_fail(&self, world: &World) -> bool {
        let limit = usize::from(self.bounds.faults.together);
        limit == 0 || self.bounds.faults.sum() - world.left.sum() < limit
    }

    fn daemon_actions(&self, world: &World, list: &mut Vec<Action>) {
        for (index, process) in world.daemons.iter().enumerate() {
            let d = index as u8;
            if !process.alive {
                if process.engine.is_some() {
                    list.push(Action::OrphanEnds(d));
                }
                continue;
            }
            if process.frozen {
                continue;
            }
            match &process.body {
                Body::Ours(machine) => {
                    if let Some(effect) = &process.pending {
                        list.push(Action::DaemonDoes(d));
                        if matches!(effect, DaemonEffect::Publish { .. })
                            && world.left.disk_full > 0
                            && self.may_fail(world)
                        {
                            list.push(Action::DaemonFails(d));
                        }
                        if matches!(effect, DaemonEffect::StartEngine { .. })
                            && world.left.engine_failures > 0
                            && self.may_fail(world)
                        {
                            list.push(Action::DaemonFails(d));
                        }
                    }
                    for timer in machine.armed() {
                        let passes = match timer {
                            daemon::Timer::Orphan => !world.orphans(),
                            daemon::Timer::SelfCheck => process.dirty,
                            daemon::Timer::Idle => world.left.idles > 0 && self.may_fail(world),
                            daemon::Timer::Sessions => world.strays(d) == 0,
                            _ => true,
                        };
                        if passes {
                            list.push(Action::DaemonTimer(d, timer));
                        }
                    }
                    if process.engine_ended {
                        list.push(Action::DaemonSeesEngineEnd(d));
                    }
                }
                Body::Legacy(legacy) => {
                    if legacy.may_act() {
                        list.push(Action::LegacyDaemonDoes(d));
                    }
                }
                Body::Dead => {}
            }
        }
    }
}

/// Nothing else can happen: time passes.
fn patience_ends(world: &World, list: &mut Vec<Action>) {
    for (index, client) in world.clients.iter().enumerate() {
        match &client.party {
            Party::Ours(machine) if machine.armed().any(|timer| timer == election::Timer::Election) => {
                list.push(Action::ClientTimer(index as u8, election::Timer::Election));
            }
            Party::Legacy(legacy) if legacy.waits() => list.push(Action::LegacyClientGivesUp(index as u8)),
            _ => {}
        }
    }
}
