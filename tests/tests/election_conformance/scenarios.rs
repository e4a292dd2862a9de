//! The scenarios: who is there, what stands in the way, and what comes of it.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::daemon::Place;
use hyperwire_blocking::shared::{JoinError, Settings};
use hyperwire_blocking::{Client, Config};
use hyperwire_core::control::{BASE_PORT, DAEMON_LOCK, PORT_SPAN, PROBE_REPLY, RECORD, Record, SCAN_WITHIN};
use hyperwire_core::election::{ElectionError, Phase};
use hyperwire_core::hyperd::DEFAULT_USER;
use hyperwire_tests::household::{Household, Role};
use hyperwire_tests::hyperwire_binary::hyperwire_binary;
use hyperwire_tests::real_hyperd::{hyperd_program, value, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use crate::share::{Runtime, Share};

type Scenario = fn(&'static dyn Runtime, &mut Household);

/// For what takes a second when the machine has time for it.
const SOON: Duration = Duration::from_secs(60);

/// Functions as scenarios of their names.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        &[$((stringify!($name), $name)),+]
    };
}

/// Those for every runtime.
pub(crate) const ALL: &[(&str, Scenario)] = scenarios![
    a_daemon_that_is_there_is_adopted,
    where_there_is_none_one_is_started_and_two_shares_have_it,
    many_who_come_at_the_same_moment_start_one,
    a_record_of_a_daemon_that_is_no_more_leads_nobody_astray,
    a_stranger_on_the_first_port_moves_the_daemon_to_the_next,
    a_daemon_that_dies_while_it_is_used_is_followed_by_another,
    a_hyperd_that_is_reported_dead_is_had_anew,
    an_idle_share_lets_the_daemon_go_and_follows_to_the_next,
    uses_of_one_share_are_one_lease_that_ends_with_the_last,
    a_command_that_cannot_be_given_is_the_reason,
    a_program_that_is_no_daemon_is_found_out_at_once,
    a_daemon_that_does_not_come_up_is_waited_for_until_the_deadline,
    who_waits_too_short_is_told_where_the_search_is,
    a_state_folder_that_is_none_is_an_error_that_says_so,
    a_state_folder_without_a_root_is_refused,
    sixteen_silent_ports_take_as_long_as_one,
    silent_ports_below_the_daemon_take_as_long_as_one,
    twelve_silent_ports_cost_a_cold_start_as_much_as_one,
    a_record_whose_port_keeps_silent_is_not_asked_again_and_again,
    a_machine_that_was_renamed_still_has_its_daemon,
    why_a_program_cannot_be_run_is_the_reason,
];

fn a_daemon_that_is_there_is_adopted(runtime: &'static dyn Runtime, household: &mut Household) {
    let status = household.start_our_daemon();
    let mut share = runtime.join(without_command(household)).expect("the path is fine");

    let record = share.enter(SOON).expect("it is there");

    assert_eq!(status["pid"], record.pid);
    assert_eq!(select_one(&record), 1);
    assert_eq!(share.phase(), Phase::Adopted);
    drop(share);
    stop(household);
}

fn where_there_is_none_one_is_started_and_two_shares_have_it(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let mut shares = [0, 1].map(|_| join(runtime, household));

    let [first, second] = shares.each_mut().map(|share| share.enter(SOON).expect("a daemon starts"));

    assert_eq!(first.incarnation(), second.incarnation(), "one daemon for both");
    assert_eq!(household.processes_as(Role::Daemon).len(), 1, "{:?}", household.processes());
    assert_eq!((select_one(&first), select_one(&second)), (1, 1));
    drop(shares);
    stop(household);
}

