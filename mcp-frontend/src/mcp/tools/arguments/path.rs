//! Paths as callers write them: `~/data.csv`, `file:///data/a%20b.csv`.

use std::path::Path;

use percent_encoding::percent_decode_str;

/// Whether an argument of this name is a path, or may be one.
pub(super) fn is_path(name: &str) -> bool {
    matches!(name, "path" | "value_path" | "target")
}

/// The path that is meant, as the system takes it. Nothing is looked up on disk.
pub(super) fn local(text: &str) -> Result<String, String> {
    local_of(text, dirs::home_dir().as_deref())
}

fn local_of(text: &str, home: Option<&Path>) -> Result<String, String> {
    let scheme = text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
    if scheme {
        return of_uri(text);
    }
    let rest = match text.strip_prefix('~') {
        Some("") => "",
        Some(rest) if rest.starts_with('/') || cfg!(windows) && rest.starts_with('\\') => &rest[1..],
        // `~name` is another user's, or a file of that name.
        _ => return Ok(text.to_owned()),
    };
    let home =
        home.ok_or_else(|| format!("{text:?} is in a home folder, and there is none: HOME is not set."))?;
    let path = if rest.is_empty() { home.to_owned() } else { home.join(rest) };
    path.into_os_string().into_string().map_err(|_| "the home folder's path is not UTF-8.".to_owned())
}

/// RFC 8089: `file:///path`, `file://localhost/path`, `file:/path`.
fn of_uri(uri: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{uri:?} {why}; a file URI is like file:///data/a%20b.csv."));
    let after = &uri["file:".len()..];
    let path = match after.strip_prefix("//") {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                return wrong(&format!(
                    "is a file of the host {host:?}, and only files of this machine can be read"
                ));
            }
            path
        }
        None => after,
    };
    if !path.starts_with('/') {
        return wrong("has no absolute path");
    }
    let path = percent_decode_str(path).decode_utf8();
    let Ok(path) = path else { return wrong("is not UTF-8") };
    if path.contains('\0') {
        return wrong("has a NUL in it");
    }
    Ok(if cfg!(windows) { path.trim_start_matches('/').to_owned() } else { path.into_owned() })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        local_of(text, Some(Path::new("/home/me")))
    }

    #[test]
    fn a_tilde_is_the_home_folder_and_a_uri_is_its_path() {
        for (written, meant) in [
            ("/data/a.csv", "/data/a.csv"),
            ("a~b.csv", "a~b.csv"),
            ("~other/a.csv", "~other/a.csv"),
            ("~", "/home/me"),
            ("~/a b.csv", "/home/me/a b.csv"),
            ("file:///data/a%20b%25.csv", "/data/a b%.csv"),
            ("file://localhost/data/%C3%A9.csv", "/data/é.csv"),
            ("FILE:/data/a.csv", "/data/a.csv"),
            ("file:///~/a.csv", "/~/a.csv"),
        ] {
            assert_eq!(of(written).as_deref(), Ok(meant), "{written}");
        }
    }

    #[test]
    fn a_uri_that_is_of_no_file_here_is_refused_with_the_reason() {
        for (uri, why) in [
            ("file://server/share/a.csv", "host \"server\""),
            ("file://data", "host \"data\""),
            ("file:a.csv", "no absolute path"),
            ("file:///a%00", "NUL"),
            ("file:///%ff", "UTF-8"),
        ] {
            let refused = of(uri).unwrap_err();
            assert!(refused.contains(why), "{uri}: {refused}");
        }
        assert!(local_of("~/a", None).unwrap_err().contains("HOME"));
    }
}
