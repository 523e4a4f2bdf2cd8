//! An honest stand-in for Azure, as a bot meets it: Entra's metadata, keys and tokens for apps; the
//! Bot Framework's metadata and keys; the Connector; and people in Teams who write to the bot.
//!
//! It checks what the real one checks, answers in the real shapes, and remembers every request in
//! its order, repeats included. It shares no code with those who are tried against it.
//!
//! | module | owns |
//! | --- | --- |
//! | `keys`, `token` | who signs; tokens as they are made, and as they never would be |
//! | `login` | what the two issuers publish, and tokens for apps |
//! | `connector` | what bots call; `limits` counts as Teams does, `answer` has the shapes |
//! | `world` | apps, people, chats, what is shown in them, what was asked |
//! | `teams` | what people do in Teams, as activities |
//! | `files` | what people attach, and what a bot may bring them |
//! | `trouble` | what goes wrong when it is told to |
//! | `admin` | all of it over HTTP, for clients in other languages |
//! | `chat` | a person at a terminal who writes to a bot |
//!
//! ```text
//! GET  /{tenant}/v2.0/.well-known/openid-configuration, /{tenant}/discovery/v2.0/keys
//! POST /{tenant}/oauth2/v2.0/token
//! GET  /v1/.well-known/openidconfiguration, /v1/.well-known/keys
//! *    /{region}/v3/conversations/…
//! *    /admin/api/…      see [`admin`]
//! ```

mod admin;
mod answer;
mod chat;
mod config;
mod connector;
mod files;
mod keys;
mod limits;
mod login;
mod teams;
mod token;
mod trouble;
mod world;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use self::world::World;
pub use self::{
    chat::converse,
    config::{APP_ID, APP_SECRET, AzureConfig, Person, Registration, TENANT},
    files::Upload,
    login::Grant,
    teams::{NotSaid, Posted},
    token::{BOT_FRAMEWORK, BOT_FRAMEWORK_TENANT, Issuer, Signature, Token},
    trouble::{Door, Refusal, Strike, Trouble},
    world::{Call, Chat, ChatKind, Message, Outcome, Received, Standing},
};
use crate::{clock::Clock, desk::only_local};

/// How long Teams waits for a bot's answer.
const BOT_WITHIN: Duration = Duration::from_secs(15);

