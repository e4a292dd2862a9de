//! How a plan is drawn from a seed.

use std::time::Duration;

use hyperwire_core::session::LinkLoss;

use super::{
    Answer, DataEnd, Demand, Disturbance, Kind, Line, Login, Loss, Method, Obstacle, Plan, Request,
    ResultSet, Tls, Trouble,
};
use crate::virtual_time::pipe::PipePlan;
use crate::virtual_time::random::Random;

impl Plan {
    pub(in super::super) fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let swarm = Swarm::draw(random);
        let login = if random.one_in(4) { Login::draw(random) } else { Login::TRUST };
        let login_trouble = if random.one_in(10) { swarm.trouble(random, 6) } else { Vec::new() };
        let (requests, program) = swarm.program(random);
        let wild = random.one_in(20);
        Self {
            login,
            tls: if random.one_in(6) {
                random.pick(&[Tls::Given, Tls::Denied, Tls::Missing])
            } else {
                Tls::Unasked
            },
            keyed: !random.one_in(12),
            login_trouble,
            requests,
            program,
            to_server: pipe(random, false),
            to_client: pipe(random, wild),
            loss: random.one_in(5).then(|| Loss {
                toward_client: !random.one_in(3),
                at: random.pick(&[20, 200, 1000, 4000]).min(random.between(0, 4000)),
                how: random.pick(&[LinkLoss::Eof, LinkLoss::Reset, LinkLoss::TimedOut, LinkLoss::Other]),
            }),
            cancel_loss: random.pick(&[0, 0, 0, 2]),
            cancel_delay: random.duration(2),
            cancel_late: random.pick(&[0, 0, 0, 2]),
            abandon_budget: random.pick(&[0, 64, 1000, 1 << 20]),
            probe: Request {
                kind: Kind::Query,
                deadline: None,
                demand: Demand::AtOnce,
                copy: false,
                data: Vec::new(),
                data_end: DataEnd::Done,
                answer: Answer {
                    results: vec![rows(random, 2)],
                    status: b'I',
                    heeds_cancel: None,
                    trouble: Vec::new(),
                },
            },
        }
    }
}

/// Which faults are possible in a run.
struct Swarm {
    slow: bool,
    hangs: bool,
    errors: bool,
    malformed: bool,
    closes: bool,
    notices: bool,
    cancels: bool,
    abandons: bool,
    deadlines: bool,
    scarce_demand: bool,
}

impl Login {
    const TRUST: Self = Self { method: Method::Trust, obstacle: Obstacle::Nothing, iterations: 1 };

    fn draw(random: &mut Random) -> Self {
        use Method::{Cleartext, Md5, Scram, Trust};
        use Obstacle::{
            NoPassword, Nothing, OkTooSoon, Silence, UnknownMethod, WeakForbidden, WrongPassword,
            WrongSignature,
        };
        let method = random.pick(&[Trust, Cleartext, Md5, Scram, Scram]);
        let obstacle = match method {
            _ if random.one_in(2) => Nothing,
            Trust => random.pick(&[UnknownMethod, Silence]),
            Cleartext | Md5 => random.pick(&[NoPassword, WeakForbidden, WrongPassword, Silence]),
            Scram => random.pick(&[NoPassword, WrongPassword, WrongSignature, OkTooSoon, Silence]),
        };
        Self { method, obstacle, iterations: random.pick(&[1, 2, 3, 64]) }
    }
}

impl Swarm {
    fn draw(random: &mut Random) -> Self {
        let mut half = || random.one_in(2);
        Self {
            slow: half(),
            hangs: half() && half(),
            errors: half(),
            malformed: half() && half() && half(),
            closes: half() && half() && half(),
            notices: half(),
            cancels: half(),
            abandons: half(),
            deadlines: half(),
            scarce_demand: half(),
        }
    }

    /// Requests, and the lines that deal with them.
    fn program(&self, random: &mut Random) -> (Vec<Request>, Vec<Line>) {
        let (mut requests, mut program) = (Vec::<Request>::new(), Vec::new());
        for number in 0..random.size(1, 8) {
            let prepared: Vec<_> =
                (0..number).filter(|earlier| requests[*earlier].kind == Kind::Prepare).collect();
            let kind = match random.below(10) {
                0..=3 => Kind::Query,
                4 | 5 => Kind::Params,
                6 => Kind::Sync,
                7 if !prepared.is_empty() && random.one_in(3) => Kind::Close(random.pick(&prepared)),
                _ if prepared.is_empty() => Kind::Prepare,
                _ => Kind::Execute(random.pick(&prepared)),
            };
            if let Kind::Execute(of) | Kind::Close(of) = kind {
                program.push(Line::AwaitEnd(of));
            }
            let request = self.request(random, kind, &requests);
            requests.push(request);
            program.push(Line::Submit(number));
            self.follow(random, number, &mut program);
        }
        (requests, program)
    }

    fn follow(&self, random: &mut Random, number: usize, program: &mut Vec<Line>) {
        let pick = |random: &mut Random| if random.one_in(4) { random.size(0, number) } else { number };
        for _ in 0..random.size(0, 2) {
            match random.below(4) {
                0 => program.push(Line::Pause(random.duration(20))),
                1 => program.push(Line::AwaitNews(number)),
                2 => program.push(Line::AwaitEnd(number)),
                _ => {}
            }
            if self.cancels && random.one_in(2) {
                program.push(Line::Cancel(pick(random)));
            }
            if self.abandons && random.one_in(3) {
                program.push(Line::Abandon(pick(random)));
            }
            if random.one_in(60) {
                program.push(Line::Terminate);
            }
        }
    }

