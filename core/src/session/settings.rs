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

    /// Looks through all of them: there are few, and a bound on both their number and their length.
    pub(super) fn set(&mut self, name: &str, value: &str, limits: &Limits) -> Result<(), LimitExceeded> {
        let old = self.0.iter().position(|(found, _)| **found == *name);
        let others = (0..).zip(&self.0).filter(|(index, _)| Some(*index) != old);
        let length: usize = others.map(|(_, (name, value))| name.len() + value.len()).sum();
        let length = (length + name.len() + value.len()) as u64;
        Limits::check(LimitKind::SettingsLength, length, limits.settings_length.into())?;
        match old {
            Some(index) => self.0[index].1 = value.into(),
            None => {
                Limits::check(LimitKind::Settings, self.0.len() as u64 + 1, limits.settings.into())?;
                self.0.push((name.into(), value.into()));
            }
        }
        Ok(())
    }
}
