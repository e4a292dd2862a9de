//! The right conversation before an attack.

use super::super::{Auth, Failure, Session};
use super::Phase;
use super::bytes::{authentication_ok, copy_data, copy_in_response, copy_out_response, description, one};
use super::bytes::{ready, session_state};

/// Plays the server up to the point where the attack comes.
pub(super) fn lead_up(phase: Phase, session: &mut Session) -> Result<(), Failure> {
    match phase {
        Phase::SslAnswer => return session.expect_ssl_request(),
        Phase::Authentication => return session.read_startup().map(drop),
        Phase::Settings | Phase::Idle => {
            session.read_startup()?;
            return session.send_bytes(&authentication_ok());
        }
        Phase::Query | Phase::Rows | Phase::Sync | Phase::CopyIn | Phase::CopyOut => {
            session.accept_startup(Auth::Trust)?;
        }
    }
    if phase == Phase::Sync {
        return session.read_to_sync().map(drop);
    }
    session.expect_named("Query")?;
    match phase {
        Phase::Rows => session.send_bytes(&[description(), one()].concat()),
        Phase::CopyIn => session.send_bytes(&copy_in_response()),
        Phase::CopyOut => session.send_bytes(&[copy_out_response(), copy_data(b"1\n")].concat()),
        _ => Ok(()),
    }
}

/// The attack with what has to come in one write with it.
pub(super) fn whole_write(phase: Phase, attack: &[u8]) -> Vec<u8> {
    match phase {
        Phase::Idle => [session_state(), ready(), attack.to_vec()].concat(),
        _ => attack.to_vec(),
    }
}
