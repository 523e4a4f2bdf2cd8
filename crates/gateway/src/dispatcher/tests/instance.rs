//! An instance that takes everything, unless it was told to answer something else first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use servicenow::{ClientConfig, Credentials, client::instance_url};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
};

#[derive(Default)]
struct Seen {
    answers: Mutex<VecDeque<(u16, Option<&'static str>, String)>>,
    requests: Mutex<Vec<Value>>,
    traces: Mutex<Vec<String>>,
    came: Notify,
    /// Done when the next request comes, before it is answered.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Answers of the table of messages, and what was asked; the last answer stays.
    table: Mutex<VecDeque<(u16, String)>>,
    queries: Mutex<Vec<String>>,
    queried: Notify,
    /// Given the word, the next query of the table is answered.
    held: Mutex<Option<oneshot::Receiver<()>>>,
}

pub(super) struct Instance {
    seen: Arc<Seen>,
    address: String,
}

impl Instance {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { seen, address }
    }

    pub(super) fn config(&self) -> ClientConfig {
        let credentials = Credentials {
            client_id: "client".to_owned(),
            client_secret: "s".into(),
            username: "u".to_owned(),
            password: "p".into(),
        };
        ClientConfig::new(instance_url(&self.address).unwrap(), credentials).unwrap()
    }

    /// Answers a later request like this, once; in the order told.
    pub(super) fn answers(&self, status: u16, body: &str) {
        self.answers_after(status, None, body);
    }

    /// The same with a `Retry-After`.
    pub(super) fn answers_after(&self, status: u16, retry: Option<&'static str>, body: &str) {
        self.seen.answers.lock().unwrap().push_back((status, retry, body.to_owned()));
    }

    /// Something happens while the next request is answered.
    pub(super) fn meanwhile(&self, happens: impl FnOnce() + Send + 'static) {
        *self.seen.meanwhile.lock().unwrap() = Some(Box::new(happens));
    }

    pub(super) fn fails(&self, times: usize) {
        for _ in 0..times {
            self.answers(500, "{}");
        }
    }

    /// Answers 500 to everything from now on, or takes everything again.
    pub(super) fn is_down(&self, down: bool) {
        let mut answers = self.seen.answers.lock().unwrap();
        answers.clear();
        // More than any test asks for.
        answers.extend((0..if down { 100_000 } else { 0 }).map(|_| (500, None, "{}".to_owned())));
    }

    pub(super) fn requests(&self) -> Vec<Value> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The `traceparent` of those that had one.
    pub(super) fn traces(&self) -> Vec<String> {
        self.seen.traces.lock().unwrap().clone()
    }

    /// The texts of the requests, or what else they ask for.
    pub(super) fn texts(&self) -> Vec<String> {
        let text = |request: &Value| match request["action"].as_str() {
            Some(action) => action.to_owned(),
            None => request["message"]["text"].as_str().unwrap().to_owned(),
        };
        self.requests().iter().map(text).collect()
    }

    pub(super) fn forget(&self) {
        self.seen.requests.lock().unwrap().clear();
    }

    /// The table of messages answers like this: first the first, from then on the last.
    pub(super) fn table_answers(&self, answers: &[(u16, Value)]) {
        let answers = answers.iter().map(|(status, body)| (*status, body.to_string()));
        *self.seen.table.lock().unwrap() = answers.collect();
    }

    /// What the table of messages was asked.
    pub(super) fn queries(&self) -> Vec<String> {
        self.seen.queries.lock().unwrap().clone()
    }

    /// The next query of the table is answered when the word is given.
    pub(super) fn holds_table(&self) -> oneshot::Sender<()> {
        let (word, given) = oneshot::channel();
        *self.seen.held.lock().unwrap() = Some(given);
        word
    }

    /// Waits for a query of the table.
    pub(super) async fn queried(&self) {
        self.seen.queried.notified().await;
    }

    /// Waits for a request.
    pub(super) async fn called(&self) {
        self.seen.came.notified().await;
    }
}

async fn answer(
    State(seen): State<Arc<Seen>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    if uri.path() == "/oauth_token.do" {
        let token = r#"{"access_token":"a","token_type":"Bearer","expires_in":1799}"#;
        return (json, token).into_response();
    }
    if uri.path() == "/api/now/table/sys_cs_message" {
        seen.queries.lock().unwrap().push(uri.query().unwrap().to_owned());
        seen.queried.notify_one();
        let held = seen.held.lock().unwrap().take();
        if let Some(held) = held {
            held.await.unwrap();
        }
        let mut table = seen.table.lock().unwrap();
        let (status, body) = match table.len() {
            0 => (200, r#"{"result":[]}"#.to_owned()),
            1 => table[0].clone(),
            _ => table.pop_front().unwrap(),
        };
        return (StatusCode::from_u16(status).unwrap(), json, body).into_response();
    }
    let trace = headers.get("traceparent").map(|text| text.to_str().unwrap().to_owned());
    seen.traces.lock().unwrap().extend(trace);
    seen.requests.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    seen.came.notify_one();
    if let Some(happens) = seen.meanwhile.lock().unwrap().take() {
        happens();
    }
    let told = seen.answers.lock().unwrap().pop_front();
    let (status, retry, body) = told.unwrap_or((200, None, r#"{"status":"success"}"#.to_owned()));
    let mut response = (StatusCode::from_u16(status).unwrap(), json, body).into_response();
    if let Some(retry) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, retry.parse().unwrap());
    }
    response
}
