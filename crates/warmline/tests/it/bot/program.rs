//! A bot as a team would write one, as far as a test needs it: it takes activities, keeps them, and
//! answers by calls to the service they name.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::process::{WITHIN, free_port};

/// What the bot does besides keeping what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers by calls, before it has answered the activity itself.
    Calls,
    /// Answers with its answer (`expectReplies`).
    WithAnswer,
    /// Takes everything and says nothing.
    Mute,
}

pub(crate) struct Bot {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    serving: Option<JoinHandle<()>>,
}

struct Shared {
    got: watch::Sender<Vec<Value>>,
    manner: Mutex<Manner>,
    /// What every activity is answered with, beside the manner.
    status: AtomicU16,
    /// A page in place of an answer.
    page: Mutex<Option<&'static str>>,
    /// Activities are held until somebody lets them go.
    held: Mutex<Option<Arc<Notify>>>,
    http: reqwest::Client,
}

impl Bot {
    pub(crate) async fn start(manner: Manner) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(WITHIN).build().unwrap();
        let shared = Arc::new(Shared {
            got: watch::Sender::default(),
            manner: Mutex::new(manner),
            status: AtomicU16::new(200),
            page: Mutex::default(),
            held: Mutex::default(),
            http,
        });
        // A run beside this one may take a port in the moment after it was free.
        let listener = loop {
            let port = free_port().await;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                break listener;
            }
        };
        let port = listener.local_addr().unwrap().port();
        let mut bot = Self { port, shared, serving: None };
        bot.serves(listener);
        bot
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/api/messages", self.port)
    }

    /// Nobody listens any more.
    pub(crate) async fn goes_down(&mut self) {
        let serving = self.serving.take().expect("it is up");
        serving.abort();
        // Cancelled is what it was asked to be.
        drop(serving.await);
    }

    pub(crate) async fn comes_up(&mut self) {
        self.serves(TcpListener::bind(("127.0.0.1", self.port)).await.unwrap());
    }

    fn serves(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let routes = Router::new().route("/api/messages", post(messages)).with_state(shared);
        self.serving = Some(tokio::spawn(async move {
            axum::serve(listener, routes).await.unwrap();
        }));
    }

    /// From now on every activity is answered with this status, and with nothing else.
    pub(crate) fn answers(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// From now on every activity is answered with this page, as a web site does.
    pub(crate) fn shows_a_page(&self, page: Option<&'static str>) {
        *self.shared.page.lock().unwrap() = page;
    }

    /// From now on activities are held; gives back what lets them go.
    pub(crate) fn holds(&self) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        *self.shared.held.lock().unwrap() = Some(Arc::clone(&go));
        go
    }

    pub(crate) fn holds_no_more(&self) {
        *self.shared.held.lock().unwrap() = None;
    }

    /// Everything it got.
    pub(crate) fn got(&self) -> Vec<Value> {
        self.shared.got.borrow().clone()
    }

    /// Waits until it got something like this, and gives the first that is.
    pub(crate) async fn gets(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut got = self.shared.got.subscribe();
        let found = |got: &Vec<Value>| got.iter().any(&holds);
        let found = timeout(WITHIN, got.wait_for(found)).await;
        let Ok(all) = found else { panic!("in vain: {what}; the bot got {:#?}", self.gists()) };
        let all = all.unwrap().clone();
        all.into_iter().find(|activity| holds(activity)).expect("it was found")
    }

    /// Waits for words of the user's.
    pub(crate) async fn hears(&self, text: &str) -> Value {
        self.gets(text, |activity| activity["text"] == text).await
    }

    /// Waits for what became of a live chat.
    pub(crate) async fn is_told(&self, state: &str) -> Value {
        let holds = |activity: &Value| {
            activity["name"] == "handoff.status" && activity["value"]["state"] == state
        };
        self.gets(state, holds).await
    }

    /// What it got, in one line each.
    pub(crate) fn gists(&self) -> Vec<String> {
        let gist = |activity: &Value| match activity["name"].as_str() {
            Some(name) => format!("{name} {}", activity["value"]["state"].as_str().unwrap_or("")),
            None => match activity["text"].as_str() {
                Some(text) => text.to_owned(),
                None => activity["type"].as_str().unwrap_or_default().to_owned(),
            },
        };
        self.got().iter().map(gist).collect()
    }

    /// Calls the service about the conversation of this activity.
    pub(crate) async fn calls(
        &self,
        activity: &Value,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        self.shared.calls(activity, method, path, body).await
    }

    /// Says something of itself.
    pub(crate) async fn says(&self, activity: &Value, text: &str) -> String {
        let message = json!({"type": "message", "text": text});
        let (status, answer) =
            self.calls(activity, Method::POST, "/activities", Some(&message)).await;
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a person.
    pub(crate) async fn hands_over(&self, activity: &Value, value: Value) -> (u16, Value) {
        let event = json!({"type": "event", "name": "handoff.initiate", "value": value});
        self.calls(activity, Method::POST, "/activities", Some(&event)).await
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

impl Shared {
    async fn calls(
        &self,
        activity: &Value,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let base = activity["serviceUrl"].as_str().unwrap();
        let conversation = activity["conversation"]["id"].as_str().unwrap();
        let address = format!("{base}/v3/conversations/{conversation}{path}");
        let mut request = self.http.request(method, address);
        if let Some(body) = body {
            request = request.json(body);
        }
        // Nobody is there, where the gateway is killed now and then.
        let Ok(answer) = request.send().await else { return (0, Value::Null) };
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// What it answers; nothing to what it does not answer.
    fn reply(activity: &Value) -> Option<Value> {
        let text = match activity["type"].as_str()? {
            "conversationUpdate" => "welcome".to_owned(),
            "message" => format!("echo {}", activity["text"].as_str().unwrap_or("nothing")),
            _ => return None,
        };
        Some(json!({"type": "message", "text": text, "replyToId": activity["id"]}))
    }
}

async fn messages(State(shared): State<Arc<Shared>>, body: String) -> Response {
    let page = *shared.page.lock().unwrap();
    match page {
        Some(page) => ([(header::CONTENT_TYPE, "text/html")], page).into_response(),
        None => turn(shared, body).await.into_response(),
    }
}

async fn turn(shared: Arc<Shared>, body: String) -> (StatusCode, String) {
    let Ok(activity) = serde_json::from_str::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, String::new());
    };
    shared.got.send_modify(|got| got.push(activity.clone()));
    let held = shared.held.lock().unwrap().clone();
    if let Some(go) = held {
        // A bot that takes long; nobody waits for it longer than a test lasts.
        drop(timeout(Duration::from_mins(1), go.notified()).await);
    }
    let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
    if status != StatusCode::OK {
        return (status, String::new());
    }
    let manner = *shared.manner.lock().unwrap();
    let reply = Shared::reply(&activity);
    match (manner, reply) {
        (Manner::Calls, Some(reply)) => {
            // `replyToId` is in the path, as the SDKs do it.
            let path = format!("/activities/{}", activity["id"].as_str().unwrap());
            let (status, answer) = shared.calls(&activity, Method::POST, &path, Some(&reply)).await;
            assert!(matches!(status, 200 | 0), "{answer}");
            (StatusCode::OK, String::new())
        }
        (Manner::WithAnswer, reply) => {
            assert_eq!(activity["deliveryMode"], "expectReplies");
            let activities: Vec<_> = reply.into_iter().collect();
            (StatusCode::OK, json!({ "activities": activities }).to_string())
        }
        (Manner::Calls | Manner::Mute, _) => (StatusCode::OK, String::new()),
    }
}