fn many_who_come_at_the_same_moment_start_one(runtime: &'static dyn Runtime, household: &mut Household) {
    const MANY: usize = 8;
    let (start, entered) = (Barrier::new(MANY), Barrier::new(MANY));

    let pids: Vec<_> = thread::scope(|scope| {
        let come = || {
            start.wait();
            let mut share = join(runtime, household);
            let record = share.enter(SOON);
            // Nobody goes before everybody was let in.
            entered.wait();
            record.expect("a daemon for each").pid
        };
        let threads: Vec<_> = (0..MANY).map(|_| scope.spawn(come)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });

    assert!(pids.iter().all(|pid| *pid == pids[0]), "one daemon for all: {pids:?}");
    assert_eq!(household.processes_as(Role::Daemon).len(), 1, "{:?}", household.processes());
    stop(household);
}

fn a_record_of_a_daemon_that_is_no_more_leads_nobody_astray(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let status = household.start_our_daemon();
    kill(household, Role::Daemon);
    wait_until("nothing of it is left", SOON, || household.processes().is_empty());
    assert!(household.state_folder().join(RECORD).exists(), "it had no time to take its record with it");

    let mut share = join(runtime, household);
    let record = share.enter(SOON).expect("another starts");

    assert_ne!(status["pid"], record.pid);
    assert_eq!(select_one(&record), 1);
    drop(share);
    stop(household);
}

fn a_stranger_on_the_first_port_moves_the_daemon_to_the_next(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, BASE_PORT)).expect("nobody else is here");

    let mut share = join(runtime, household);
    let record = share.enter(SOON).expect("it is passed over");

    assert_eq!(record.health_port, BASE_PORT + 1);
    assert_eq!(select_one(&record), 1);
    drop((stranger, share));
    stop(household);
}

fn a_daemon_that_dies_while_it_is_used_is_followed_by_another(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let mut share = join(runtime, household);
    let first = share.enter(SOON).expect("a daemon starts");

    kill(household, Role::Daemon);
    share.leave();
    let record = enter_another(&mut *share, &first);

    assert_eq!(select_one(&record), 1);
    drop(share);
    wait_until("only the second is left", SOON, || household.processes_as(Role::Daemon).len() == 1);
    stop(household);
}

fn a_hyperd_that_is_reported_dead_is_had_anew(runtime: &'static dyn Runtime, household: &mut Household) {
    let mut share = join(runtime, household);
    let record = share.enter(SOON).expect("a daemon starts");
    assert_eq!(select_one(&record), 1);

    kill(household, Role::Engine);
    let start = Instant::now();
    let one = loop {
        share.report("killed by this test");
        share.leave();
        let record = share.enter(SOON).expect("there is another, or will be");
        // The report may still be on its way, and then this is the old one.
        if let Ok(mut client) = Client::connect(config(&record)) {
            break value::<i32>(&mut client, "SELECT 1");
        }
        assert!(start.elapsed() < SOON, "hyperd does not come back");
    };

    assert_eq!(one, 1);
    drop(share);
    stop(household);
}

fn an_idle_share_lets_the_daemon_go_and_follows_to_the_next(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let mut share = join(runtime, household);
    let first = share.enter(SOON).expect("a daemon starts");
    share.leave();

    // The next one is started as soon as the share hears of it, so the end of this one is all that could be waited for.
    let _ = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);
    let record = enter_another(&mut *share, &first);

    assert_eq!(select_one(&record), 1);
    drop(share);
    stop(household);
}

fn uses_of_one_share_are_one_lease_that_ends_with_the_last(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let mut share = join(runtime, household);
    let record = share.enter(SOON).expect("a daemon starts");
    share.enter(SOON).expect("it is there");
    share.leave();

    let told = household.run_hyperwire(&["daemon", "stop", "--timeout", "0"]);

    assert_eq!(told.code, Some(3), "{told}");
    assert_eq!(select_one(&record), 1, "it stays while it is used");
    drop(share);
    wait_until("it goes with the last use", SOON, || household.processes().is_empty());
}

fn a_command_that_cannot_be_given_is_the_reason(runtime: &'static dyn Runtime, household: &mut Household) {
    let mut share = runtime.join(without_command(household)).expect("the path is fine");

    let error = share.enter(SOON).expect_err("nothing can be started");

    assert!(matches!(error, JoinError::Command(_)), "{error}");
    assert!(error.to_string().contains("there is no hyperd today"), "{error}");
    assert_eq!(share.phase(), Phase::Failed);
    // Whoever asks later gets a search of their own.
    let again = share.enter(SOON).expect_err("nor now");
    assert!(matches!(again, JoinError::Command(_)), "{again}");
}

fn a_program_that_is_no_daemon_is_found_out_at_once(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let mut share = runtime.join(running(household, &["/bin/true"])).expect("the path is fine");

    let error = share.enter(SOON).expect_err("it says nothing and ends");

    assert!(matches!(error, JoinError::Election(ElectionError::Spawns { count: 3, .. })), "{error:?}");
}

