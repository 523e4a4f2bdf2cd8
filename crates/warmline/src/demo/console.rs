//! The demo as an operator: makes a password for the gateway's console, signs in with it, and reads
//! what passes through the gateway for as long as the demo runs, over every end of the gateway.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gateway::console::PasswordHash;
use reqwest::{Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use vault::MasterKey;

use super::{
    events::Reader,
    feed::{Feed, Link},
};

/// A gateway that is being started is ready within this, so there is no point in asking more often.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// A console that is closed stays so until somebody acts.
const CLOSED_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The console sends a sign of life at least every 15 seconds; twice that is a dead connection.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Opening a connection on this machine takes no time.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Why there is nothing to read.
#[derive(Debug, PartialEq, Eq)]
enum Nothing {
    /// The gateway is away, or ended.
    Away,
    /// It answered, and not with a feed.
    Refused,
}

/// By when and by which number a passage is told from others, over the ends of gateways: each begins
/// with one. Moments are spelled alike, so they sort as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Place {
    at: String,
    seq: u64,
}

/// The gateway's console, seen from outside.
pub(super) struct Console {
    origin: String,
    password: SecretString,
    client: reqwest::Client,
}

impl Console {
    pub(super) fn new(gateway: SocketAddr) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENCE_MAX)
            .build()?;
        let password = MasterKey::fresh_secret()?.into();
        Ok(Self { origin: format!("http://{gateway}"), password, client })
    }

    pub(super) fn password(&self) -> &SecretString {
        &self.password
    }

    /// What the gateway is given in place of the password.
    pub(super) async fn hash(&self) -> anyhow::Result<String> {
        let password = self.password.clone();
        let hash = tokio::task::spawn_blocking(move || PasswordHash::of(&password)).await??;
        Ok(hash.expose().to_owned())
    }

    /// Reads for ever, and signs in again whenever the gateway has ended.
    pub(super) async fn follow(self, feed: Arc<Feed>) {
        let mut newest = Place::default();
        loop {
            let wait = match self.read(&feed, &mut newest).await {
                Nothing::Away => {
                    feed.links(Link::Waiting);
                    AGAIN_AFTER
                }
                Nothing::Refused => {
                    feed.links(Link::Closed);
                    CLOSED_AGAIN_AFTER
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Signs in and reads until it ends, as it does with the gateway. What passed before comes first:
    /// a gateway is at work before anybody has signed in.
    async fn read(&self, feed: &Feed, newest: &mut Place) -> Nothing {
        let mut stream = match self.open().await {
            Ok(stream) => stream,
            Err(nothing) => return nothing,
        };
        feed.links(Link::Open);
        let mut reader = Reader::default();
        // A gateway that has not ended tells again what is known.
        let mut known = true;
        while let Ok(Some(piece)) = stream.chunk().await {
            for event in reader.take(&piece).into_iter().filter(|event| event.name == "passage") {
                let place: Place = serde_json::from_str(&event.data).unwrap_or_default();
                known &= place <= *newest && place != Place::default();
                if !known {
                    *newest = place;
                    feed.passes(&event.data);
                }
            }
        }
        Nothing::Away
    }

    async fn open(&self) -> Result<Response, Nothing> {
        let login = self
            .client
            .post(format!("{}/console/api/login", self.origin))
            .json(&json!({ "password": self.password.expose_secret() }));
        let cookie = cookies(&answered(login.send().await)?).ok_or(Nothing::Refused)?;
        let feed = self.client.get(format!("{}/console/api/feed?after=0", self.origin));
        answered(feed.header(header::COOKIE, cookie).send().await)
    }
}

/// A success, or what its absence means. A gateway that starts or stops may answer 503.
fn answered(answer: reqwest::Result<Response>) -> Result<Response, Nothing> {
    let answer = answer.map_err(|_| Nothing::Away)?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::SERVICE_UNAVAILABLE => Err(Nothing::Away),
        _ => Err(Nothing::Refused),
    }
}

/// The cookies that an answer sets, as a request sends them back.
fn cookies(answer: &Response) -> Option<String> {
    let set = answer.headers().get_all(header::SET_COOKIE);
    let pairs = set.iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let all = pairs.map(str::trim).collect::<Vec<_>>().join("; ");
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests;
