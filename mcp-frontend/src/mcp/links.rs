//! Links that lead out of folders.

use std::fs;
use std::path::PathBuf;

/// So many files are looked at.
const MOST: usize = 100_000;

/// A link to a file outside of these canonical folders, or to where a file could be made, if there is one. Links to folders
/// do no harm: hyperd follows them before it judges.
pub(super) fn link_outside(folders: &[PathBuf]) -> Result<Option<PathBuf>, String> {
    let mut left = folders.to_vec();
    let mut count = 0;
    while let Some(folder) = left.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            count += 1;
            if count > MOST {
                return Err(format!("they hold more than {MOST} files"));
            }
            let kind = entry.file_type().map_err(|error| format!("{}: {error}", entry.path().display()))?;
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_symlink() && !is_harmless(&entry.path(), folders) {
                return Ok(Some(entry.path()));
            }
        }
    }
    Ok(None)
}

fn is_harmless(link: &std::path::Path, folders: &[PathBuf]) -> bool {
    link.canonicalize()
        .is_ok_and(|target| target.is_dir() || folders.iter().any(|folder| target.starts_with(folder)))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_to_files_outside_are_found_and_others_are_fine() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let [inside, outside] = [&inside, &outside].map(|folder| folder.path().canonicalize().unwrap());
        fs::create_dir(inside.join("deep")).unwrap();
        fs::write(inside.join("file"), "").unwrap();
        fs::write(outside.join("secret"), "").unwrap();
        symlink(inside.join("file"), inside.join("deep/near")).unwrap();
        symlink(&outside, inside.join("folder")).unwrap();
        let folders = [inside.clone()];
        assert_eq!(link_outside(&folders), Ok(None));

        for (target, link) in [("secret", "deep/far"), ("new", "dangling")] {
            let link = inside.join(link);
            symlink(outside.join(target), &link).unwrap();

            assert_eq!(link_outside(&folders), Ok(Some(link.clone())));

            fs::remove_file(link).unwrap();
        }
    }
}
