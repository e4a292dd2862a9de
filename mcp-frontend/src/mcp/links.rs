//! Links that lead out of folders.

use std::path::PathBuf;

use super::disk::{Kind, blocking, shown};

/// So many files are looked at.
const MOST: usize = 100_000;

/// A link to a file outside of these canonical folders, or to where a file could be made, if there is one. Links to folders
/// do no harm: hyperd follows them before it judges.
pub(super) fn link_outside(folders: &[PathBuf]) -> Result<Option<PathBuf>, String> {
    let mut left = folders.to_vec();
    let mut count = 0;
    while let Some(folder) = left.pop() {
        let found =
            blocking::names(&folder, |_| true).map_err(|error| format!("{}: {error}", shown(&folder)))?;
        count += found.names.len();
        if count > MOST || found.is_cut {
            return Err(format!("they hold more than {MOST} files"));
        }
        for name in found.names {
            let path = folder.join(name);
            match blocking::about_link(&path).map_err(|error| format!("{}: {error}", shown(&path)))?.kind {
                Kind::Folder => left.push(path),
                Kind::Link if !is_harmless(&path, folders) => return Ok(Some(path)),
                _ => {}
            }
        }
    }
    Ok(None)
}

fn is_harmless(link: &std::path::Path, folders: &[PathBuf]) -> bool {
    blocking::canonical(link).is_ok_and(|target| {
        folders.iter().any(|folder| target.starts_with(folder))
            || blocking::about(&target).is_ok_and(|about| about.is_folder())
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
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
