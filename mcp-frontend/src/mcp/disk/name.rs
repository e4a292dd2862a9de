//! Paths as people can read them, whatever they are called.

use std::path::Path;

/// A path for messages: what would break a line, turn the direction of the text or show nothing is written as an escape,
/// and so are bytes that are no UTF-8.
pub(crate) fn shown(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_safe(c) { shown.push(c) } else { shown.extend(c.escape_unicode()) }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// Whether a path shows as what it is.
pub(crate) fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.chars().all(is_safe))
}

/// Neither a control character nor one that is invisible or turns the text around it (Unicode's Cf, as far as file names
/// were seen to abuse it).
fn is_safe(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_fool_a_reader_are_escaped_and_others_are_as_they_are() {
        assert_eq!(shown(Path::new("/a b/é 漢.csv")), "/a b/é 漢.csv");
        assert_eq!(shown(Path::new("/a\nb\u{202e}vsc.exe")), "/a\\u{a}b\\u{202e}vsc.exe");
        assert!(is_plain(Path::new("/-rf \"x\"")) && !is_plain(Path::new("/a\tb")));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_shown_as_numbers() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/z\xfcrich"));

        assert_eq!(shown(path), "/z\\xfcrich");
        assert!(!is_plain(path));
    }
}
