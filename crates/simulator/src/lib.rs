//! An honest ServiceNow instance for demos and tests: the token endpoint, the Virtual Agent Bot
//! Integration resource with its worker, a queue, an agent's desk, and callbacks in the order in
//! which an instance sends them.
//!
//! It is faithful to what is known of real instances, not to Warmline's habits. So it deliberately
//! knows nothing of Warmline: it shares no code with the client or the gateway, reads requests with
//! types of its own, answers before it processes, drops in silence what an instance drops in
//! silence, and never retries a callback.
//!
//! ```text
//!  api ──► ledger, worker ──► instance ──► outbound ──► the webhook
//!                               ▲  ▲
//!          desk, desk page ─────┘  └───── agenda: scripted agent, estimates, idle clock
//! ```
//!
//! `admin` is the door for tests: settings, faults, the clock, the ledger, record and replay.
//! The module `instance` is the pure middle. Start reading there. The module `fault` has what can
//! be made to go wrong between it and its callers.
//!
//! Beside the instance, and without a word to it, stands [`azure`]: what a bot meets in Azure.

mod admin;
mod api;
pub mod azure;
mod callback;
mod clock;
mod config;
mod control;
mod desk;
mod fault;
mod fetch;
mod instance;
mod ledger;
mod media;
mod oauth;
mod outbound;
mod pages;
mod profile;
mod request;
mod script;
mod shared;
mod traffic;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;

use crate::shared::Shared;
pub use crate::{
    config::{
        AgentMode, AgentProfile, Assignment, CannedReply, Config, Credentials, Dialect, EndTold,
        Hours, Idle, Question, QuestionKind, QueueProfile, Schedule, Topic, TopicAction, Unrouted,
        WaitStatus, Webhook,
    },
    control::{Control, NoControl},
    desk::{Desk, Snapshot, TimedOut, only_local},
    fault::{Fault, Times},
    instance::{
        AgentRef, AgentView, AnswerView, AskedView, ChatState, ChatView, Delivery, DeskError,
        EndedBy, Fate, FileView, Line, OfferView, Presence, QueueView, Speaker, SurveyAnswer, User,
    },
    ledger::{FileFate, Outcome, Received, Sent},
    pages::page,
    profile::{AppVersion, MediaState, NoVersion, Profile},
    script::Script,
};

/// How long a stop waits for open connections and callbacks in flight before it leaves them.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// An instance without a listener of its own: for a program that serves [`Simulator::router`]
/// beside its own routes. Dropping it stops its tasks.
pub struct Simulator {
    shared: Arc<Shared>,
    _stops: DropGuard,
}

impl Simulator {
    /// Makes an instance and starts its tasks.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(config: Config) -> Self {
        let shared = Shared::start(config);
        let stops = shared.stop.clone().drop_guard();
        Self { shared, _stops: stops }
    }

    /// Makes an instance and serves it on `listener`.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(config: Config, listener: TcpListener) -> Running {
        let address = listener.local_addr().expect("a bound listener has an address");
        let simulator = Self::new(config);
        // Set once, right after it was made.
        let _known = simulator.shared.address.set(address);
        let stop = simulator.shared.stop.clone();
        let serving = axum::serve(listener, simulator.router())
            .with_graceful_shutdown(async move { stop.cancelled().await });
        simulator.shared.tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the simulator stopped serving");
            }
        });
        Running { address, simulator }
    }

    /// All routes: the instance's own, `/desk`, `/desk/api/…`, `/admin/api/…`, and `/assets/…` for
    /// the pages.
    pub fn router(&self) -> Router {
        api::routes(self.shared.clone())
            .merge(desk::routes(self.desk()))
            .merge(admin::routes(&self.shared))
    }

    /// A handle for tests and for the demo.
    pub fn desk(&self) -> Desk {
        Desk::new(self.shared.clone())
    }

    /// Stops all tasks and waits for them, two seconds at most.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(STOP_GRACE, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("the simulator left connections open");
        }
    }
}

/// An instance that is being served. Dropping it stops it without waiting.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    simulator: Simulator,
}

impl Running {
    /// A handle for tests and for the demo; it may be cloned, and outlives nothing.
    pub fn handle(&self) -> Desk {
        self.simulator.desk()
    }

    /// Stops it and waits for its tasks, two seconds at most.
    pub async fn shutdown(self) {
        self.simulator.stop().await;
    }
}
