//! The database file as Hyper is to be told of it.

use std::path::{Path, PathBuf};

use hyperwire_blocking::hyperwire_core::sql::Identifier;

/// The one spelling of the file's path: absolute, without symbolic links. Hyper takes another spelling of the same
/// file for another database, and finds it locked. A file that does not exist is fine if it is `to_create`.
pub(super) fn spelled(path: &Path, to_create: bool) -> Result<String, String> {
    let whole = match path.canonicalize() {
        Ok(whole) => whole,
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot open the database {}: {error}", path.display()));
        }
        Err(_) if !to_create => {
            return Err(format!("there is no database {}; --create makes one", path.display()));
        }
        Err(_) => in_its_folder(path)?,
    };
    whole.into_os_string().into_string().map_err(|whole| {
        format!(
            "the database's path {} is not UTF-8, which Hyper needs; rename it",
            Path::new(&whole).display()
        )
    })
}

fn in_its_folder(path: &Path) -> Result<PathBuf, String> {
    let cannot = |why: &str| format!("cannot create the database {}: {why}", path.display());
    let name = path.file_name().ok_or_else(|| cannot("its path has no file name"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|error| cannot(&format!("its folder: {error}")))?;
    Ok(folder.join(name))
}

/// The statement that creates the database if it is not there.
pub(super) fn create_statement(path: &str) -> String {
    format!("CREATE DATABASE IF NOT EXISTS {}", Identifier(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_refused_unless_it_is_to_be_created() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        let missing = Path::new("no-such.hyper");

        let refused = spelled(missing, false).unwrap_err();
        let created = spelled(missing, true).unwrap();

        assert_eq!(refused, "there is no database no-such.hyper; --create makes one");
        assert_eq!(Path::new(&created), here.join("no-such.hyper"));
    }

    #[test]
    fn every_spelling_of_a_file_becomes_the_same() {
        let plain = spelled(Path::new("Cargo.toml"), false).unwrap();

        assert_eq!(spelled(Path::new("src/../Cargo.toml"), false).unwrap(), plain);
        assert!(Path::new(&plain).is_absolute());
    }

    #[test]
    fn a_missing_folder_is_named_as_the_reason() {
        let error = spelled(Path::new("no-such-folder/a.hyper"), true).unwrap_err();

        assert!(
            error.starts_with("cannot create the database no-such-folder/a.hyper: its folder: "),
            "{error}"
        );
    }

    #[test]
    fn a_quote_in_a_path_does_not_end_it() {
        assert_eq!(create_statement("/a\"b.hyper"), "CREATE DATABASE IF NOT EXISTS \"/a\"\"b.hyper\"");
    }
}
