//! What may stand behind `?`: one line for each option, read and written by the same table.

use std::time::Duration;

use hyperwire_core::session::{Tls, WeakPasswords};
use hyperwire_core::wire::Format;

use crate::config::Config;

/// An option, by its name.
pub(super) struct UrlOption {
    pub(super) name: &'static str,
    /// Takes the decoded value; says what is wrong with it.
    pub(super) set: fn(&mut Config, &str) -> Result<(), &'static str>,
    /// The value as a URL has it, not yet encoded.
    pub(super) get: fn(&Config) -> String,
}

/// `name => field: how to read it, how to write it`.
macro_rules! options {
    ($($name:literal => $($field:ident).+: $read:ident, $write:ident;)+) => {
        /// All of them, in the order in which they are written.
        pub(super) const OPTIONS: &[UrlOption] = &[$(UrlOption {
            name: $name,
            set: |config, value| {
                config.$($field).+ = $read(value)?;
                Ok(())
            },
            get: |config| $write(&config.$($field).+),
        }),+];
    };
}

options! {
    "application_name" => session.application_name: text, show;
    "format" => session.result_format: format, show_format;
    "tls" => session.tls: tls, show_tls;
    "weak_passwords" => session.weak_passwords: weak_passwords, show_weak_passwords;
    "connect_timeout" => connect_timeout: seconds, show_seconds;
    "startup_timeout" => session.startup_timeout: seconds, show_seconds;
    "cancel_grace" => session.cancel_grace: seconds, show_seconds;
    "abandon_patience" => session.abandon_patience: seconds, show_seconds;
    "abandon_budget" => session.abandon_budget: number, show;
    "keepalive_idle" => link.keepalive.idle: seconds, show_seconds;
    "keepalive_interval" => link.keepalive.interval: seconds, show_seconds;
    "keepalive_probes" => link.keepalive.probes: number, show;
    "retransmit_cap" => link.retransmit_cap: seconds, show_seconds;
    "retransmit_limit" => link.retransmit_limit: seconds, show_seconds;
    "send_buffer" => link.send_buffer: size, show_size;
    "receive_buffer" => link.receive_buffer: size, show_size;
    "limit_message_length" => session.limits.message_length: number, show;
    "limit_description_length" => session.limits.description_length: number, show;
    "limit_control_length" => session.limits.control_length: number, show;
    "limit_startup_length" => session.limits.startup_length: number, show;
    "limit_columns" => session.limits.columns: number, show;
    "limit_scram_iterations" => session.limits.scram_iterations: number, show;
    "limit_settings" => session.limits.settings: number, show;
    "limit_settings_length" => session.limits.settings_length: number, show;
}

fn text(value: &str) -> Result<String, &'static str> {
    Ok(value.to_owned())
}

fn format(value: &str) -> Result<Format, &'static str> {
    let formats = [Format::HyperBinary, Format::Text, Format::PgBinary];
    let found = formats.into_iter().find(|format| show_format(format) == value);
    found.ok_or("is none of hyperbinary, text and pgbinary")
}

fn show_format(format: &Format) -> String {
    format.setting().to_ascii_lowercase()
}

fn tls(value: &str) -> Result<Tls, &'static str> {
    let found = [Tls::Disable, Tls::Prefer, Tls::Require].into_iter().find(|tls| show_tls(tls) == value);
    found.ok_or("is none of disable, prefer and require")
}

fn show_tls(tls: &Tls) -> String {
    match tls {
        Tls::Disable => "disable",
        Tls::Prefer => "prefer",
        Tls::Require => "require",
    }
    .to_owned()
}

fn weak_passwords(value: &str) -> Result<WeakPasswords, &'static str> {
    let mut allowed = WeakPasswords::default();
    for name in value.split(',') {
        match name {
            "cleartext" if !allowed.cleartext => allowed.cleartext = true,
            "md5" if !allowed.md5 => allowed.md5 = true,
            _ => return Err("is neither cleartext, md5 nor both with a comma between them"),
        }
    }
    Ok(allowed)
}

fn show_weak_passwords(allowed: &WeakPasswords) -> String {
    let named = [("cleartext", allowed.cleartext), ("md5", allowed.md5)];
    named.iter().filter_map(|(name, is)| is.then_some(*name)).collect::<Vec<_>>().join(",")
}

/// Seconds with up to nine decimals, exact.
fn seconds(value: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "is not a number of seconds, with up to nine decimals behind a point";
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 9 {
        return Err(WRONG);
    }
    let whole = whole.parse().map_err(|_| WRONG)?;
    let nanoseconds = format!("{decimals:0<9}").parse().map_err(|_| WRONG)?;
    Ok(Duration::new(whole, nanoseconds))
}

fn show_seconds(duration: &Duration) -> String {
    let text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number that the field can hold.
fn number<N: TryFrom<u64>>(value: &str) -> Result<N, &'static str> {
    const WRONG: &str = "is not a whole number, or a larger one than there may be";
    if !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WRONG);
    }
    value.parse::<u64>().ok().and_then(|number| N::try_from(number).ok()).ok_or(WRONG)
}

fn show(value: &impl ToString) -> String {
    value.to_string()
}

fn size(value: &str) -> Result<Option<usize>, &'static str> {
    number(value).map(Some)
}

fn show_size(size: &Option<usize>) -> String {
    size.map_or_else(String::new, |size| size.to_string())
}
