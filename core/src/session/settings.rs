//! What the server reports of itself.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::wire::{LimitExceeded, LimitKind, Limits};

/// The settings that the server reported by ParameterStatus. Hyper does so once, during start-up; `SET` reports
/// nothing, and its `TimeZone`, `DateStyle` and `IntervalStyle` do not follow what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<(Box<str>, Box<str>)>);

impl Settings {
    /// One setting, for instance `hyper_version`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| **found == *name).map(|(_, value)| &**value)
    }

    /// All of them in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub(super) fn set(&mut self, name: &str, value: &str, limits: &Limits) -> Result<(), LimitExceeded> {
        if let Some((_, old)) = self.0.iter_mut().find(|(found, _)| **found == *name) {
            *old = value.into();
            return Ok(());
        }
        Limits::check(LimitKind::Settings, self.0.len() as u64 + 1, limits.settings.into())?;
        self.0.push((name.into(), value.into()));
        Ok(())
    }
}
