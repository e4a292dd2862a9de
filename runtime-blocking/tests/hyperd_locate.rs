//! Where hyperd is looked for, and what is said when it is not there.
#![cfg(unix)]

mod hyperd_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hyperd_support::{is_running, wait_until, write_program};
use hyperwire_blocking::hyperd::{Environment, LocateError, Source, Wheel, locate};
use tempfile::TempDir;

const WHEEL: Wheel = Wheel {
    os: "test",
    arch: "test",
    version: "1.2.3",
    platform: "any",
    file: "tableauhyperapi-1.2.3-py3-none-any.whl",
    size: 1,
    sha256: "",
    member: "tableauhyperapi/bin/hyper/hyperd",
    member_size: HYPERD.len() as u64,
};
const HYPERD: &str = "#!/bin/sh\n";

/// A home with nothing in it.
fn home() -> (TempDir, Environment) {
    let home = tempfile::tempdir().unwrap();
    let mut environment = Environment::default();
    environment.cache_dir = Some(home.path().join("cache"));
    environment.path = Some(home.path().join("bin").into());
    environment.wheel = Some(WHEEL);
    fs::create_dir(home.path().join("bin")).unwrap();
    (home, environment)
}

fn put_hyperd(path: PathBuf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_program(&path, HYPERD);
    path
}

fn cached(home: &Path) -> PathBuf {
    home.join("cache/hyperwire/hyperd/1.2.3-any/hyperd")
}

fn put_python(home: &Path, text: &str) -> PathBuf {
    let python = home.join("bin/python3");
    write_program(&python, &format!("#!/bin/sh\n{text}\n"));
    python
}

#[test]
fn the_places_are_tried_in_order_and_the_source_is_named() {
    let (home, mut environment) = home();
    let home = home.path();
    let in_package = put_hyperd(home.join("site/bin/hyper/hyperd"));
    let interpreter = put_python(home, &format!("printf %s '{}'", home.join("site").display()));

    let found = locate(&environment).unwrap();
    assert_eq!((found.path, found.source), (in_package, Source::Python { interpreter }));

    let on_path = put_hyperd(home.join("bin/hyperd"));
    let found = locate(&environment).unwrap();
    assert_eq!((found.path, found.source), (on_path, Source::Path));

    let in_cache = put_hyperd(cached(home));
    let found = locate(&environment).unwrap();
    assert_eq!((found.path, found.source), (in_cache, Source::Cache));

    let named = put_hyperd(home.join("named/hyperd"));
    environment.hyperd_path = Some(named.clone());
    let found = locate(&environment).unwrap();
    assert_eq!((found.path, found.source), (named, Source::HyperdPath));
}

#[test]
fn hyperd_path_may_be_the_folder_that_has_it() {
    let (home, mut environment) = home();
    let named = put_hyperd(home.path().join("named/hyperd"));
    environment.hyperd_path = named.parent().map(Path::to_path_buf);

    assert_eq!(locate(&environment).unwrap().path, named);
}

#[test]
fn a_useless_hyperd_path_is_an_error_although_there_is_another_hyperd() {
    let (home, mut environment) = home();
    let home = home.path();
    put_hyperd(cached(home));
    put_hyperd(home.join("bin/hyperd"));
    let plain = put_hyperd(home.join("plain/hyperd"));
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(home.join("empty")).unwrap();

    for (value, expected) in [
        (home.join("nowhere"), "there is nothing"),
        (home.join("empty"), "that folder has no hyperd in it"),
        (plain.clone(), "that file is not executable"),
        (home.join("plain"), "the hyperd in that folder is not executable"),
    ] {
        environment.hyperd_path = Some(value.clone());
        match locate(&environment) {
            Err(LocateError::HyperdPath { path, reason }) => {
                assert_eq!((path, reason), (value, expected));
            }
            other => panic!("{}: {other:?}", value.display()),
        }
    }
}

#[test]
fn a_damaged_cache_and_programs_that_cannot_run_are_passed_over() {
    let (home, environment) = home();
    let home = home.path();
    fs::write(put_hyperd(cached(home)), "cut").unwrap();
    let on_path = put_hyperd(home.join("bin/hyperd"));
    fs::set_permissions(&on_path, fs::Permissions::from_mode(0o644)).unwrap();

    let Err(LocateError::NotFound { looked }) = locate(&environment) else {
        panic!("nothing usable is there")
    };

    assert_eq!(looked.len(), 3, "{looked:?}");
    assert!(looked[0].contains("the cache has no usable"), "{looked:?}");
    assert_eq!(looked[1..], ["PATH has none", "there is no python3 on PATH"]);
}

#[test]
fn what_is_wrong_with_python_is_said() {
    let (home, environment) = home();
    let reason_of = |script: &str| {
        put_python(home.path(), script);
        match locate(&environment) {
            Err(LocateError::NotFound { looked }) => looked.last().unwrap().clone(),
            other => panic!("{script}: {other:?}"),
        }
    };

    assert!(reason_of("exit 0").ends_with("does not have the package tableauhyperapi"));
    assert!(reason_of("printf relative").ends_with("does not have the package tableauhyperapi"));
    assert!(reason_of("exit 3").contains("did not say where its packages are (exit status: 3)"));
    assert!(reason_of("printf /nowhere").contains("no usable /nowhere/bin/hyper/hyperd"));
}

#[test]
fn a_python_that_does_not_answer_is_given_up_and_ended() {
    let (home, mut environment) = home();
    let pid_file = home.path().join("pid");
    // What holds the output open is its child.
    put_python(home.path(), &format!("echo $$ > '{}'; /bin/sleep 600; true", pid_file.display()));
    environment.python_answers_within = Duration::from_millis(300);
    let started = Instant::now();

    let Err(LocateError::NotFound { looked }) = locate(&environment) else { panic!("there is none") };

    assert!(looked.last().unwrap().contains("did not say within 0.3 s"), "{looked:?}");
    assert!(started.elapsed() < Duration::from_secs(30), "it took {:?}", started.elapsed());
    let pid: u32 = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    wait_until("the interpreter has ended", Duration::from_secs(5), || !is_running(pid));
}

#[test]
fn the_package_of_a_real_virtual_environment_is_found_without_importing_it() {
    let (home, mut environment) = home();
    let venv = home.path().join("venv");
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&venv).output();
    if !made.is_ok_and(|made| made.status.success()) {
        return skipped_tests::skip("there is no python3 on PATH that makes virtual environments");
    }
    let packages =
        fs::read_dir(venv.join("lib")).unwrap().flatten().next().unwrap().path().join("site-packages");
    let hyperd = put_hyperd(packages.join("tableauhyperapi/bin/hyper/hyperd"));
    fs::write(packages.join("tableauhyperapi/__init__.py"), "raise SystemExit('imported')\n").unwrap();
    environment.path = Some(venv.join("bin").into());

    let found = locate(&environment).unwrap();

    assert_eq!(found.path, hyperd);
    assert_eq!(found.source, Source::Python { interpreter: venv.join("bin/python3") });
}

#[test]
fn relative_entries_of_path_are_left_out() {
    let (_home, mut environment) = home();
    environment.path = Some("bin:.:".into());

    let Err(LocateError::NotFound { looked }) = locate(&environment) else { panic!("there is none") };

    assert_eq!(looked[1], "PATH has none");
}
