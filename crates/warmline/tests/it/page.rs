//! A page that speaks Direct Line 3.0, as far as a test needs it.
//!
//! It posts an activity again, with the same `clientActivityID`, until it is acknowledged, and it
//! reads a stream that comes back after every cut from the last watermark it saw. What arrived is
//! kept as it arrived, repeats included.

mod stream;

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::process::WITHIN;
use stream::Listener;
pub(crate) use stream::{Heard, Reader};

/// Between two looks at something that nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks again and again until there is something.
pub(crate) async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let found = timeout(WITHIN, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

pub(crate) struct Page {
    pub(crate) conversation: String,
    pub(crate) token: String,
    pub(crate) stream_url: String,
    pub(crate) user: String,
    http: reqwest::Client,
    origin: String,
    heard: watch::Receiver<Heard>,
    listening: JoinHandle<()>,
    listener: Listener,
    posts: AtomicU64,
    shown: usize,
    /// Keys are rotated meanwhile, so addresses of files are signed with another one when they are read again.
    pub(crate) signs_anew: bool,
}

impl Page {
    /// Gets a token bound to a user, starts the conversation, opens the stream.
    pub(crate) async fn open(
        origin: &str,
        secret: &str,
        user: &str,
        secrets: Arc<Mutex<Vec<String>>>,
    ) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(WITHIN).build().unwrap();
        let base = format!("{origin}/v3/directline");
        let post = |path: &str, credential: &str| {
            http.post(format!("{base}/{path}")).bearer_auth(credential)
        };
        let asked = post("tokens/generate", secret).json(&json!({"user": {"id": user}}));
        let granted: Value = asked.send().await.unwrap().json().await.unwrap();
        let token = text_of(&granted["token"]);
        let started = post("conversations", &token).send().await.unwrap();
        assert_eq!(started.status(), StatusCode::CREATED);
        let started: Value = started.json().await.unwrap();
        secrets.lock().unwrap().extend([token.clone(), text_of(&started["token"])]);
        let place = Place { origin: origin.to_owned(), secrets };
        place.listen(http, user, token, &text_of(&started["conversationId"]), &started)
    }

    /// A page that comes back to a conversation it has a token for, and reads it from its start.
    pub(crate) async fn come_back(
        origin: &str,
        user: &str,
        conversation: &str,
        token: String,
        secrets: Arc<Mutex<Vec<String>>>,
    ) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(WITHIN).build().unwrap();
        let address = format!("{origin}/v3/directline/conversations/{conversation}");
        let given = http.get(address).bearer_auth(&token).send().await.unwrap();
        assert_eq!(given.status(), StatusCode::OK);
        let given: Value = given.json().await.unwrap();
        secrets.lock().unwrap().extend([token.clone(), text_of(&given["token"])]);
        let place = Place { origin: origin.to_owned(), secrets };
        let mut page = place.listen(http, user, token, conversation, &given);
        // What it says now is no repeat of what it said then.
        page.posts = AtomicU64::new(1_000);
        page
    }

    /// The page's connection is cut, and it does not come back.
    pub(crate) async fn goes_offline(&mut self) {
        self.listening.abort();
        // Cancelled is what it was asked to be.
        drop((&mut self.listening).await);
    }

    /// It comes back, from where it had read to.
    pub(crate) fn comes_online(&mut self) {
        let listener = self.listener.clone();
        self.listening = tokio::spawn(async move {
            let stream_url = listener.reconnect().await;
            listener.run(stream_url).await;
        });
    }

    /// A request about this page's conversation.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let address = format!("{}/v3/directline/conversations/{}", self.origin, self.conversation);
        self.http.request(method, format!("{address}{path}")).bearer_auth(&self.token)
    }

    /// Says something, and says it again until it is acknowledged. Gives back the activity's id.
    pub(crate) async fn post(&self, text: &str) -> String {
        let number = self.posts.fetch_add(1, Ordering::SeqCst);
        self.post_as(text, &format!("{}-post-{number}", self.conversation)).await
    }

    /// The same with a `clientActivityID` of the caller's choice.
    pub(crate) async fn post_as(&self, text: &str, id: &str) -> String {
        let activity = json!({
            "type": "message", "text": text, "from": {"id": self.user},
            "channelData": {"clientActivityID": id},
        });
        eventually("a post is acknowledged", || async {
            let request = self.request(Method::POST, "/activities").json(&activity);
            // Nobody answers, or the answer broke off: taken or not, nobody knows.
            let answer = request.send().await.ok()?;
            match answer.status() {
                StatusCode::OK => answer.json().await.ok().map(|body: Value| text_of(&body["id"])),
                StatusCode::SERVICE_UNAVAILABLE => None,
                // Faster than a conversation may call: a client sends it again.
                StatusCode::TOO_MANY_REQUESTS => {
                    let refused = answer.text().await.unwrap_or_default();
                    assert!(refused.contains("in a second"), "a post was refused: {refused}");
                    None
                }
                status => panic!("a post was refused: {status} {:?}", answer.text().await),
            }
        })
        .await
    }

    /// Everything in the log, read page by page from its start.
    pub(crate) async fn log(&self) -> Vec<Value> {
        let mut log = Vec::new();
        let mut watermark = String::new();
        loop {
            let path = format!("/activities?watermark={watermark}");
            let mut set = eventually("the log is read", async || {
                let answer = self.request(Method::GET, &path).send().await.unwrap();
                match answer.status() {
                    StatusCode::OK => Some(answer.json::<Value>().await.unwrap()),
                    // Whoever looks again and again gets there on a machine with much to do.
                    StatusCode::TOO_MANY_REQUESTS => None,
                    status => panic!("the log is refused: {status}"),
                }
            })
            .await;
            watermark = text_of(&set["watermark"]);
            match set["activities"].take() {
                Value::Array(activities) if !activities.is_empty() => log.extend(activities),
                _ => return log,
            }
        }
    }

    /// What the stream brought so far, as it came.
    pub(crate) fn arrived(&self) -> Vec<Value> {
        self.heard.borrow().activities.clone()
    }

    /// Waits until the stream has brought this.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&Heard) -> bool) {
        let mut heard = self.heard.clone();
        let held = timeout(WITHIN, heard.wait_for(|heard| holds(heard))).await;
        let held = held.is_ok_and(|listening| listening.is_ok());
        assert!(held, "in vain: {what}; shown: {:#?}", gists(&distinct(&self.arrived())));
    }

    /// The next things shown are exactly these, in this order. What ends in `…` only has to begin
    /// so.
    pub(crate) async fn shows(&mut self, expected: &[&str]) {
        let upto = self.shown + expected.len();
        let enough = |heard: &Heard| distinct(&heard.activities).len() >= upto;
        self.until(&format!("{expected:?}"), enough).await;
        let shown = gists(&distinct(&self.arrived()));
        let next = &shown[self.shown..upto];
        let fits = |(shown, expected): (&String, &&str)| match expected.strip_suffix('…') {
            Some(beginning) => shown.starts_with(beginning),
            None => shown == expected,
        };
        assert!(next.iter().zip(expected).all(fits), "expected {expected:#?}, shown {next:#?}");
        self.shown = upto;
    }

    /// The notices shown so far: their keys and their words.
    pub(crate) fn notices(&self) -> Vec<(String, String)> {
        let shown = distinct(&self.arrived());
        let key = |activity: &Value| {
            Some(activity["channelData"]["warmline"]["notice"]["key"].as_str()?.to_owned())
        };
        shown.iter().filter_map(|one| Some((key(one)?, text_of(&one["text"])))).collect()
    }

    /// How much of what was shown has been looked at.
    pub(crate) fn shown(&self) -> usize {
        self.shown
    }

    /// So many of the next were looked at.
    pub(crate) fn skip(&mut self, count: usize) {
        self.shown += count;
    }

    /// What was shown so far needs no further look.
    pub(crate) fn skip_what_was_shown(&mut self) {
        self.shown = distinct(&self.arrived()).len();
    }

    /// Nothing was shown but what was looked at, and what was shown is what is in the log.
    pub(crate) async fn shows_nothing_more(&self) {
        let log = self.log().await;
        assert_eq!(gists(&log)[self.shown..], Vec::<String>::new()[..], "nothing more");
        self.shows_its_log(&log).await;
    }

    /// The stream brought the whole log in its order, nothing else, and a repeat is the same to the
    /// letter.
    pub(crate) async fn shows_its_log(&self, log: &[Value]) {
        let all = |heard: &Heard| distinct(&heard.activities).len() >= log.len();
        self.until("the whole log arrives", all).await;
        let (arrived, log) = (self.arrived(), log.to_vec());
        let (arrived, log) =
            if self.signs_anew { (unsigned(arrived), unsigned(log)) } else { (arrived, log) };
        assert_eq!(distinct(&arrived), log, "the stream shows the log");
        for activity in arrived.iter().filter(|activity| activity["id"].is_string()) {
            let logged = log.iter().find(|logged| logged["id"] == activity["id"]);
            assert_eq!(Some(activity), logged, "a repeat is the same");
        }
        assert_eq!(distinct(&log).len(), log.len(), "every id in the log is there once");
    }
}

