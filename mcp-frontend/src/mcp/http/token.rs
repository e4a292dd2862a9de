//! The secret that clients over HTTP show.

use std::env;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Where one may be set instead of the one that is kept in a file.
pub(crate) const VARIABLE: &str = "HYPERWIRE_MCP_TOKEN";
/// The file in the state folder.
const FILE: &str = "mcp-token";
/// How long one has to be, in characters: what is set by hand should not be guessed.
const SHORTEST: usize = 16;
/// More is no token.
const LONGEST: usize = 1024;

/// The secret, and where it comes from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    secret: String,
    /// The file that keeps it; `None` if the environment sets it.
    pub(crate) file: Option<PathBuf>,
}

impl fmt::Debug for Token {
    /// Without the secret, which would else get into a log one day.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Token {
    /// What the environment sets, or what is kept in the state folder; a new one is made there if there is none.
    pub(crate) fn of_this_process() -> Result<Self, String> {
        if let Some(set) = env::var_os(VARIABLE).filter(|set| !set.is_empty()) {
            let secret = set.into_string().ok().filter(|set| is_token(set)).ok_or_else(|| {
                format!(
                    "{VARIABLE} holds no token: {SHORTEST} to {LONGEST} letters, digits and - . _ ~ + / = without blanks. \
                     Next: set another one, or unset it for one that is made and kept"
                )
            })?;
            return Ok(Self { secret, file: None });
        }
        let place = crate::connection::shared::place()?;
        Self::kept_in(&place.state_folder)
    }

    fn kept_in(folder: &Path) -> Result<Self, String> {
        let file = folder.join(FILE);
        let explain =
            |what: &str, error: io::Error| format!("cannot {what} the token in {}: {error}", file.display());
        make_folder(folder).map_err(|error| explain("keep", error))?;
        // The second time another program may have made it meanwhile.
        for _ in 0..2 {
            match read(&file) {
                Ok(secret) if is_token(&secret) => return Ok(Self { secret, file: Some(file) }),
                Ok(_) => {
                    return Err(format!(
                        "{} holds no token. Next: delete it, and one is made",
                        file.display()
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(explain("read", error)),
            }
            create(folder, &file).map_err(|error| explain("keep", error))?;
        }
        Err(format!("the token in {} vanishes while it is made", file.display()))
    }

    /// What a client sends in the header `Authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.secret)
    }

    /// Whether a client's `Authorization` shows it. Takes as long whatever the difference is.
    pub(crate) fn is_shown(&self, header: &[u8]) -> bool {
        let Some((scheme, shown)) = header.split_at_checked("Bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"Bearer ") & are_equal(shown.trim_ascii(), self.secret.as_bytes())
    }
}

/// Compares in a time that depends on the first one's length alone.
fn are_equal(shown: &[u8], secret: &[u8]) -> bool {
    let mut difference = shown.len() ^ secret.len();
    for (index, byte) in shown.iter().enumerate() {
        difference |= usize::from(byte ^ secret[index % secret.len()]);
        difference = black_box(difference);
    }
    black_box(difference) == 0
}

/// Characters of RFC 6750.
fn is_token(text: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

/// Creates the file with a new secret, if it is not there. It has its whole contents from the first moment on.
fn create(folder: &Path, file: &Path) -> io::Result<()> {
    let mut made = tempfile::Builder::new().prefix(".mcp-token-").tempfile_in(folder)?;
    made.write_all(new_secret()?.as_bytes())?;
    match made.persist_noclobber(file) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

/// 256 bits that nobody guesses.
fn new_secret() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    #[cfg(unix)]
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    // The standard library seeds each of these from the system.
    for (index, chunk) in bytes.chunks_mut(8).enumerate() {
        let more = RandomState::new().hash_one(index).to_ne_bytes();
        chunk.iter_mut().zip(more).for_each(|(byte, more)| *byte ^= more);
    }
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Reads the file, if nobody else can.
fn read(file: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let opened = options.open(file)?;
    let about = opened.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if about.mode() & 0o077 != 0 {
            return Err(io::Error::other(
                "others can read it. Next: delete it, and one is made that only you can read",
            ));
        }
        if about.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other(
                "it belongs to somebody else. Next: delete it, or use a folder of your own",
            ));
        }
    }
    let mut text = String::new();
    opened.take(LONGEST as u64 + 2).read_to_string(&mut text)?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");

        let made: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| Token::kept_in(&state).unwrap())).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });

        assert!(made.iter().all(|token| *token == made[0] && is_token(&token.secret)));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing else is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&state), mode(&state.join(FILE))), (0o700, 0o600));
        }
        let other = Token::kept_in(&folder.path().join("other")).unwrap();
        assert_ne!(other.secret, made[0].secret);
        assert!(!format!("{other:?}").contains(&other.secret));
    }

    #[cfg(unix)]
    #[test]
    fn a_token_that_others_can_read_or_that_is_a_link_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        fs::write(&file, "0123456789abcdef0123").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();

        let readable = Token::kept_in(folder.path()).unwrap_err();
        fs::rename(&file, folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", &file).unwrap();
        let link = Token::kept_in(folder.path()).unwrap_err();

        assert!(readable.contains("others can read it"), "{readable}");
        assert!(link.contains("cannot read the token"), "{link}");
    }

    #[test]
    fn only_the_whole_token_is_let_in() {
        let token = Token { secret: "0123456789abcdef".to_owned(), file: None };

        for (header, is_shown) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer  0123456789abcdef", true),
            ("Bearer 0123456789abcdeg", false),
            ("Bearer 0123456789abcde", false),
            ("Bearer 0123456789abcdef0123456789abcdef", false),
            ("Bearer ", false),
            ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false),
            ("", false),
        ] {
            assert_eq!(token.is_shown(header.as_bytes()), is_shown, "{header}");
        }
    }
}