    fn request(&self, random: &mut Random, kind: Kind, earlier: &[Request]) -> Request {
        let copies = matches!(kind, Kind::Query | Kind::Params) && random.one_in(5);
        let results = match kind {
            _ if copies => vec![copy(random)],
            Kind::Query => (0..random.pick(&[1, 1, 1, 2, 3])).map(|_| result(random)).collect(),
            Kind::Execute(of) => vec![self.execution(random, &earlier[of].answer.results[0])],
            _ => vec![result(random)],
        };
        let demand = match random.below(4) {
            0 if self.scarce_demand => Demand::Never,
            1 | 2 if self.scarce_demand => Demand::Trickle(random.between(1, 4), random.duration(2)),
            _ => Demand::AtOnce,
        };
        let pieces = random.size(0, 4);
        Request {
            kind,
            copy: copies && !random.one_in(5),
            deadline: (self.deadlines && random.one_in(2)).then(|| random.duration(30)),
            demand,
            data: (0..pieces).map(|_| (random.duration(2), some_bytes(random, 600))).collect(),
            data_end: random.pick(&[DataEnd::Done, DataEnd::Done, DataEnd::Fail, DataEnd::Never]),
            answer: Answer {
                results,
                status: random.pick(b"IIITE"),
                heeds_cancel: (!random.one_in(6)).then(|| random.duration(3)),
                trouble: self.trouble(random, 12),
            },
        }
    }

    /// What a prepared statement returns: what it was described with, unless its table changed.
    fn execution(&self, random: &mut Random, described: &ResultSet) -> ResultSet {
        let ResultSet::Rows { columns, .. } = described else { return described.clone() };
        let width = if self.errors && random.one_in(8) { columns.len() + 1 } else { columns.len() };
        ResultSet::Rows { columns: columns.clone(), rows: some_rows(random, width) }
    }

    fn trouble(&self, random: &mut Random, last: usize) -> Vec<Trouble> {
        let mut trouble = Vec::new();
        let mut may = |random: &mut Random, possible: bool, chances: u64, what: Disturbance| {
            if possible && random.one_in(chances) {
                trouble.push(Trouble { before: random.size(0, last), what });
            }
        };
        let nap = random.duration(40);
        may(random, self.slow, 2, Disturbance::Sleep(nap));
        may(random, self.notices, 3, Disturbance::Notice);
        may(random, self.hangs, 3, Disturbance::Hang);
        may(random, self.errors, 4, Disturbance::Error);
        let end = random.pick(&[Disturbance::ErrorAndClose, Disturbance::Close]);
        may(random, self.closes, 4, end);
        let bytes = malformed(random);
        may(random, self.malformed, 4, Disturbance::Malformed(bytes));
        trouble
    }
}

/// Bytes that no state of a session takes.
fn malformed(random: &mut Random) -> Vec<u8> {
    let choices: [&[u8]; 7] = [
        b"!\0\0\0\x04",
        b"Z\0\0\0\x03",
        b"D\x7f\xff\xff\xff",
        b"Z\0\0\0\x05?",
        b"Z\0\0\0\x06II",
        b"T\0\0\0\x06\0\x05",
        b"s\0\0\0\x04",
    ];
    random.pick(&choices).to_vec()
}

fn pipe(random: &mut Random, wild: bool) -> PipePlan {
    PipePlan {
        capacity: random.pick(&[64, 256, 1000, 1 << 14, 1 << 16]),
        piece: random.pick(&[1, 7, 100, 1 << 12, 1 << 16]),
        delay: random.pick(&[Duration::ZERO, Duration::from_micros(50), Duration::from_millis(40)]),
        pace: Duration::ZERO,
        stall: (random.pick(&[0, 0, 3, 30]), random.duration(8)),
        flip: wild.then(|| (random.below(1000), 1 << random.below(8))),
    }
}

fn result(random: &mut Random) -> ResultSet {
    match random.below(8) {
        0 => ResultSet::Command,
        1 => ResultSet::Empty,
        2 if random.one_in(4) => copy(random),
        _ => {
            let columns = random.size(0, 4);
            rows(random, columns)
        }
    }
}

fn copy(random: &mut Random) -> ResultSet {
    if random.one_in(2) {
        ResultSet::CopyIn { deaf: random.duration(8) }
    } else {
        ResultSet::CopyOut { chunks: (0..random.size(0, 6)).map(|_| some_bytes(random, 300)).collect() }
    }
}

fn rows(random: &mut Random, columns: usize) -> ResultSet {
    /// integer, bigint, text, integer[]
    const TYPES: [u32; 4] = [23, 20, 25, 1007];
    let rows = some_rows(random, columns);
    ResultSet::Rows { columns: (0..columns).map(|_| random.pick(&TYPES)).collect(), rows }
}

fn some_rows(random: &mut Random, columns: usize) -> Vec<Vec<Option<Vec<u8>>>> {
    let count = random.pick(&[0, 1, 2, 5, 12]);
    let field = |random: &mut Random| (!random.one_in(6)).then(|| some_bytes(random, 40));
    (0..count).map(|_| (0..columns).map(|_| field(random)).collect()).collect()
}

fn some_bytes(random: &mut Random, most: usize) -> Vec<u8> {
    let length = random.size(0, most);
    random.bytes(length)
}
