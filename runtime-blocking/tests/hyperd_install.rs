//! Fetching hyperd, with a wheel of a few kilobytes that a script in the place of python3 delivers.
#![cfg(unix)]

mod hyperd_support;

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use hyperd_support::{files_below, is_running, names_in, write_program};
use hyperwire_blocking::hyperd::{
    Environment, InstallError, LocateError, Progress, Source, Step, Wheel, install, locate, locate_or_install,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const MEMBER: &str = "tableauhyperapi/bin/hyper/hyperd";
const FILE: &str = "tableauhyperapi-1.2.3-py3-none-any.whl";

/// A home with a python3 that delivers a wheel, and the environment that leads there.
struct Home {
    folder: TempDir,
    environment: Environment,
}

impl Home {
    fn with_wheel(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut home = Self { folder, environment: Environment::default() };
        fs::create_dir(home.path("bin")).unwrap();
        fs::write(home.path(FILE), bytes).unwrap();
        home.environment.cache_dir = Some(home.path("cache"));
        home.environment.path = Some(format!("{}:/usr/bin:/bin", home.path("bin").display()).into());
        home.environment.wheel = Some(pinned(bytes));
        home.python_runs("deliver");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cached_hyperd(&self) -> PathBuf {
        self.path("cache/hyperwire/hyperd/1.2.3-any/hyperd")
    }

    /// Lets `python3 -m pip download` run this; `deliver` in it puts the wheel where pip was told to.
    fn python_runs(&self, script: &str) {
        let wheel = self.path(FILE);
        let text = format!(
            "#!/bin/sh
             [ \"$2\" = pip ] || exit 0
             while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=\"$2\"; shift; done
             deliver() {{ cp '{}' \"$dest/\"; }}
             {script}\n",
            wheel.display()
        );
        write_program(&self.path("bin/python3"), &text);
    }

    fn install(&self) -> Result<PathBuf, InstallError> {
        install(&self.environment, &mut go_on).map(|located| located.path)
    }

    fn assert_nothing_left(&self) {
        assert_eq!(files_below(&self.path("cache")), Vec::<PathBuf>::new());
        assert_eq!(names_in(&self.path("cache/hyperwire/hyperd")), Vec::<String>::new());
    }
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn hyperd() -> Vec<u8> {
    let mut program = b"#!/bin/sh\necho a hyperd\n".to_vec();
    program.extend(
        (0..40_000_u32).flat_map(|number| format!("# {}\n", number.wrapping_mul(2_654_435_761)).into_bytes()),
    );
    program
}

fn wheel_with(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut archive = zip::ZipWriter::new(&mut bytes);
    for (name, content) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    bytes.into_inner()
}

fn good_wheel() -> Vec<u8> {
    wheel_with(&[("tableauhyperapi/__init__.py", b"raise SystemExit"), (MEMBER, &hyperd())])
}

fn pinned(bytes: &[u8]) -> Wheel {
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Wheel {
        os: "test",
        arch: "test",
        version: "1.2.3",
        platform: "any",
        file: FILE,
        size: bytes.len() as u64,
        sha256: hash.leak(),
        member: MEMBER,
        member_size: hyperd().len() as u64,
    }
}

#[test]
fn hyperd_alone_is_put_into_the_cache_and_found_there_afterwards() {
    let home = Home::with_wheel(&good_wheel());

    let located = locate_or_install(&home.environment, &mut go_on).unwrap();

    assert_eq!((&located.path, &located.source), (&home.cached_hyperd(), &Source::Cache));
    assert_eq!(fs::read(&located.path).unwrap(), hyperd());
    let said = Command::new(&located.path).output().unwrap();
    assert_eq!(said.stdout, b"a hyperd\n");
    assert_eq!(files_below(&home.path("cache")), std::slice::from_ref(&located.path));
    assert_eq!(names_in(&home.path("cache/hyperwire/hyperd")), ["1.2.3-any"]);

    home.python_runs("exit 1");
    assert_eq!(locate_or_install(&home.environment, &mut go_on).unwrap(), located);
    assert_eq!(locate(&home.environment).unwrap(), located);
}

#[test]
fn progress_goes_through_the_steps_and_never_back() {
    let home = Home::with_wheel(&good_wheel());
    home.python_runs("head -c 100 /dev/zero > \"$TMPDIR/part\"; sleep 0.4; deliver");
    let mut told = Vec::new();

    install(&home.environment, &mut |progress| {
        told.push((progress.step, progress.done, progress.total));
        ControlFlow::Continue(())
    })
    .unwrap();

    assert!(told.is_sorted_by_key(|(step, done, _)| (*step, *done)), "{told:?}");
    let wheel = home.environment.wheel.unwrap();
    assert!(told.contains(&(Step::Download, 100, wheel.size)), "{told:?}");
    assert!(told.contains(&(Step::Verify, wheel.size, wheel.size)), "{told:?}");
    assert!(told.contains(&(Step::Unpack, wheel.member_size, wheel.member_size)), "{told:?}");
}

#[test]
fn a_wheel_with_another_hash_is_not_used() {
    let home = Home::with_wheel(&good_wheel());
    let mut changed = good_wheel();
    changed[1000] ^= 1;
    fs::write(home.path(FILE), changed).unwrap();

    match home.install() {
        Err(InstallError::WrongHash { expected, found, .. }) => assert_ne!(expected, found),
        other => panic!("{other:?}"),
    }
    home.assert_nothing_left();
}

#[test]
fn a_wheel_that_is_pinned_but_broken_is_a_typed_error() {
    let content = hyperd();
    let good = good_wheel();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0x55;
    let longer = [&content[..], b"more"].concat();
    for (case, bytes) in [
        ("not an archive", b"this is no archive".to_vec()),
        ("empty", Vec::new()),
        ("cut off", good[..good.len() / 2].to_vec()),
        ("changed in the middle", flipped),
        ("without hyperd", wheel_with(&[("tableauhyperapi/__init__.py", b"")])),
        ("too long a hyperd", wheel_with(&[(MEMBER, &longer)])),
        ("too short a hyperd", wheel_with(&[(MEMBER, &content[..100])])),
    ] {
        let home = Home::with_wheel(&bytes);
        let result = home.install();
        assert!(matches!(result, Err(InstallError::Corrupt { .. })), "{case}: {result:?}");
        home.assert_nothing_left();
    }
}

#[test]
fn without_python_or_pip_the_error_says_which() {
    let mut home = Home::with_wheel(&good_wheel());
    home.python_runs("echo \"$0: No module named pip\" >&2; exit 1");
    assert!(matches!(home.install(), Err(InstallError::NoPip { .. })));
    home.assert_nothing_left();

    fs::create_dir(home.path("nothing")).unwrap();
    home.environment.path = Some(home.path("nothing").into());
    assert!(matches!(home.install(), Err(InstallError::NoPython)));
    home.environment.path = None;
    assert!(matches!(home.install(), Err(InstallError::NoPython)));

    home.environment.path = Some(home.path("bin").into());
    write_program(&home.path("bin/python3"), "#!/nowhere/interpreter\n");
    assert!(matches!(home.install(), Err(InstallError::PythonNotStarted { .. })));
    home.assert_nothing_left();
}

#[test]
fn a_real_python_without_pip_is_recognised() {
    let mut home = Home::with_wheel(&good_wheel());
    let venv = home.path("venv");
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&venv).output();
    if !made.is_ok_and(|made| made.status.success()) {
        return skipped_tests::skip("there is no python3 on PATH that makes virtual environments");
    }
    home.environment.path = Some(venv.join("bin").into());

    let result = home.install();

    assert!(matches!(result, Err(InstallError::NoPip { .. })), "{result:?}");
    home.assert_nothing_left();
}

#[test]
fn without_a_network_the_real_pip_s_last_lines_are_in_the_error() {
    if !skipped_tests::has("python3", &["-m", "pip", "--version"]) {
        return;
    }
    let mut home = Home::with_wheel(&good_wheel());
    let real = Environment::of_this_process().path.unwrap();
    let script = "#!/bin/sh\nexport PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/ PATH=\"$REAL\"\n\
                  unset PIP_EXTRA_INDEX_URL PIP_FIND_LINKS http_proxy HTTP_PROXY\nexec python3 \"$@\"\n";
    write_program(&home.path("bin/python3"), &script.replace("$REAL", &real.to_string_lossy()));
    home.environment.wheel = Wheel::for_platform("linux", "x86_64");

    match home.install() {
        Err(InstallError::PipFailed { requirement, last_lines, .. }) => {
            assert_eq!(requirement, "tableauhyperapi==0.0.26963");
            assert!(last_lines.contains("No matching distribution found"), "{last_lines}");
        }
        other => panic!("{other:?}"),
    }
    home.assert_nothing_left();
}

#[test]
fn pip_that_says_it_succeeded_and_delivered_nothing_has_failed() {
    let home = Home::with_wheel(&good_wheel());
    home.python_runs("echo all is well");

    match home.install() {
        Err(InstallError::PipFailed { last_lines, .. }) => assert_eq!(last_lines, "all is well"),
        other => panic!("{other:?}"),
    }
    home.assert_nothing_left();
}

#[test]
fn a_download_that_stops_is_given_up_and_its_process_ended() {
    let mut home = Home::with_wheel(&good_wheel());
    home.environment.download_stalls_after = Duration::from_millis(500);
    let pid_file = home.path("pid");
    home.python_runs(&format!(
        "echo $$ > '{}'; head -c 77 /dev/zero > \"$TMPDIR/part\"; echo waiting; exec sleep 600",
        pid_file.display()
    ));

    match home.install() {
        Err(InstallError::Stalled { received: 77, last_lines, .. }) => assert_eq!(last_lines, "waiting"),
        other => panic!("{other:?}"),
    }
    let pid: u32 = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    assert!(!is_running(pid));
    home.assert_nothing_left();
}

#[test]
fn the_caller_can_cancel_in_every_step() {
    for step in [Step::Download, Step::Verify, Step::Unpack] {
        let home = Home::with_wheel(&good_wheel());
        home.python_runs("sleep 0.3; deliver");

        let result = install(&home.environment, &mut |progress| {
            if progress.step == step { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });

        assert!(matches!(result, Err(InstallError::Cancelled)), "{step:?}: {result:?}");
        home.assert_nothing_left();
    }
}

#[test]
fn two_at_once_both_get_the_one_that_is_there() {
    let home = Home::with_wheel(&good_wheel());
    let together = Barrier::new(2);
    // Both have the wheel before either puts hyperd in place.
    let at_once = || {
        let mut waited = false;
        install(&home.environment, &mut |progress| {
            if progress.step == Step::Unpack && !std::mem::replace(&mut waited, true) {
                together.wait();
            }
            ControlFlow::Continue(())
        })
    };

    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(at_once);
        (at_once(), other.join().unwrap())
    });

    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(files_below(&home.path("cache")), [home.cached_hyperd()]);
    assert_eq!(fs::read(home.cached_hyperd()).unwrap(), hyperd());
    assert_eq!(names_in(&home.path("cache/hyperwire/hyperd")), ["1.2.3-any"]);
}

#[test]
fn who_is_second_leaves_the_first_one_s_file_alone() {
    use std::os::unix::fs::MetadataExt;
    let home = Home::with_wheel(&good_wheel());
    let first = home.install().unwrap();
    let inode = fs::metadata(&first).unwrap().ino();

    assert_eq!(home.install().unwrap(), first);

    assert_eq!(fs::metadata(&first).unwrap().ino(), inode);
}

#[test]
fn a_damaged_cache_is_repaired() {
    let home = Home::with_wheel(&good_wheel());
    let path = home.install().unwrap();
    fs::write(&path, "cut").unwrap();

    locate_or_install(&home.environment, &mut go_on).unwrap();

    assert_eq!(fs::read(&path).unwrap(), hyperd());
}

#[test]
fn what_a_killed_download_left_is_swept_and_one_that_runs_is_not() {
    let home = Home::with_wheel(&good_wheel());
    let hyperd_cache = home.path("cache/hyperwire/hyperd");
    for name in ["partial-abandoned", "partial-running"] {
        fs::create_dir_all(hyperd_cache.join(name)).unwrap();
        fs::write(hyperd_cache.join(name).join("lock"), "").unwrap();
        fs::write(hyperd_cache.join(name).join(FILE), "half of it").unwrap();
    }
    let running = fs::File::options().write(true).open(hyperd_cache.join("partial-running/lock")).unwrap();
    running.try_lock().unwrap();

    home.install().unwrap();

    assert_eq!(names_in(&hyperd_cache), ["1.2.3-any", "partial-running"]);
}

#[test]
fn without_a_platform_or_a_cache_there_is_nothing_to_try() {
    let mut home = Home::with_wheel(&good_wheel());
    home.environment.cache_dir = None;
    assert!(matches!(home.install(), Err(InstallError::NoCacheFolder)));
    home.environment.wheel = None;
    assert!(matches!(home.install(), Err(InstallError::UnsupportedPlatform { .. })));
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let mut home = Home::with_wheel(&good_wheel());
    fs::write(home.path("file"), "").unwrap();
    home.environment.cache_dir = Some(home.path("file"));

    match home.install() {
        Err(InstallError::CacheNotWritable { path, .. }) => {
            assert_eq!(path, home.path("file/hyperwire/hyperd"))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
#[ignore = "downloads 90 MB with the real pip"]
fn the_pinned_hyperd_of_this_platform_is_fetched_and_runs() {
    let home = tempfile::tempdir().unwrap();
    let mut environment = Environment::of_this_process();
    environment.hyperd_path = None;
    environment.cache_dir = Some(home.path().to_path_buf());
    let mut downloading = Vec::new();

    let located = install(&environment, &mut |progress| {
        if progress.step == Step::Download {
            downloading.push(progress.done);
        }
        ControlFlow::Continue(())
    })
    .unwrap();

    let version = Command::new(&located.path).arg("--version").output().unwrap();
    assert!(version.status.success(), "{version:?}");
    assert!(downloading.iter().any(|done| *done > 1 << 20), "the download is seen to grow: {downloading:?}");
    assert_eq!(files_below(home.path()), [located.path]);
}

#[test]
fn a_useless_hyperd_path_does_not_lead_to_a_download() {
    let mut home = Home::with_wheel(&good_wheel());
    home.environment.hyperd_path = Some(home.path("nowhere"));

    let result = locate_or_install(&home.environment, &mut go_on);

    assert!(matches!(result, Err(InstallError::Locate(LocateError::HyperdPath { .. }))), "{result:?}");
    assert!(!home.path("cache").exists());
}

#[test]
fn a_full_disk_that_pip_meets_is_named_as_that() {
    let home = Home::with_wheel(&good_wheel());
    home.python_runs("echo 'ERROR: Could not install: [Errno 28] No space left on device' >&2; exit 1");

    assert!(matches!(home.install(), Err(InstallError::NoSpace { .. })));
    home.assert_nothing_left();
}

#[test]
fn a_disk_that_is_too_small_is_noticed_before_and_one_that_fills_up_meanwhile() {
    let mut home = Home::with_wheel(&good_wheel());
    let Some(disk) = SmallDisk::mount(&home.path("disk"), "1m", "") else { return };
    home.environment.cache_dir = Some(disk.0.clone());
    home.python_runs("deliver; cat /dev/zero > \"$TMPDIR/filler\"; exit 0");
    let full = home.install();
    assert!(matches!(full, Err(InstallError::NoSpace { .. })), "{full:?}");
    assert_eq!(files_below(&disk.0), Vec::<PathBuf>::new());

    home.environment.wheel.as_mut().unwrap().member_size = 2 << 20;
    home.python_runs("echo it must not come to this; exit 1");
    match home.install() {
        Err(InstallError::NoSpace { needed, .. }) => assert!(needed > 2 << 20),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disk_that_forbids_programs_is_named() {
    let mut home = Home::with_wheel(&good_wheel());
    let Some(disk) = SmallDisk::mount(&home.path("disk"), "8m", ",noexec") else { return };
    home.environment.cache_dir = Some(disk.0.clone());

    let result = home.install();

    assert!(matches!(result, Err(InstallError::NotExecutable { .. })), "{result:?}");
    assert_eq!(files_below(&disk.0), Vec::<PathBuf>::new());
}

/// A file system in memory, if this user may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str, options: &str) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let options = format!("size={size}{options}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_path_buf()));
        }
        skipped_tests::skip(
            "this user cannot mount a small file system (the command mount, capability CAP_SYS_ADMIN)",
        );
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