/// Where a page's gateway is, and whom to tell of secrets.
struct Place {
    origin: String,
    secrets: Arc<Mutex<Vec<String>>>,
}

impl Place {
    fn listen(
        self,
        http: reqwest::Client,
        user: &str,
        token: String,
        conversation: &str,
        given: &Value,
    ) -> Page {
        let stream_url = text_of(&given["streamUrl"]);
        let (hear, heard) = watch::channel(Heard::default());
        let listener = Listener {
            http: http.clone(),
            address: format!("{}/v3/directline/conversations/{conversation}", self.origin),
            token: token.clone(),
            hear,
            secrets: self.secrets,
        };
        Page {
            listening: tokio::spawn(listener.clone().run(stream_url.clone())),
            listener,
            conversation: conversation.to_owned(),
            token,
            stream_url,
            user: user.to_owned(),
            http,
            origin: self.origin,
            heard,
            posts: AtomicU64::new(0),
            shown: 0,
            signs_anew: false,
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Every activity that has an id, once, in the order of first arrival.
pub(crate) fn distinct(activities: &[Value]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let named = activities.iter().filter_map(|activity| Some((activity["id"].as_str()?, activity)));
    named.filter(|(id, _)| seen.insert(*id)).map(|(_, activity)| activity.clone()).collect()
}

/// The same without the signatures in addresses of files.
fn unsigned(activities: Vec<Value>) -> Vec<Value> {
    fn cut(value: &mut Value) {
        match value {
            Value::String(text) if text.contains("/files/") => {
                text.truncate(text.rfind('.').expect("a capability is signed"));
            }
            Value::Array(items) => items.iter_mut().for_each(cut),
            Value::Object(fields) => fields.values_mut().for_each(cut),
            _ => {}
        }
    }
    let mut activities = activities;
    activities.iter_mut().for_each(cut);
    activities
}

/// Activities in one line each: who, and what.
pub(crate) fn gists(activities: &[Value]) -> Vec<String> {
    activities.iter().map(gist).collect()
}

fn gist(activity: &Value) -> String {
    if let Some(key) = activity["channelData"]["warmline"]["notice"]["key"].as_str() {
        assert_eq!(activity["from"]["role"], "channel");
        return format!("notice {key}");
    }
    let who =
        if activity["from"]["role"] == "user" { "user" } else { &text_of(&activity["from"]["id"]) };
    format!("{who}: {}", text_of(&activity["text"]))
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
