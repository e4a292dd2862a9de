//! The state folder is deleted, damaged, or of no use.

use std::fs;
use std::process::Command;

use hyperwire_tests::household::{Household, Program, Role};
use hyperwire_tests::real_hyperd::wait_until;

use crate::{SOON, complaint, sql, stop};

#[test]
fn a_deleted_state_folder_makes_the_daemon_leave_and_the_next_one_take_over() {
    Household::run_alone_or_skip(|household| {
        let mut running = household.start_unread();
        let first = household.status().expect("it runs")["pid"].clone();

        fs::remove_dir_all(household.state_folder()).expect("nobody keeps it from being deleted");

        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        assert_ne!(household.status().expect("a new one")["pid"], first);
        assert!(running.runs(), "the old one serves those who use it");
        running.read_all(SOON);
        wait_until("the old one has gone", SOON, || household.processes_as(Role::Daemon).len() == 1);
        stop(household);
    });
}

#[test]
fn a_record_that_is_garbage_or_gone_is_written_again() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let pid = household.status().expect("it runs")["pid"].clone();
        let record = household.state_folder().join("daemon.json");

        for damage in [
            &|| fs::write(&record, "{\"pid\": 1, \"hyperd_endp"),
            &|| fs::write(&record, vec![b'x'; 10_000_000]),
            &|| fs::write(&record, ""),
            &|| fs::remove_file(&record),
        ] as [&dyn Fn() -> std::io::Result<()>; 4]
        {
            damage().expect("this user may write here");

            assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
            assert_eq!(household.status().expect("it runs")["pid"], pid);
        }
        stop(household);
    });
}

#[test]
fn a_record_that_names_a_stranger_leads_nobody_to_him() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let record = household.state_folder().join("daemon.json");
        let genuine = fs::read_to_string(&record).expect("it is there");
        // Whoever listens there cannot prove that the secret is known to them.
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it has one").port();
        fs::write(&record, genuine.replace("\"health_port\": 7485", &format!("\"health_port\": {port}")))
            .expect("this user may write here");

        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");

        assert_eq!(household.processes_as(Role::Daemon).len(), 1, "{:?}", household.processes());
        stop(household);
    });
}

#[test]
fn a_lock_file_of_garbage_is_a_lock_file() {
    Household::run_alone_or_skip(|household| {
        fs::create_dir(household.state_folder()).expect("a new folder");
        fs::write(household.state_folder().join("daemon.lock"), [0xff, 0, b'{']).expect("a new file");

        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");

        stop(household);
    });
}

#[test]
fn a_state_folder_that_cannot_be_made_is_an_error_that_says_so() {
    Household::run_alone_or_skip(|household| {
        let file = household.state_folder();
        fs::write(&file, "not a folder").expect("a new file");

        let refused = household.run_hyperwire(&["sql", "SELECT 1"]);

        let said = complaint(&refused, 3);
        assert!(said.contains("the state folder cannot be used"), "{said}");
        assert!(said.contains("--private"), "{said}");
        fs::remove_file(&file).expect("it is still a file");
    });
}

#[test]
fn a_state_folder_where_nothing_can_be_written_is_an_error_that_says_so() {
    Household::run_alone_or_skip(|household| {
        let mut command = household.hyperwire(&["sql", "SELECT 1"]);
        // Not even root makes folders there.
        command.env("HYPERDB_STATE_DIR", "/sys/hyperwire");

        let refused = Program::start(command).and_then(|program| program.finish(SOON)).expect("it ends");

        let said = complaint(&refused, 3);
        assert!(said.contains("the state folder cannot be used"), "{said}");
    });
}

#[test]
fn a_state_folder_that_everybody_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    Household::run_alone_or_skip(|household| {
        let folder = household.state_folder();
        fs::create_dir(&folder).expect("a new folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("it is ours");

        let refused = household.run_hyperwire(&["sql", "SELECT 1"]);

        let said = complaint(&refused, 3);
        assert!(said.contains("permission"), "{said}");
        assert_eq!(household.processes_as(Role::Daemon).len(), 0, "{:?}", household.processes());
    });
}

