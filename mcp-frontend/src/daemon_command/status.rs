//! `hyperwire daemon status`

use std::fmt::Write as _;

use hyperwire_blocking::daemon::{Answers, Place, Sight, look};
use hyperwire_blocking::hyperwire_core::control::{LockTest, Status};
use hyperwire_blocking::hyperwire_core::daemon::{ENGINE_HUNG_WITHIN, SELF_CHECK};
use hyperwire_blocking::hyperwire_core::liveness::link::LinkPolicy;
use serde_json::{Value, json};

use super::{complain, say};
use crate::exit::Exit;

pub(super) fn run(place: &Place, as_json: bool) -> Exit {
    let sight = look(place);
    let shown = if as_json { Ok(json(place, &sight).to_string()) } else { text(place, &sight) };
    let running = matches!(sight.daemon, Answers::Ours(_) | Answers::Legacy(_));
    match shown {
        Ok(shown) => match say(&shown) {
            Exit::Success if !running => Exit::NoHyperd,
            exit => exit,
        },
        Err(message) => complain(&message, Exit::NoHyperd),
    }
}

/// What there is of a daemon, and how long it takes until each kind of loss is noticed.
pub(crate) fn json(place: &Place, sight: &Sight) -> Value {
    let mut shown = json!({
        "running": false,
        "state_folder": place.state_folder.display().to_string(),
        "why": sight.daemon.to_string(),
    });
    if let LockTest::Held(Some(body)) = &sight.lock {
        shown["pid"] = json!(body.daemon.pid);
        shown["engine_pid"] = json!(body.engine.map(|engine| engine.pid));
        shown["phase"] = json!(body.phase);
    }
    let (Answers::Ours(status) | Answers::Legacy(status)) = &sight.daemon else { return shown };
    let record = &status.record;
    shown["running"] = json!(true);
    shown["pid"] = json!(record.pid);
    shown["version"] = json!(record.version);
    shown["endpoint"] = json!(record.hyperd_endpoint);
    shown["health_port"] = json!(record.health_port);
    shown["started_at"] = json!(record.started_at);
    shown["detection"] = detection();
    if let Some(own) = &record.advertised {
        shown["phase"] = json!(own.phase);
        shown["incarnation"] = json!(own.incarnation);
        shown["generation"] = json!(own.generation);
        shown["host"] = json!(own.host);
    }
    if let Some(details) = &status.details {
        shown["uptime_s"] = json!(details.uptime_s);
        shown["engine_pid"] = json!(details.engine_pid);
        shown["restarts"] = json!(details.restarts);
        shown["lease_count"] = json!(details.lease_count);
        shown["leases"] = json!(details.leases);
    }
    shown
}

/// Seconds, at most.
fn detection() -> Value {
    json!({
        "hyperd_ended_s": 0,
        "lease_holder_ended_s": 0,
        "hyperd_hung_after_report_s": ENGINE_HUNG_WITHIN.as_secs(),
        "lock_or_record_lost_s": SELF_CHECK.as_secs(),
        "idle_tcp_peer_vanished_s": LinkPolicy::DEFAULT.keepalive.bound().as_secs(),
    })
}

fn text(place: &Place, sight: &Sight) -> Result<String, String> {
    let (Answers::Ours(status) | Answers::Legacy(status)) = &sight.daemon else {
        return Err(absent(place, sight));
    };
    let Status { record, details, .. } = &**status;
    let mut text = format!("{}, process {}", record.version, record.pid);
    if let Some(own) = &record.advertised {
        let _ = write!(text, ", {}", own.phase.name());
    }
    if let Some(details) = details {
        let _ = write!(text, ", up {} s", details.uptime_s);
    }
    let _ = write!(text, "\n  hyperd  {}", record.hyperd_endpoint);
    if let (Some(own), Some(details)) = (&record.advertised, details) {
        let pid = details.engine_pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let _ = write!(
            text,
            "\n          process {pid}, generation {}, restarted {} times",
            own.generation, details.restarts
        );
    }
    let _ = write!(text, "\n  port    127.0.0.1:{}", record.health_port);
    let _ = write!(text, "\n  state   {}", place.state_folder.display());
    let Some(details) = details else { return Ok(text) };
    let _ = write!(text, "\n  in use  by {}", details.lease_count);
    for lease in &details.leases {
        let _ = write!(text, "\n          #{} {}, {} s", lease.id, lease.client, lease.held_s);
    }
    Ok(text)
}

fn absent(place: &Place, sight: &Sight) -> String {
    let folder = place.state_folder.display();
    match &sight.lock {
        LockTest::Held(Some(body)) => format!(
            "process {} is the daemon of {folder}, in its phase {}, but cannot be reached: {}",
            body.daemon.pid,
            body.phase.name(),
            sight.daemon
        ),
        LockTest::Held(None) => {
            format!("a daemon holds the lock of {folder}, but cannot be reached: {}", sight.daemon)
        }
        LockTest::Error(error) => format!("the state folder {folder} cannot be looked at: {error}"),
        LockTest::Free => {
            format!(
                "no daemon of {folder} is running; whatever needs one starts it, and so does `hyperwire daemon start`"
            )
        }
    }
}