/// What all doors share.
struct Shared {
    world: Mutex<World>,
    clock: Clock,
    origin: String,
    changed: watch::Sender<u64>,
    stop: CancellationToken,
    tasks: TaskTracker,
    client: reqwest::Client,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something and wakes who waits.
    fn act<T>(&self, what: impl FnOnce(&mut World) -> T) -> T {
        let done = what(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        done
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn service_url(&self) -> String {
        format!("{}/amer/", self.origin)
    }

    /// Seconds since 1970.
    fn now(&self) -> u64 {
        self.clock.now() / 1_000
    }

    /// What strikes the next request at this door, if it is not the Connector's.
    fn trouble_at(&self, door: Door) -> Option<Trouble> {
        let mut world = self.lock();
        if world.down.contains(&door) {
            return Some(Trouble::Reset { taken: false });
        }
        world.troubles.take(door, None, "")
    }
}

/// A stand-in that is being served, until the last of its handles is dropped.
#[derive(Clone)]
pub struct Azure {
    shared: Arc<Shared>,
    _stops: Arc<DropGuard>,
}

impl Azure {
    /// Serves one on a port of this machine that is free.
    pub async fn start(config: AzureConfig) -> io::Result<Self> {
        Ok(Self::serve(config, TcpListener::bind("127.0.0.1:0").await?))
    }

    /// Serves one on this listener.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn serve(config: AzureConfig, listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(BOT_WITHIN)
            .build()
            .expect("a client without TLS or proxies has nothing to fail on");
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(config)),
            clock: Clock::start(),
            origin: format!("http://{address}"),
            changed: watch::Sender::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            client,
        });
        let router = routes(&shared);
        let stop = shared.stop.clone();
        shared.tasks.spawn(async move {
            // Open connections are cut: what hangs would keep it open for ever.
            tokio::select! {
                () = stop.cancelled() => {}
                ended = axum::serve(listener, router) => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "the stand-in stopped serving");
                    }
                }
            }
        });
        let stops = Arc::new(shared.stop.clone().drop_guard());
        Self { shared, _stops: stops }
    }

    /// Where it is, without a slash at the end.
    pub fn origin(&self) -> &str {
        self.shared.origin()
    }

    /// Where bots answer: the `serviceUrl` of what it sends.
    pub fn service_url(&self) -> String {
        self.shared.service_url()
    }

    /// Entra's metadata, for who verifies tokens of bots.
    pub fn login_metadata(&self) -> String {
        format!("{}/common/v2.0/.well-known/openid-configuration", self.origin())
    }

    /// The Bot Framework's metadata, for who verifies tokens of channels.
    pub fn channel_metadata(&self) -> String {
        format!("{}/v1/.well-known/openidconfiguration", self.origin())
    }

    /// The token endpoint of a tenant.
    pub fn token_endpoint(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.origin())
    }

    /// What a gateway is set with to be a bot of this app here, each by its variable. The secret is
    /// whoever's who gave it, and not among them.
    pub fn settings(&self, registration: &Registration) -> Vec<(&'static str, String)> {
        let kind = if registration.tenant.is_some() { "SingleTenant" } else { "MultiTenant" };
        let login = registration.tenant.as_deref().unwrap_or("botframework.com");
        let authority = self.origin().trim_start_matches("http://");
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let tenant = registration.tenant.iter().map(|one| ("MicrosoftAppTenantId", one.clone()));
        [("MicrosoftAppId", registration.app_id.clone()), ("MicrosoftAppType", kind.to_owned())]
            .into_iter()
            .chain(tenant)
            .chain([
                ("ToChannelFromBotLoginUrl", format!("{}/{login}", self.origin())),
                ("ToBotFromChannelOpenIdMetadataUrl", self.channel_metadata()),
                ("ToBotFromEmulatorOpenIdMetadataUrl", self.login_metadata()),
                ("WARMLINE_CONNECTOR_HOSTS", host.to_owned()),
            ])
            .collect()
    }

    /// Another app.
    pub fn register(&self, registration: Registration) {
        self.shared.act(|world| world.registrations.push(registration));
    }

    /// Where the bot of an app is; false if there is no such app.
    pub fn set_endpoint(&self, app_id: &str, url: &str) -> bool {
        self.shared.act(|world| {
            let apps = world.registrations.iter_mut();
            let mut apps = apps.filter(|known| known.app_id.eq_ignore_ascii_case(app_id));
            let app = apps.next();
            app.map(|app| app.endpoint = Some(url.to_owned())).is_some()
        })
    }

    /// What the Bot Framework gives the channel for this app: right in every part, to be changed.
    pub fn channel_token(&self, app_id: &str) -> Token {
        Token::of_channel(app_id, &self.service_url(), self.shared.now())
    }

    /// What Entra gives an app of the usual tenant for a resource: right in every part, to be
    /// changed.
    pub fn app_token(&self, app_id: &str, resource: &str) -> Token {
        Token::of_app(app_id, TENANT, resource, 3_599, self.shared.now())
    }

    /// Signs a token, with what it asks for.
    pub fn sign(&self, token: &Token) -> String {
        let world = self.shared.lock();
        match token.issuer {
            Issuer::Channel => token.sign(&world.channel, &world.entra),
            Issuer::Entra => token.sign(&world.entra, &world.channel),
        }
    }

    /// A new key signs from now on; the old ones are published on if they are kept. The channels it
    /// speaks for stay the same.
    pub fn rotate(&self, issuer: Issuer, keeps_old: bool) {
        self.shared.act(|world| {
            let set = set_of(world, issuer);
            let endorsements = set.newest().endorsements.clone();
            set.rotate(keeps_old, endorsements);
        });
    }

    /// The channels that the newest key of the Bot Framework speaks for.
    pub fn endorse(&self, channels: &[&str]) {
        let channels = channels.iter().map(|&channel| channel.to_owned()).collect();
        self.shared.act(|world| world.channel.newest_mut().endorsements = channels);
    }

    /// Publishes further keys beside its own, such as some that cannot sign.
    pub fn publish(&self, issuer: Issuer, keys: Vec<Value>) {
        self.shared.act(|world| set_of(world, issuer).extra = keys);
    }

    /// Makes something go wrong.
    pub fn strike(&self, strike: Strike) {
        self.shared.act(|world| world.troubles.arm(strike));
    }

    /// How many troubles are not used up.
    pub fn armed(&self) -> usize {
        self.shared.lock().troubles.armed()
    }

    /// Nothing goes wrong any more.
    pub fn clear_strikes(&self) {
        self.shared.act(|world| world.troubles.clear());
    }

    /// Closes a door, or opens it: the Connector answers 503, the others cut every connection.
    pub fn set_down(&self, door: Door, down: bool) {
        self.shared.act(|world| {
            if down {
                world.down.insert(door);
            } else {
                world.down.remove(&door);
            }
        });
    }

    /// Winds its clock on: tokens that it gave grow old, counts are forgotten.
    pub fn advance(&self, span: Duration) {
        self.shared.clock.advance(crate::script::millis(span));
    }

    /// How the bot stands in a chat from now on; false if there is no such chat.
    pub fn set_standing(&self, chat: &str, standing: Standing) -> bool {
        self.shared.act(|world| world.room(chat).map(|room| room.standing = standing).is_some())
    }

    /// Everything that the Connector got, in its order.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.iter().cloned().collect()
    }

    /// What is shown in a chat, in its order, what was taken back included.
    pub fn shown(&self, chat: &str) -> Vec<Message> {
        self.shared.lock().room(chat).map(|room| room.messages.clone()).unwrap_or_default()
    }

    /// The texts that the bot has in a chat and that were not taken back.
    pub fn texts(&self, chat: &str) -> Vec<String> {
        let shown = self.shown(chat).into_iter();
        let shown = shown.filter(|message| message.by_bot && !message.deleted);
        shown.map(|one| one.activity["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The tokens that apps were given.
    pub fn grants(&self) -> Vec<Grant> {
        self.shared.lock().grants.clone()
    }

    /// How many askers for a token were refused.
    pub fn refused_grants(&self) -> usize {
        self.shared.lock().refused_grants
    }

    /// Waits until something holds, looking again after each change; whether it came to hold.
    pub async fn wait_until(&self, mut holds: impl FnMut(&Self) -> bool, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut changes = self.shared.changed.subscribe();
        loop {
            changes.borrow_and_update();
            if holds(self) {
                return true;
            }
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                return false;
            }
        }
    }
}

fn set_of(world: &mut World, issuer: Issuer) -> &mut keys::KeySet {
    match issuer {
        Issuer::Channel => &mut world.channel,
        Issuer::Entra => &mut world.entra,
    }
}

fn routes(shared: &Arc<Shared>) -> Router {
    let orders = admin::routes().layer(middleware::from_fn(only_local));
    Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(login::entra_metadata))
        .route("/{tenant}/.well-known/openid-configuration", get(login::entra_metadata))
        .route("/{tenant}/discovery/v2.0/keys", get(login::entra_keys))
        .route("/{tenant}/oauth2/v2.0/token", post(login::token))
        .route("/v1/.well-known/openidconfiguration", get(login::channel_metadata))
        .route("/v1/.well-known/keys", get(login::channel_keys))
        .merge(orders)
        .merge(files::routes())
        .fallback(connector::connector)
        .with_state(shared.clone())
}
