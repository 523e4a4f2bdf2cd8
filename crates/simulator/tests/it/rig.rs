//! A running simulator, a raw client for it, and a receiver for its callbacks.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use simulator::{ChatView, Config, Desk, Dialect, Running, Simulator, Snapshot, Webhook};
use tokio::{net::TcpListener, sync::Barrier};

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a receiver behaves before it answers.
pub(crate) enum Manner {
    Prompt,
    /// Answers only when this many callbacks are being received at the same time.
    Together(Barrier),
    /// Gives others a chance to run, so that overlapping callbacks would be seen.
    Lingering,
    /// Never answers.
    Hanging,
}

pub(crate) struct Receiver {
    pub(crate) bodies: Mutex<Vec<Value>>,
    pub(crate) authorizations: Mutex<Vec<String>>,
    pub(crate) content_types: Mutex<Vec<String>>,
    pub(crate) status: AtomicU16,
    pub(crate) in_flight_most: AtomicUsize,
    in_flight: AtomicUsize,
    manner: Manner,
}

pub(crate) struct Rig {
    pub(crate) running: Running,
    pub(crate) desk: Desk,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) http: reqwest::Client,
    pub(crate) origin: String,
    pub(crate) token: String,
}

pub(crate) async fn rig(config: Config) -> Rig {
    rig_with(config, Manner::Prompt).await
}

pub(crate) async fn speaking(dialect: Dialect) -> Rig {
    rig(Config { dialect, ..Config::default() }).await
}

pub(crate) async fn rig_with(config: Config, manner: Manner) -> Rig {
    let receiver = Arc::new(Receiver {
        bodies: Mutex::default(),
        authorizations: Mutex::default(),
        content_types: Mutex::default(),
        status: AtomicU16::new(200),
        in_flight_most: AtomicUsize::new(0),
        in_flight: AtomicUsize::new(0),
        manner,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(take)).with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Simulator::start(config, listener);
    let desk = running.handle();
    desk.set_webhook(Webhook { url, authorization: "Bearer hook-secret".into() });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let origin = format!("http://{}", running.address);
    let mut rig = Rig { running, desk, receiver, http, origin, token: String::new() };
    let granted: Value = rig.ask_token(&password_form()).await.json().await.unwrap();
    granted["access_token"].as_str().unwrap().clone_into(&mut rig.token);
    rig
}

async fn take(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap();
    let now = receiver.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    receiver.in_flight_most.fetch_max(now, Ordering::SeqCst);
    receiver.bodies.lock().unwrap().push(body);
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    receiver.authorizations.lock().unwrap().push(text("authorization"));
    receiver.content_types.lock().unwrap().push(text("content-type"));
    match &receiver.manner {
        Manner::Prompt => {}
        Manner::Together(barrier) => {
            barrier.wait().await;
        }
        Manner::Lingering => {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        Manner::Hanging => std::future::pending().await,
    }
    receiver.in_flight.fetch_sub(1, Ordering::SeqCst);
    StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).unwrap()
}

pub(crate) fn password_form() -> Vec<(&'static str, &'static str)> {
    vec![
        ("grant_type", "password"),
        ("client_id", "simulator-client"),
        ("client_secret", "simulator-client-secret"),
        ("username", "simulator.user"),
        ("password", "simulator-password"),
    ]
}

pub(crate) fn agent() -> Value {
    json!({
        "requestId": "r-1", "action": "AGENT", "clientSessionId": "s-1", "userId": "u-1",
        "emailId": "kim@example.org",
        "message": {"text": "Live Agent Support.", "typed": true, "clientMessageId": "m-1"},
        "clientVariables": {"tenantId": "t", "botId": "b", "conversationId": "c"},
    })
}

pub(crate) fn says(request: &str, text: &str) -> Value {
    json!({
        "requestId": request, "clientSessionId": "s-1", "userId": "u-1",
        "message": {"text": text, "typed": true, "clientMessageId": format!("m-{request}")},
    })
}

pub(crate) fn does(request: &str, action: &str) -> Value {
    json!({
        "requestId": request, "action": action, "clientSessionId": "s-1", "userId": "u-1",
        "message": {"text": "", "typed": true},
    })
}

impl Rig {
    pub(crate) async fn ask_token(&self, form: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("{}/oauth_token.do", self.origin);
        self.http.post(url).form(form).send().await.unwrap()
    }

    pub(crate) fn post(&self) -> reqwest::RequestBuilder {
        let url = format!("{}/api/sn_va_as_service/bot/integration", self.origin);
        self.http.post(url)
    }

    /// Sends a request that must be answered with success.
    pub(crate) async fn send(&self, body: &Value) {
        let answer = self.post().bearer_auth(&self.token).json(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{body}");
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({"status": "success"}));
    }

    /// Sends a request, waits until the worker and all callbacks are done, and sums these up.
    pub(crate) async fn play(&self, body: &Value, callbacks: usize) -> Vec<String> {
        self.send(body).await;
        self.take(callbacks).await
    }

    /// Waits for this many callbacks and sums them up, forgetting them.
    pub(crate) async fn take(&self, callbacks: usize) -> Vec<String> {
        self.take_bodies(callbacks).await.iter().map(gist).collect()
    }

    /// Sends a request as it is and gives its answer.
    pub(crate) async fn try_send(&self, body: &Value) -> reqwest::Result<reqwest::Response> {
        self.post().bearer_auth(&self.token).json(body).send().await
    }

    pub(crate) async fn take_bodies(&self, callbacks: usize) -> Vec<Value> {
        let receiver = self.receiver.clone();
        self.until(|seen| {
            let worked = seen.ledger().iter().all(|entry| entry.fate != simulator::Fate::Pending);
            let arrived = receiver.bodies.lock().unwrap().len();
            worked && arrived >= callbacks
        })
        .await;
        std::mem::take(&mut *self.receiver.bodies.lock().unwrap())
    }

    pub(crate) async fn until(&self, holds: impl FnMut(&Snapshot<'_>) -> bool) {
        self.desk.wait_until(holds, PATIENCE).await.expect("it should have come true by now");
    }

    pub(crate) fn chat(&self) -> ChatView {
        self.desk.chats().pop().expect("there is a chat")
    }

    /// A chat that an agent has just accepted, its callbacks forgotten.
    pub(crate) async fn connect(&self, queued: usize, accepted: usize) -> String {
        self.play(&agent(), queued).await;
        let chat = self.chat().id;
        self.desk.accept(&chat).unwrap();
        self.take(accepted).await;
        chat
    }
}

/// A callback in one line: its items, then its flags.
pub(crate) fn gist(body: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let items = body["body"].as_array().expect("body is an array").iter().map(|item| {
        let name = text(&item["actionType"]).or(text(&item["uiType"])).unwrap();
        let spinner = text(&item["spinnerType"]).map(|kind| format!("({kind})"));
        let words = text(&item["value"]).or(text(&item["message"])).filter(|_| spinner.is_none());
        let words = words.map(|words| format!("[{words}]"));
        format!("{name}{}{}", spinner.unwrap_or_default(), words.unwrap_or_default())
    });
    let items = items.collect::<Vec<_>>().join(",");
    let flags = ["agentChat", "completed", "takeControl"].into_iter().filter(|flag| {
        assert_ne!(body[*flag], false, "flags are left out when they are false");
        body[*flag] == true
    });
    let status = text(&body["status"]).map(|status| format!(" {status}"));
    let flags = flags.map(|flag| format!(" {flag}")).collect::<Vec<_>>().concat();
    format!("{items}{}{flags}", status.unwrap_or_default())
}
