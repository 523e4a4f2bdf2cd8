//! A small instance on this machine: says what it is told to say and remembers what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::{ANSWERED_OK, Client, ClientConfig, Credentials};
use crate::token;

/// One answer.
#[derive(Clone)]
pub(in crate::client) struct Says {
    pub(in crate::client) status: u16,
    pub(in crate::client) headers: Vec<(&'static str, String)>,
    pub(in crate::client) body: String,
}

pub(in crate::client) fn credentials() -> Credentials {
    Credentials {
        client_id: "client".to_owned(),
        client_secret: "s".into(),
        username: "u".to_owned(),
        password: "p".into(),
    }
}

pub(in crate::client) fn says(status: u16, content_type: &str, body: &str) -> Says {
    let headers = vec![("content-type", content_type.to_owned())];
    Says { status, headers, body: body.to_owned() }
}

/// One call, as it arrived.
#[derive(Clone)]
pub(in crate::client) struct Call {
    pub(in crate::client) path: String,
    pub(in crate::client) query: String,
    headers: HeaderMap,
    pub(in crate::client) body: Vec<u8>,
}

impl Call {
    /// A header's value, empty when it is absent.
    pub(in crate::client) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A field of the form that was sent, empty when it is absent.
    pub(in crate::client) fn field(&self, name: &str) -> String {
        let mut fields = form_urlencoded::parse(&self.body).into_owned();
        fields.find(|(field, _)| field == name).map(|(_, value)| value).unwrap_or_default()
    }
}

#[derive(Default)]
struct Behaviour {
    calls: Vec<Call>,
    tokens_granted: usize,
    token_lifetime_s: Option<u64>,
    token_answer: Option<Says>,
    refresh_answer: Option<Says>,
    password_answer: Option<Says>,
    refresh_token: Option<&'static str>,
    /// The only token that opens the API; anything does when it is not strict.
    current: Option<String>,
    strict: bool,
    grants_held: Option<watch::Receiver<bool>>,
    answer: Option<Says>,
    refuses_once: bool,
    sets_cookies: bool,
    hangs: Option<&'static str>,
}

type Shared = Arc<Mutex<Behaviour>>;

pub(in crate::client) struct Instance {
    behaviour: Shared,
    url: Url,
    server: JoinHandle<()>,
}

impl Instance {
    pub(in crate::client) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let behaviour = Shared::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&behaviour));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { behaviour, url, server }
    }

    /// Takes the listener away; nothing answers there any more.
    pub(in crate::client) async fn stop(self) {
        self.server.abort();
        assert!(self.server.await.is_err());
    }

    pub(in crate::client) fn url(&self) -> &Url {
        &self.url
    }

    pub(in crate::client) fn config(&self, credentials: Credentials) -> ClientConfig {
        ClientConfig::new(self.url.clone(), credentials).unwrap()
    }

    pub(in crate::client) fn client(&self) -> Client {
        self.client_with(credentials())
    }

    pub(in crate::client) fn client_with(&self, credentials: Credentials) -> Client {
        Client::new(self.config(credentials)).unwrap()
    }

    pub(in crate::client) fn answers(&self, status: u16, json: &str) {
        self.answers_with(says(status, "application/json", json));
    }

    pub(in crate::client) fn answers_with(&self, answer: Says) {
        self.change(|behaviour| behaviour.answer = Some(answer));
    }

    pub(in crate::client) fn answers_token_calls(&self, answer: Says) {
        self.change(|behaviour| behaviour.token_answer = Some(answer));
    }

    pub(in crate::client) fn grants_tokens_for(&self, seconds: u64) {
        self.change(|behaviour| {
            behaviour.token_lifetime_s = Some(seconds);
            behaviour.token_answer = None;
        });
    }

    pub(in crate::client) fn refuses_token_once(&self) {
        self.change(|behaviour| behaviour.refuses_once = true);
    }

    /// The answer to every refresh.
    pub(in crate::client) fn answers_refreshes(&self, answer: Says) {
        self.change(|behaviour| behaviour.refresh_answer = Some(answer));
    }

    /// The answer to every call with the password.
    pub(in crate::client) fn answers_passwords(&self, answer: Says) {
        self.change(|behaviour| behaviour.password_answer = Some(answer));
    }

    /// The refresh token in every answer from now on; `None` leaves it out.
    pub(in crate::client) fn gives_refresh_token(&self, token: Option<&'static str>) {
        self.change(|behaviour| behaviour.refresh_token = token);
    }

    /// From now on one token is good at a time: a refresh makes another and revokes the last, the
    /// other grants answer the one that is good (reference 7.1).
    pub(in crate::client) fn has_one_token_at_a_time(&self) {
        self.change(|behaviour| behaviour.strict = true);
    }

    /// Revokes the token, as an administrator can.
    pub(in crate::client) fn revokes_token(&self) {
        self.change(|behaviour| behaviour.current = None);
    }

    /// Answers token calls only after something was sent.
    pub(in crate::client) fn holds_grants(&self) -> watch::Sender<bool> {
        let (release, held) = watch::channel(false);
        self.change(|behaviour| behaviour.grants_held = Some(held));
        release
    }

    pub(in crate::client) fn sets_cookies(&self) {
        self.change(|behaviour| behaviour.sets_cookies = true);
    }

    pub(in crate::client) fn never_answers(&self) {
        self.change(|behaviour| behaviour.hangs = Some(super::PATH));
    }

    pub(in crate::client) fn never_grants(&self) {
        self.change(|behaviour| behaviour.hangs = Some(token::PATH));
    }

    pub(in crate::client) fn token_calls(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.path == token::PATH).collect()
    }

    pub(in crate::client) fn api_calls(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.path != token::PATH).collect()
    }

    fn calls(&self) -> Vec<Call> {
        self.change(|behaviour| behaviour.calls.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Behaviour) -> T) -> T {
        change(&mut self.behaviour.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(
    State(behaviour): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let change = || behaviour.lock().unwrap_or_else(PoisonError::into_inner);
    let path = uri.path().to_owned();
    let query = uri.query().unwrap_or_default().to_owned();
    let call = Call { path: path.clone(), query, headers, body: body.to_vec() };
    let (hangs, held) = {
        let mut behaviour = change();
        behaviour.calls.push(call.clone());
        let held = behaviour.grants_held.clone().filter(|_| path == token::PATH);
        (behaviour.hangs == Some(path.as_str()), held)
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    if let Some(mut held) = held {
        held.wait_for(|released| *released).await.unwrap();
    }
    let (mut says, cookies) = {
        let mut behaviour = change();
        let says = if path == token::PATH {
            grant(&mut behaviour, &call)
        } else {
            api(&mut behaviour, &call)
        };
        (says, behaviour.sets_cookies)
    };
    if cookies {
        says.headers.push(("set-cookie", "JSESSIONID=abc; Path=/".to_owned()));
    }
    let response = Response::builder().status(says.status);
    let response =
        says.headers.iter().fold(response, |response, (name, value)| response.header(*name, value));
    response.body(Body::from(says.body)).unwrap()
}

fn grant(behaviour: &mut Behaviour, call: &Call) -> Says {
    let refreshes = call.field("grant_type") == "refresh_token";
    let special = if refreshes { &behaviour.refresh_answer } else { &behaviour.password_answer };
    if let Some(answer) = special.as_ref().or(behaviour.token_answer.as_ref()) {
        return answer.clone();
    }
    let kept = behaviour.current.clone().filter(|_| behaviour.strict && !refreshes);
    let token = kept.unwrap_or_else(|| {
        behaviour.tokens_granted += 1;
        format!("token-{}", behaviour.tokens_granted)
    });
    behaviour.current = Some(token.clone());
    let lifetime = behaviour.token_lifetime_s.unwrap_or(1799);
    let refresh_token = behaviour.refresh_token;
    let refresh_token =
        refresh_token.map(|token| format!(r#""refresh_token":"{token}","#)).unwrap_or_default();
    let body = format!(
        r#"{{"scope":"useraccount","token_type":"Bearer","expires_in":{lifetime},{refresh_token}"access_token":"{token}"}}"#
    );
    says(200, "application/json", &body)
}

fn api(behaviour: &mut Behaviour, call: &Call) -> Says {
    let presented = call.header("authorization").strip_prefix("Bearer ");
    let stranger = behaviour.strict && presented != behaviour.current.as_deref();
    if std::mem::take(&mut behaviour.refuses_once) || stranger {
        return says(401, "application/json", r#"{"status":"failure"}"#);
    }
    behaviour.answer.clone().unwrap_or_else(|| says(200, "application/json", ANSWERED_OK))
}