fn a_daemon_that_does_not_come_up_is_waited_for_until_the_deadline(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    // It runs, and says nothing.
    let mut settings = running(household, &["/bin/sleep", "4"]);
    settings.deadline = Duration::from_secs(2);
    let start = Instant::now();
    let mut share = runtime.join(settings).expect("the path is fine");

    let error = share.enter(SOON).expect_err("there is no daemon");

    assert!(matches!(error, JoinError::Election(ElectionError::Deadline { .. })), "{error:?}");
    assert!(start.elapsed() >= Duration::from_secs(2), "after {:?}", start.elapsed());
}

fn who_waits_too_short_is_told_where_the_search_is(runtime: &'static dyn Runtime, household: &mut Household) {
    let _silent = TcpListener::bind((Ipv4Addr::LOCALHOST, BASE_PORT)).expect("nobody else is here");
    let mut share = join(runtime, household);

    // The search passes the silent port over after a second.
    let error = share.enter(Duration::from_millis(50)).expect_err("no daemon as yet");

    assert!(matches!(error, JoinError::Late { .. }), "{error:?}");
    let record = share.enter(SOON).expect("it goes on all the same");
    assert_eq!(select_one(&record), 1);
    drop(share);
    stop(household);
}

fn a_state_folder_that_is_none_is_an_error_that_says_so(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let file = household.state_folder();
    fs::write(&file, "not a folder").expect("a new file");
    let mut share = join(runtime, household);

    let error = share.enter(SOON).expect_err("nothing can be kept there");

    assert!(error.to_string().contains("the state folder cannot be used"), "{error}");
    drop(share);
    fs::remove_file(&file).expect("it is still a file");
}

fn a_state_folder_without_a_root_is_refused(runtime: &'static dyn Runtime, _: &mut Household) {
    let settings = Settings::new(Place::new("state"), "election test", ["/bin/true"]);

    let Err(error) = runtime.join(settings) else { panic!("it means another folder to everybody") };

    assert!(matches!(error, JoinError::StateFolder { .. }), "{error:?}");
}

fn sixteen_silent_ports_take_as_long_as_one(runtime: &'static dyn Runtime, household: &mut Household) {
    let _silent = silent(BASE_PORT..BASE_PORT + PORT_SPAN);
    let start = Instant::now();
    let mut share = runtime.join(without_command(household)).expect("the path is fine");

    let outcome = share.enter(SOON);

    // Only after all ports is a daemon to be started.
    assert!(matches!(outcome, Err(JoinError::Command(_))), "{outcome:?}");
    let took = start.elapsed();
    assert!(took >= SCAN_WITHIN, "nobody was waited for: {took:?}");
    assert!(took < SCAN_WITHIN * 3, "one after the other: {took:?}");
}

fn twelve_silent_ports_cost_a_cold_start_as_much_as_one(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    // Once without, so that hyperd is read from the disk.
    drop(join(runtime, household).enter(SOON).expect("a daemon starts"));
    stop(household);
    let _silent = silent(BASE_PORT..BASE_PORT + 12);
    let start = Instant::now();
    let mut share = join(runtime, household);

    let record = share.enter(SOON).expect("it starts above them");

    let took = start.elapsed();
    assert_eq!(record.health_port, BASE_PORT + 12);
    // The client looks, the daemon looks, and who adopts one off base looks below it.
    assert!(took >= SCAN_WITHIN * 2, "nobody was waited for: {took:?}");
    assert!(
        took < SCAN_WITHIN * 3 + Duration::from_secs(6),
        "one after the other, or with a grace: {took:?}"
    );
    drop(share);
    stop(household);
}

fn a_record_whose_port_keeps_silent_is_not_asked_again_and_again(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let _ = household.start_our_daemon();
    kill(household, Role::Daemon);
    wait_until("nothing of it is left", SOON, || household.processes().is_empty());
    let _silent = silent([BASE_PORT]);
    let start = Instant::now();
    let mut share = join(runtime, household);

    let record = share.enter(SOON).expect("another starts");

    assert_eq!(record.health_port, BASE_PORT + 1);
    // Asked three times by each look, as it was, it took 18 s.
    let bound = PROBE_REPLY + SCAN_WITHIN * 3 + Duration::from_secs(6);
    assert!(start.elapsed() < bound, "asked again and again: {:?}", start.elapsed());
    drop(share);
    stop(household);
}

