//! Files that were written for the client, which it may read.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::mcp::answer::Link;
use crate::mcp::owner::Owner;

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
    pub(crate) owner: Owner,
}

impl Exports {
    /// Remembers what an answer speaks of; the oldest gives way. False if that is no file.
    pub(crate) fn remember(&self, link: &Link, owner: &Owner) -> bool {
        let Some(path) = link.path() else { return false };
        let mut all = self.lock();
        all.retain(|there| there.uri != link.uri || there.owner != *owner);
        while all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(Export {
            uri: link.uri.clone(),
            name: link.name.clone(),
            media_type: link.media_type,
            path,
            owner: owner.clone(),
        });
        true
    }

    /// One of this client's.
    pub(crate) fn get(&self, uri: &str, owner: &Owner) -> Option<Export> {
        self.lock().iter().find(|export| export.uri == uri && export.owner == *owner).cloned()
    }

    /// All of this client's.
    pub(crate) fn all(&self, owner: &Owner) -> Vec<Export> {
        self.lock().iter().filter(|export| export.owner == *owner).cloned().collect()
    }

    /// Forgets what a client had that is gone; the files stay.
    pub(crate) fn forget(&self, owner: &Owner) {
        self.lock().retain(|export| export.owner != *owner);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Export>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
