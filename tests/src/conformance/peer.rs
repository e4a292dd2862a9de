//! Where a scenario takes place: the runtime, the kind of socket, and who is at its other end.
#![cfg_attr(
    not(target_os = "linux"),
    allow(irrefutable_let_patterns, unused_variables, reason = "there is no real hyperd elsewhere yet")
)]

use std::time::Duration;

#[cfg(target_os = "linux")]
use hyperwire_blocking::hyperd;
use hyperwire_blocking::{Config, Error};
use hyperwire_core::session::Fault;
use hyperwire_core::wire::TransactionStatus;

use super::{Client, Runtime};
#[cfg(target_os = "linux")]
use crate::real_hyperd::RealHyperd;
use crate::scripted::{Address, Auth, Failure, Latch, Listen, Rows, Server, Session, oid};
use crate::virtual_time::sleep;

/// For waits that are meant to end early; also the patience of the scripts.
pub(super) const LONG: Duration = Duration::from_secs(10);
/// For bounds that are meant to be reached.
pub(super) const SHORT: Duration = Duration::from_millis(200);

/// Takes hyperd hours, and sends nothing before its end.
pub(super) const CROSS_JOIN: &str = "SELECT count(*) FROM generate_series(1, 4000000) a(x), \
    generate_series(1, 4000000) b(y) WHERE (x * 7 + y * 13) % 1000003 = 5";

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// TCP on 127.0.0.1
    Tcp,
    /// A Unix domain socket
    Unix,
    /// None: a connection in a [world](crate::virtual_time), with a clock and a network that follow from a seed
    Memory,
}

/// The runtime and the socket that a scenario is played on.
#[derive(Clone, Copy)]
pub struct Stage<'r> {
    pub(super) runtime: &'r dyn Runtime,
    pub(super) socket: SocketKind,
    pub(super) real: bool,
}

/// The server of a scenario.
pub struct Peer<'r> {
    runtime: &'r dyn Runtime,
    server: Kind,
}

enum Kind {
    Scripted(Server),
    #[cfg(target_os = "linux")]
    Real(RealHyperd),
}

impl<'r> Stage<'r> {
    /// A server that lets everybody in and then goes on with this script; or the real hyperd, of which the script
    /// says what it will do.
    ///
    /// # Panics
    /// When there is no hyperd.
    pub fn serve(
        &self,
        script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Peer<'r> {
        self.script(move |session| {
            session.accept_startup(Auth::Trust)?;
            script(session)
        })
    }

    /// [`Stage::serve`] with a script that begins at the first byte.
    ///
    /// # Panics
    /// As for it.
    pub fn script(
        &self,
        script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Peer<'r> {
        self.script_asking_for(None, script)
    }

    /// [`Stage::script`] with a script that asks for this password, if for any.
    ///
    /// # Panics
    /// As for it.
    pub fn script_asking_for(
        &self,
        password: Option<&'static str>,
        script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Peer<'r> {
        #[cfg(target_os = "linux")]
        if self.real {
            let hyperd = RealHyperd::start_with(|settings| {
                if self.socket == SocketKind::Tcp {
                    settings.listen = hyperd::Listen::Loopback;
                }
                if let Some(password) = password {
                    settings.authentication = hyperd::Authentication::Password(password.to_owned());
                }
            });
            return Peer { runtime: self.runtime, server: Kind::Real(hyperd) };
        }
        self.listen(self.listener(), script)
    }

    /// A server with a listener of its own.
    pub(super) fn listen(
        &self,
        listen: Listen,
        script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Peer<'r> {
        Peer { runtime: self.runtime, server: Kind::Scripted(listen.serve(script)) }
    }

    /// A listener of the stage's kind.
    pub(super) fn listener(&self) -> Listen {
        match self.socket {
            SocketKind::Tcp => Listen::tcp(),
            SocketKind::Unix => Listen::unix(),
            SocketKind::Memory => Listen::memory(),
        }
        .patience(LONG)
    }
}