fn a_machine_that_was_renamed_still_has_its_daemon(runtime: &'static dyn Runtime, household: &mut Household) {
    let status = household.start_our_daemon();
    // As if the daemon had been started under another name: the record's, and the lock's.
    let path = household.state_folder().join(RECORD);
    for file in [&path, &household.state_folder().join(DAEMON_LOCK)] {
        let text = fs::read_to_string(file).expect("it is there");
        let host = hyperwire_blocking::daemon::ground::host_name();
        let (name, _) = host.split_once('/').expect("name, boot, network");
        let renamed = text.replace(&format!("\"{name}/"), "\"before-dhcp/");
        assert_ne!(text, renamed, "it names the host");
        fs::write(file, renamed).expect("it is ours");
    }
    let mut share = runtime.join(without_command(household)).expect("the path is fine");

    let record = share.enter(SOON).expect("it is there");

    assert_eq!(status["pid"], record.pid);
    drop(share);
    stop(household);
}

fn why_a_program_cannot_be_run_is_the_reason(runtime: &'static dyn Runtime, household: &mut Household) {
    let unexecutable = household.state_folder().with_file_name("not-a-program");
    fs::write(&unexecutable, "text").expect("a folder of this test");
    for (program, reason) in [("/nowhere/hyperwire", "not found"), (path_text(&unexecutable), "denied")] {
        let mut share = runtime.join(running(household, &[program])).expect("the path is fine");

        let error = share.enter(SOON).expect_err("there is no such program").to_string();

        assert!(error.contains(program) && error.to_lowercase().contains(reason), "{error}");
    }
    fs::remove_file(unexecutable).expect("it is still there");
}

fn path_text(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn silent_ports_below_the_daemon_take_as_long_as_one(
    runtime: &'static dyn Runtime,
    household: &mut Household,
) {
    let _silent = silent(BASE_PORT..BASE_PORT + 8);
    let status = household.start_our_daemon();
    assert_eq!(status["health_port"], BASE_PORT + 8);
    let start = Instant::now();
    let mut share = runtime.join(without_command(household)).expect("the path is fine");

    let record = share.enter(SOON).expect("it is there");

    let took = start.elapsed();
    assert!(took >= SCAN_WITHIN, "nobody was waited for: {took:?}");
    assert!(took < SCAN_WITHIN * 3, "one after the other: {took:?}");
    assert_eq!(select_one(&record), 1);
    drop(share);
    stop(household);
}

fn silent(ports: impl IntoIterator<Item = u16>) -> Vec<TcpListener> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("nobody else is here");
    ports.into_iter().map(listen).collect()
}

/// Settings with which a daemon is started where there is none.
fn settings(household: &Household) -> Settings {
    let words = ["daemon", "run", "--detached", "--hyperd"].map(OsString::from);
    let command = [hyperwire_binary().into()].into_iter().chain(words).chain([hyperd_program().into()]);
    Settings::new(Place::new(household.state_folder()), "election test", command)
}

/// Settings with which this is started instead.
fn running(household: &Household, command: &[&str]) -> Settings {
    Settings::new(Place::new(household.state_folder()), "election test", command)
}

/// Settings with which none can be started.
fn without_command(household: &Household) -> Settings {
    let mut settings = settings(household);
    settings.command = Box::new(|| Err("there is no hyperd today".to_owned()));
    settings
}

fn join(runtime: &dyn Runtime, household: &Household) -> Box<dyn Share> {
    runtime.join(settings(household)).expect("the path is fine")
}

/// Enters until that is another daemon than this.
fn enter_another(share: &mut dyn Share, not: &Record) -> Arc<Record> {
    let start = Instant::now();
    loop {
        let record = share.enter(SOON).expect("there is another, or will be");
        if record.incarnation() != not.incarnation() {
            return record;
        }
        assert!(start.elapsed() < SOON, "the share has not moved on");
        share.leave();
    }
}

fn config(record: &Record) -> Config {
    Config::new(record.endpoint().expect("an endpoint"), DEFAULT_USER)
}

fn select_one(record: &Record) -> i32 {
    value(&mut Client::connect(config(record)).expect("it serves"), "SELECT 1")
}

fn kill(household: &Household, role: Role) {
    let process = household.processes_as(role).first().expect("it runs").pid;
    let pid = Pid::from_raw(process.cast_signed()).expect("a process");
    kill_process(pid, Signal::KILL).expect("it is ours");
}

fn stop(household: &Household) {
    let said = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
    assert_eq!(said, "the daemon has ended\n");
}