#[test]
fn a_state_folder_that_the_group_may_write_to_is_mended_if_it_is_a_daemons_and_refused_if_not() {
    use std::os::unix::fs::PermissionsExt;
    Household::run_alone_or_skip(|household| {
        let folder = household.state_folder();
        let expose = || fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).expect("it is ours");
        fs::create_dir(&folder).expect("a new folder");
        expose();
        let refused = household.run_hyperwire(&["sql", "SELECT 1"]);
        let said = complaint(&refused, 3);
        assert!(said.contains("others than its owner can write to it"), "{said}");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
        sql(household, "SELECT 1");
        stop(household);

        expose();
        sql(household, "SELECT 1");

        let mode = fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o700);
        stop(household);
    });
}

#[test]
fn what_a_user_keeps_in_the_state_folder_stays() {
    Household::run_alone_or_skip(|household| {
        let kept =
            ["sockets/notes/thesis.txt", "sockets/0a1b2c3d/thesis.txt", "logs/hyperd/notes.txt", "notes.txt"];
        let kept = kept.map(|name| household.state_folder().join(name));
        for path in &kept {
            fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder of this test");
            fs::write(path, "years of work").expect("a folder of this test");
        }

        sql(household, "SELECT 1");
        stop(household);

        for path in &kept {
            assert_eq!(fs::read_to_string(path).ok().as_deref(), Some("years of work"), "{}", path.display());
        }
        fs::remove_dir_all(household.state_folder()).expect("it is ours");
    });
}

#[test]
fn a_full_disk_is_called_a_full_disk() {
    Household::run_alone_or_skip(|household| {
        let folder = household.state_folder();
        fs::create_dir(&folder).expect("a new folder");
        let at = folder.to_str().expect("UTF-8");
        if !skipped_tests::has("mount", &["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", at]) {
            return;
        }
        for left in [0, 2] {
            // The last page of a full disk cannot be written.
            let _ = fs::write(folder.join("fill"), vec![0; (16 - left) * 4096]);

            let refused = household.run_hyperwire(&["sql", "SELECT 1"]);

            let said = complaint(&refused, 3).to_lowercase();
            assert!(said.contains("full") || said.contains("no space left"), "{left} pages are left: {said}");
            let looked = household.run_hyperwire(&["doctor"]);
            assert!(looked.stdout.contains("is full"), "{looked}");
            fs::remove_file(folder.join("fill")).expect("it is ours");
        }
        let _ = Command::new("umount").arg("-l").arg(&folder).status();
    });
}

#[test]
fn a_database_whose_name_is_too_long_is_said_to_have_one() {
    Household::run_alone_or_skip(|household| {
        let name = format!("{}.hyper", "n".repeat(300));

        let refused = household.run_hyperwire(&["sql", "--database", &name, "SELECT 1"]);

        let said = refused.stderr.trim().to_owned();
        assert_ne!(refused.code, Some(0), "{refused}");
        assert!(said.contains("name too long") && !said.contains("cannot be:"), "{said}");
        if household.status().is_some() {
            stop(household);
        }
    });
}

#[test]
fn a_socket_path_that_is_too_long_is_no_obstacle() {
    Household::run_alone_or_skip(|household| {
        let deep = household.state_folder().join("a-folder-with-a-long-name".repeat(4));
        let run = |arguments: &[&str]| {
            let mut command = household.hyperwire(arguments);
            command.env("HYPERDB_STATE_DIR", &deep);
            Program::start(command).and_then(|program| program.finish(SOON)).expect("it ends").expect_code(0)
        };

        assert_eq!(run(&["sql", "--format", "csv", "SELECT 1 AS n"]), "n\n1\n");

        run(&["daemon", "stop"]);
    });
}