impl Peer<'_> {
    /// How to reach it. Nothing is canceled because a machine is slow: scenarios about those bounds set them.
    #[must_use]
    pub fn config(&self) -> Config {
        let mut config = match &self.server {
            Kind::Scripted(server) => {
                Config::new(server.address().descriptor().parse().expect("an endpoint"), "adm")
            }
            #[cfg(target_os = "linux")]
            Kind::Real(hyperd) => hyperd.config(),
        };
        config.session.abandon_patience = LONG;
        config
    }

    /// [`Peer::config`] for a server that is given little time to heed a cancel.
    #[must_use]
    pub fn impatient(&self) -> Config {
        let mut config = self.config();
        config.session.cancel_grace = SHORT;
        config.session.abandon_patience = SHORT;
        config
    }

    /// A client of it.
    ///
    /// # Panics
    /// When it is not let in.
    #[must_use]
    pub fn connect(&self) -> Box<dyn Client> {
        self.connect_with(self.config()).expect("everybody is let in")
    }

    /// A client of it, configured like this.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn connect_with(&self, config: Config) -> Result<Box<dyn Client>, Error> {
        self.runtime.connect(config)
    }

    /// Why no client comes of this configuration.
    ///
    /// # Panics
    /// When one does.
    #[must_use]
    pub fn refusal(&self, config: Config) -> Error {
        let Err(error) = self.connect_with(config) else { panic!("a client was let in that should not be") };
        error
    }

    /// Asserts that no CancelRequest came that no script has claimed.
    ///
    /// # Panics
    /// When one came.
    pub fn expect_no_cancel(&self) {
        if let Kind::Scripted(server) = &self.server {
            assert!(server.next_cancel(Duration::ZERO).is_err(), "a cancel came");
        }
    }

    /// Waits for a CancelRequest that no script has claimed.
    ///
    /// # Panics
    /// When none comes.
    pub fn expect_cancel(&self) {
        if let Kind::Scripted(server) = &self.server {
            server.next_cancel(LONG).expect("a cancel comes");
        }
    }

    /// Waits until a statement runs: a script releases the latch then, and hyperd is seen to compute.
    ///
    /// # Panics
    /// When none does.
    pub fn wait_until_it_runs(&self, runs: &Latch) {
        match &self.server {
            Kind::Scripted(_) => runs.wait(LONG).expect("the statement runs"),
            #[cfg(target_os = "linux")]
            Kind::Real(hyperd) => hyperd.wait_until_it_computes(),
        }
    }

    /// Waits until a script releases this, and what it said before that is here.
    ///
    /// # Panics
    /// When none does.
    pub fn wait_until_it_said(&self, said: &Latch) {
        said.wait(LONG).expect("the script comes to that");
        // What goes through a socket of this machine is here at once; a network takes its time.
        if let Kind::Scripted(server) = &self.server
            && matches!(server.address(), Address::Memory(_))
        {
            sleep(SHORT);
        }
    }

    /// Ends it.
    ///
    /// # Panics
    /// When something went wrong in the script.
    pub fn finish(self) {
        if let Kind::Scripted(server) = self.server {
            server.finish().unwrap();
        }
    }
}

/// One column of text.
pub(super) fn texts(texts: &[&str]) -> Rows {
    texts.iter().fold(Rows::of([("a", oid::TEXT)]), |rows, text| rows.row([Some(text)]))
}

/// The script's side of `shows_that_it_is_usable`.
pub(super) fn serve_proof(session: &mut Session) -> Result<(), Failure> {
    session.expect_query("select 'usable'")?;
    session.send_rows(&texts(&["usable"]))?;
    session.ready(TransactionStatus::Idle)
}

/// Why the session is lost.
#[track_caller]
pub(super) fn fault_of<T>(outcome: Result<T, Error>) -> Fault {
    match outcome {
        Err(Error::Session { fault, .. }) => fault,
        Err(error) => panic!("the session should be lost, but: {error:?}"),
        Ok(_) => panic!("the session should be lost, but nothing is wrong"),
    }
}

/// The SQLSTATE of a server's error.
#[track_caller]
pub(super) fn code_of<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(error) => error.code().unwrap_or_else(|| panic!("not from the server: {error:?}")).to_string(),
        Ok(_) => panic!("the server should say no"),
    }
}
