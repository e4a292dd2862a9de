//! Files that were written for the client, which it may read.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::mcp::answer::Link;

/// How many are remembered.
const MOST: usize = 64;

/// The last files, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Exports(Mutex<VecDeque<Export>>);

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) media_type: &'static str,
    pub(crate) path: PathBuf,
}

impl Exports {
    /// Remembers what an answer speaks of; the oldest gives way. False if that is no file.
    pub(crate) fn remember(&self, link: &Link) -> bool {
        let Some(path) = link.path() else { return false };
        let mut all = self.lock();
        all.retain(|there| there.uri != link.uri);
        while all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(Export {
            uri: link.uri.clone(),
            name: link.name.clone(),
            media_type: link.media_type,
            path,
        });
        true
    }

    pub(crate) fn get(&self, uri: &str) -> Option<Export> {
        self.lock().iter().find(|export| export.uri == uri).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Export> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Export>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
