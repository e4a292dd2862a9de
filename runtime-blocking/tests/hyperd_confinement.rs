//! A hyperd that the kernel keeps to some folders, and from the network. No setting of hyperd helps here: what SQL says is
//! what is tried.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "tests say why they are skipped")]

use std::fs;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hyperwire_blocking::hyperd::{
    Confinement, Enforced, Environment, Folders, Hyperd, Settings, locate_or_install,
};
use hyperwire_blocking::{Client, Config};

const SECRET: &str = "a secret";

fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let find = || locate_or_install(&Environment::of_this_process(), &mut |_| ControlFlow::Continue(()));
    PROGRAM.get_or_init(|| find().expect("these tests need hyperd").path).clone()
}

fn start(confinement: Confinement, extra: &[(&str, String)]) -> (Hyperd, Client) {
    let mut settings = Settings::new(program());
    settings.confinement = Some(confinement);
    settings.extra.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let hyperd = Hyperd::start(&settings).expect("a confined hyperd starts");
    let client = Client::connect(Config::new(hyperd.endpoint().clone(), settings.user))
        .expect("it can be connected to");
    (hyperd, client)
}

/// Two folders beside each other, of which only the first is allowed.
fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let all = tempfile::tempdir().unwrap();
    let whole = all.path().canonicalize().unwrap();
    let [inside, outside] = ["inside", "outside"].map(|name| whole.join(name));
    for (folder, text) in [(&inside, "public"), (&outside, SECRET)] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("text"), text).unwrap();
    }
    (all, inside, outside)
}

fn read(client: &mut Client, path: &Path) -> Result<String, String> {
    let sql = format!(
        "SELECT a FROM external('{}', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv')",
        path.display()
    );
    let mut rows = client.query(&sql).map_err(|error| format!("{error:?}"))?;
    let row = rows.next().map_err(|error| format!("{error:?}"))?.ok_or("no row")?;
    row.get::<&str>(0).map(str::to_owned).map_err(|error| error.to_string())
}

#[test]
fn neither_names_nor_links_lead_out_of_the_folders() {
    if !Enforced::here().folders {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    let (_all, inside, outside) = folders();
    symlink(outside.join("text"), inside.join("link")).unwrap();
    symlink(&outside, inside.join("folder")).unwrap();
    symlink(outside.join("new"), inside.join("dangling")).unwrap();
    let folders = Folders::new(Vec::new(), vec![inside.clone()]);
    let (hyperd, mut client) = start(Confinement::without_network(Some(folders)), &[]);

    assert_eq!(read(&mut client, &inside.join("text")).unwrap(), "public");
    let copy = format!("COPY (SELECT 1) TO '{}' WITH (FORMAT csv)", inside.join("made").display());
    client.execute(&copy).unwrap();
    let create = format!("CREATE DATABASE \"{}\"", inside.join("made.hyper").display());
    client.execute(&create).unwrap();
    for path in [
        outside.join("text"),
        inside.join("link"),
        inside.join("folder/text"),
        inside.join("../outside/text"),
        "/etc/passwd".into(),
        "/proc/self/root/etc/passwd".into(),
        "/etc/resolv.conf".into(),
    ] {
        let error = read(&mut client, &path).unwrap_err();
        assert!(!error.contains(SECRET), "{}: {error}", path.display());
    }
    for path in
        [outside.join("text"), inside.join("link"), inside.join("dangling"), inside.join("folder/made")]
    {
        let path = path.display();
        for sql in [
            format!("COPY (SELECT 1) TO '{path}' WITH (FORMAT csv)"),
            format!("CREATE DATABASE \"{path}\""),
            format!("ATTACH DATABASE \"{path}\" AS other"),
            format!("DROP DATABASE \"{path}\""),
        ] {
            assert!(client.execute(&sql).is_err(), "{sql}");
        }
    }
    drop(client);
    hyperd.shutdown(std::time::Duration::from_secs(10)).unwrap();
    assert_eq!(fs::read_to_string(outside.join("text")).unwrap(), SECRET);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

/// Ends a thread beside a test, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_link_that_changes_while_it_is_read_leads_nowhere_else() {
    if !Enforced::here().folders {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    let (_all, inside, outside) = folders();
    let folders = Folders::new(vec![inside.clone()], Vec::new());
    let (_hyperd, mut client) = start(Confinement::without_network(Some(folders)), &[]);
    let (link, ends) = (inside.join("link"), AtomicBool::new(false));
    symlink(inside.join("text"), &link).unwrap();
    let (mut public, mut denied) = (0, 0);

    thread::scope(|scope| {
        scope.spawn(|| {
            let spare = inside.join("spare");
            while !ends.load(Ordering::Relaxed) {
                for target in [&outside, &inside] {
                    symlink(target.join("text"), &spare).unwrap();
                    fs::rename(&spare, &link).unwrap();
                }
            }
        });
        let _ends = Ends(&ends);
        for _ in 0..500 {
            match read(&mut client, &link) {
                Ok(text) if text == "public" => public += 1,
                Ok(text) => panic!("{text} was read"),
                Err(_) => denied += 1,
            }
        }
    });

    assert!(public > 0 && denied > 0, "{public} read, {denied} denied");
}

/// A hard link is the file itself: whoever puts it into an allowed folder has allowed the file.
#[test]
fn a_hard_link_in_an_allowed_folder_is_allowed() {
    let (_all, inside, outside) = folders();
    fs::hard_link(outside.join("text"), inside.join("hard")).unwrap();
    let folders = Folders::new(vec![inside.clone()], Vec::new());
    let (_hyperd, mut client) = start(Confinement::without_network(Some(folders)), &[]);

    assert_eq!(read(&mut client, &inside.join("hard")).unwrap(), SECRET);
    let copy = format!("COPY (SELECT 1) TO '{}' WITH (FORMAT csv)", inside.join("hard").display());
    if Enforced::here().folders {
        assert!(client.execute(&copy).is_err(), "the folder is for reading");
    }
}

#[test]
fn a_hyperd_without_network_connects_to_nobody() {
    if !Enforced::here().network {
        println!("skipped: this kernel's Landlock knows no network");
        return;
    }
    for (network, connects) in [(false, false), (true, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let here = [
            ("external-gcs-hostname", "127.0.0.1".to_owned()),
            ("external-gcs-port", port),
            ("external-gcs-use-ssl", "0".to_owned()),
        ];
        let folders = Folders::new(Vec::new(), Vec::new());
        let (_hyperd, mut client) = start(Confinement::in_folders(folders, network), &here);
        listener.set_nonblocking(true).unwrap();
        let accepted = AtomicBool::new(false);
        let ends = AtomicBool::new(false);

        thread::scope(|scope| {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    // Closed at once, which hyperd takes for a failure.
                    if listener.accept().is_ok() {
                        accepted.store(true, Ordering::Relaxed);
                    }
                    thread::sleep(std::time::Duration::from_millis(1));
                }
            });
            let _ends = Ends(&ends);
            client.execute("SET query_timeout = '2s'").unwrap();
            let sql = "SELECT * FROM external(gcs_location('gs://bucket/a.parquet'))";
            assert!(client.execute(sql).is_err());
        });

        assert_eq!(accepted.load(Ordering::Relaxed), connects, "with network: {network}");
    }
}
