use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::Endpoint;

/// The role that owns everything unless another is asked for; the official clients of Hyper use the same.
pub const DEFAULT_USER: &str = "tableau_internal_user";

/// Open files that hyperd may have where the system permits as many. A connection takes one, a database a few;
/// hyperd aborts when it runs out (measured: about 1005 connections at a limit of 1024).
pub const MAX_OPEN_FILES: u64 = 65_536;

/// Threads that statements, logins and ATTACH share. hyperd's own default, 1.5 a core, starves logins as soon as that
/// many long statements run, and can deadlock on concurrent CREATE DATABASE; with 32 on two cores neither was seen.
#[must_use]
pub fn query_threads(cores: usize) -> u32 {
    u32::try_from(cores.saturating_mul(8)).unwrap_or(u32::MAX).clamp(32, 4096)
}

/// The limit of open files to ask for where the system's hard limit is `hard` (`None`: no limit).
#[must_use]
pub fn open_files(hard: Option<u64>) -> u64 {
    hard.map_or(MAX_OPEN_FILES, |hard| hard.min(MAX_OPEN_FILES))
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// Not at all: whoever reaches the endpoint is let in.
    Trust,
    /// With a password (SCRAM-SHA-256), which hyperd reads from its standard input: see [`password_input`].
    Password,
}

/// A setting or password that cannot be handed to hyperd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// Not a name: empty, or with a character that no setting has.
    #[error("{name:?} cannot be the name of a setting of hyperd: only letters, digits, - and _ can")]
    Name {
        /// The name given.
        name: String,
    },
    /// One that the starter must decide itself.
    #[error("the setting {name} cannot be passed through: hyperwire sets it itself")]
    Reserved {
        /// The name given.
        name: String,
    },
    /// A value with a zero byte, which no command line can carry.
    #[error("the value of the setting {name} contains a zero byte")]
    Value {
        /// The setting's name.
        name: String,
    },
    /// A password that is empty, has a line break, or is over 1024 bytes.
    #[error("hyperd takes passwords of 1 to 1024 bytes without a line break or zero byte")]
    Password,
}

/// What hyperd is started with.
#[derive(Clone, Debug)]
pub struct CommandLine<'a> {
    /// Where to listen.
    pub listen: &'a Endpoint,
    /// Where to call back, and whose closing ends hyperd.
    pub callback: &'a Endpoint,
    /// The one role that can connect.
    pub user: &'a str,
    /// How it proves that it is this role.
    pub login: Login,
    /// Existing folder for the log, for hyperd alone.
    pub log_dir: &'a str,
    /// Existing folder for what does not fit in memory.
    pub temp_dir: &'a str,
    /// See [`query_threads`].
    pub query_threads: u32,
    /// See [`open_files`].
    pub open_files: u64,
    /// Further settings, name and value; one that is also set here replaces ours.
    pub extra: &'a [(String, String)],
}

impl CommandLine<'_> {
    /// The arguments after the name of the program.
    ///
    /// # Errors
    /// When a further setting has no possible name or value, or is one of those that make the process ours.
    pub fn arguments(&self) -> Result<Vec<String>, SettingError> {
        let mut arguments = vec!["run".to_owned()];
        let mut put = |name: &str, value: &str| arguments.push(format!("--{name}={value}"));
        put("callback-connection", &self.callback.to_string());
        put("listen-connection", &self.listen.to_string());
        put("init-user", self.user);
        put("log-dir", self.log_dir);

        let extra = self.extra.iter().map(checked).collect::<Result<Vec<_>, _>>()?;
        let replaced = |name: &str| extra.iter().any(|(given, _)| given == name);
        let ours = [
            ("hyper-temp-directory-override", self.temp_dir.to_owned()),
            // 4 is the newest: it has 32-bit reals and 128-bit numerics.
            ("default-database-version", "4".to_owned()),
            ("hard-concurrent-query-thread-limit", self.query_threads.to_string()),
            ("open-files-ulimit", self.open_files.to_string()),
            // Warnings to the file, last words to standard error. In normal use the file stays empty.
            ("log-config", "file,json,warning,hyperd,0,cerr,string,fatal".to_owned()),
            // Smaller limits make hyperd change files on every statement when something does fill them.
            ("log-file-size-limit", "1m".to_owned()),
            ("log-file-max-count", "2".to_owned()),
            ("log-queries", "0".to_owned()),
            ("log-connection", "0".to_owned()),
            ("log-query-settings", "0".to_owned()),
            ("log-resource-usage-interval", "0".to_owned()),
        ];
        for (name, value) in ours.iter().filter(|(name, _)| !replaced(name)) {
            put(name, value);
        }
        for (name, value) in &extra {
            put(name, value);
        }
        // Without it hyperd calls back and then quits with exit code 0.
        arguments.push("--skip-license".to_owned());
        if self.login == Login::Trust {
            arguments.push("--no-password".to_owned());
        }
        Ok(arguments)
    }
}

