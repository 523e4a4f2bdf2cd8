//! The running service: edges, engine, dispatcher.
//!
//! Data flows one way round: an edge parses and authenticates and hands an event to the engine; the
//! engine steps and commits it; the dispatcher carries out the effects and reports back with events.
//! Read in this order: `engine` (one transaction for a batch), `dispatcher` (lanes, retry),
//! `edge` (what the outside calls), `observe` (what is seen of it), `app` (how it is put together and stopped).
//!
//! It deliberately does not know: the rules of a session (crate `session`), SQL (`store`), raw keys
//! (`vault`), ServiceNow's JSON (`servicenow`), and where its settings come from (`warmline`).

mod alarm;
pub mod app;
pub mod audit;
#[cfg(test)]
mod bed;
mod behind;
mod bot;
mod channel;
mod clock;
pub mod console;
pub mod control;
mod current;
mod desk;
mod dispatcher;
mod edge;
mod engine;
mod files;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzzed;
mod gaps;
mod keeping;
pub mod keys;
mod lane;
pub mod masking;
mod network;
mod notices;
pub mod observe;
pub mod person;
mod plain;
mod presence;
mod render;
mod retention;
mod rich;
pub mod secrets;
mod sweeper;
pub mod trace;
mod wakes;

use std::sync::Arc;

use store::{Store, StoreError};

pub use app::{
    BotSetup, COMMAND_WORDS, DataExamined, DeskSetup, Gateway, KeyFit, MessageEncryption,
    NeedsRestart, PageRules, Replay, Settings, StartError, StopError, WebhookRules, WidgetKey,
    erase_without_gateway, examine_data, export_without_gateway, letter_without_gateway,
    list_without_gateway,
};
pub use behind::{Answers, BehindSetup};
pub use bot::BuiltInBot;
pub use bot_framework::{
    client::{BotClient, BotConfig, BotConfigError, Credential},
    cloud::Cloud,
    connector::{Connector, ConnectorConfig, ConnectorConfigError},
    direct_line::{Origin, OriginError},
    login::{Certificate, CertificateError, Registration, Secret},
    verify::{
        ChannelVerifier, ChannelVerifyConfig, ChannelVerifyConfigError, Verifier, VerifyConfig,
        VerifyConfigError,
    },
};
pub use channel::ChannelSetup;
pub use clock::Clock;
pub use desk::{media::FilesBy, news::Wording};
pub use edge::rates::{RATE_MIN, Rates};
pub use edge::webhook::PATH as WEBHOOK_PATH;
pub use files::{
    BucketSetup, Elsewhere, FileRules, FileSetup, PlaceExamined, REFUSED, ScannerAddress, Scanning,
    WithoutScanner, examine_files,
};
pub use http::Uri;
pub use network::{Network, NetworkError, Proxies, ProxyHeader};
pub use notices::Language;
pub use observe::Observer;
pub use outbound::{NoAuthorities, PrivateHost, PrivateHostError, PrivateHosts, authorities_of};
pub use retention::{KEPT_MIN, Retention};
// What a gateway is configured with, so that its user needs no other crate of the house.
pub use servicenow::{ClientConfig, ConfigError, Credentials, Grant, client::instance_url};
pub use session::{
    Behind, Phrases, Policy, fold as folded,
    id::{BotId, DeskId, IdError, TenantId},
};

/// Reads from the store on a thread that may wait for a disk.
async fn blocking<T: Send + 'static>(
    store: &Arc<dyn Store>,
    read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    tokio::task::spawn_blocking(move || read(&*store))
        .await
        .unwrap_or_else(|error| Err(StoreError::Database(Box::new(error))))
}