/// What hyperd reads on its standard input when it is to ask for a password: the password twice.
///
/// # Errors
/// [`SettingError::Password`]; with anything else hyperd can wait, or spin, for ever.
pub fn password_input(password: &str) -> Result<Vec<u8>, SettingError> {
    let bytes = password.as_bytes();
    let breaks = bytes.iter().any(|byte| matches!(byte, 0 | b'\n' | b'\r'));
    if bytes.is_empty() || bytes.len() > 1024 || breaks {
        return Err(SettingError::Password);
    }
    Ok([bytes, b"\n", bytes, b"\n"].concat())
}

fn checked((name, value): &(String, String)) -> Result<(String, &str), SettingError> {
    const RESERVED: [&str; 9] = [
        "callback-connection",
        "listen-connection",
        "init-user",
        "log-dir",
        "log-file-path",
        "skip-license",
        "no-password",
        "config",
        "config-dir",
    ];
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.starts_with(['-', '_']) || !name.bytes().all(allowed) {
        return Err(SettingError::Name { name: name.clone() });
    }
    if value.contains('\0') {
        return Err(SettingError::Value { name: name.clone() });
    }
    let spelled = name.replace('_', "-").to_ascii_lowercase();
    if RESERVED.contains(&spelled.as_str()) {
        return Err(SettingError::Reserved { name: name.clone() });
    }
    Ok((spelled, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(login: Login, extra: &[(&str, &str)]) -> Result<Vec<String>, SettingError> {
        let extra: Vec<_> = extra.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        CommandLine {
            listen: &Endpoint::Domain { path: "/r/hyper".into() },
            callback: &Endpoint::Domain { path: "/r/callback".into() },
            user: DEFAULT_USER,
            login,
            log_dir: "/r/log",
            temp_dir: "/r/tmp",
            query_threads: query_threads(2),
            open_files: open_files(Some(20_000)),
            extra: &extra,
        }
        .arguments()
    }

    #[test]
    fn it_says_everything_that_hyperd_must_not_decide_itself() {
        let arguments = arguments(Login::Trust, &[]).unwrap();

        assert_eq!(arguments[0], "run");
        for wanted in [
            "--callback-connection=tab.domain:///r/domain/callback",
            "--listen-connection=tab.domain:///r/domain/hyper",
            "--init-user=tableau_internal_user",
            "--log-dir=/r/log",
            "--hyper-temp-directory-override=/r/tmp",
            "--hard-concurrent-query-thread-limit=32",
            "--open-files-ulimit=20000",
            "--skip-license",
            "--no-password",
        ] {
            assert!(arguments.iter().any(|argument| argument == wanted), "{wanted} in {arguments:?}");
        }
    }

    #[test]
    fn a_password_login_leaves_out_the_open_door() {
        assert!(!arguments(Login::Password, &[]).unwrap().iter().any(|argument| argument == "--no-password"));
        assert_eq!(password_input("s3cret").unwrap(), b"s3cret\ns3cret\n");
    }

    #[test]
    fn a_further_setting_replaces_ours_in_either_spelling() {
        let arguments =
            arguments(Login::Trust, &[("log_file_size_limit", "2m"), ("ssl-force", "1")]).unwrap();

        let limits: Vec<_> = arguments.iter().filter(|a| a.starts_with("--log-file-size-limit=")).collect();
        assert_eq!(limits, ["--log-file-size-limit=2m"]);
        assert!(arguments.iter().any(|argument| argument == "--ssl-force=1"));
    }

    #[test]
    fn settings_that_would_take_the_process_from_us_are_refused() {
        for name in ["callback-connection", "Listen_Connection", "no-password", "config"] {
            assert_eq!(
                arguments(Login::Trust, &[(name, "x")]),
                Err(SettingError::Reserved { name: name.to_owned() })
            );
        }
        for name in ["", "-x", "a=b", "a b", "ä"] {
            assert_eq!(
                arguments(Login::Trust, &[(name, "x")]),
                Err(SettingError::Name { name: name.to_owned() })
            );
        }
        assert!(matches!(arguments(Login::Trust, &[("x", "a\0b")]), Err(SettingError::Value { .. })));
    }

    #[test]
    fn passwords_that_would_make_hyperd_wait_for_more_are_refused() {
        for password in ["", "two\nlines", "re\rturn", "zero\0", &"x".repeat(1025)] {
            assert_eq!(password_input(password), Err(SettingError::Password), "{password:?}");
        }
    }

    #[test]
    fn headroom_follows_the_cores_and_the_limit_of_files_follows_the_system() {
        assert_eq!([1, 2, 4, 8, 64].map(query_threads), [32, 32, 32, 64, 512]);
        assert_eq!(query_threads(usize::MAX), 4096);
        assert_eq!([None, Some(1024), Some(1 << 20)].map(open_files), [65_536, 1024, 65_536]);
    }
}
