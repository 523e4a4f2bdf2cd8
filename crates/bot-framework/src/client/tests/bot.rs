//! A small bot, or a small channel, and a login on this machine: they say what they are told to say,
//! and remember what they were asked.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::{BotClient, BotConfig, Credential, Registration};

pub(crate) const LOGIN_PATH: &str = "/tenant/oauth2/v2.0/token";

/// One answer.
#[derive(Clone, Default)]
pub(crate) struct Says {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// An empty content type is none.
pub(crate) fn says(status: u16, content_type: &str, body: &str) -> Says {
    let headers = Some(("content-type", content_type.to_owned()));
    let headers = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Says { status, headers, body: body.to_owned() }
}

/// One call, as it arrived.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// With the question mark; empty when there is none.
    pub(crate) query: String,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A header's value, empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct Behaviour {
    calls: Vec<Call>,
    /// What the bot answers.
    answer: Option<Says>,
    /// What it answers below a path instead.
    answer_below: Option<(&'static str, Says)>,
    /// What the login answers.
    login_answer: Option<Says>,
    lifetime_s: Option<u64>,
    granted: usize,
    /// The bot takes no token before this one.
    first_good: usize,
    posts_held: Option<watch::Receiver<bool>>,
    logins_held: Option<watch::Receiver<bool>>,
    called: watch::Sender<usize>,
}

type Shared = Arc<Mutex<Behaviour>>;

pub(crate) struct Bot {
    behaviour: Shared,
    origin: String,
    server: JoinHandle<()>,
}

impl Bot {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let behaviour = Shared::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&behaviour));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { behaviour, origin, server }
    }

    /// Takes the listener away; nothing answers there any more.
    pub(crate) async fn stop(self) {
        self.server.abort();
        assert!(self.server.await.is_err());
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn config(&self) -> BotConfig {
        let registration = Registration {
            app_id: "gateway".to_owned(),
            secret: "s3cret &=+ä".into(),
            login: format!("{}/tenant", self.origin).parse().unwrap(),
        };
        let endpoint = format!("{}/api/messages", self.origin).parse().unwrap();
        let bot_app_id = "bot-app".to_owned();
        BotConfig { endpoint, credential: Credential::Skill { registration, bot_app_id } }
    }

    pub(crate) fn client(&self) -> BotClient {
        BotClient::new(self.config()).unwrap()
    }

    pub(crate) fn anonymous(&self) -> BotClient {
        let credential = Credential::Anonymous;
        BotClient::new(BotConfig { credential, ..self.config() }).unwrap()
    }

    pub(crate) fn answers(&self, answer: Says) {
        self.change(|behaviour| behaviour.answer = Some(answer));
    }

    /// Answers otherwise below a path.
    pub(crate) fn answers_below(&self, path: &'static str, answer: Says) {
        self.change(|behaviour| behaviour.answer_below = Some((path, answer)));
    }

    pub(crate) fn login_answers(&self, answer: Says) {
        self.change(|behaviour| behaviour.login_answer = Some(answer));
    }

    pub(crate) fn login_is_well(&self) {
        self.change(|behaviour| behaviour.login_answer = None);
    }

    pub(crate) fn grants_for(&self, seconds: u64) {
        self.change(|behaviour| behaviour.lifetime_s = Some(seconds));
    }

    /// The bot refuses all tokens that were granted up to now.
    pub(crate) fn revokes(&self) {
        self.change(|behaviour| behaviour.first_good = behaviour.granted + 1);
    }

    /// Answers posts only after something was sent.
    pub(crate) fn holds_posts(&self) -> watch::Sender<bool> {
        let (release, held) = watch::channel(false);
        self.change(|behaviour| behaviour.posts_held = Some(held));
        release
    }

    /// The same for the login.
    pub(crate) fn holds_logins(&self) -> watch::Sender<bool> {
        let (release, held) = watch::channel(false);
        self.change(|behaviour| behaviour.logins_held = Some(held));
        release
    }

    pub(crate) fn logins(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.path == LOGIN_PATH).collect()
    }

    pub(crate) fn posts(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.path != LOGIN_PATH).collect()
    }

    /// Waits for so many posts.
    pub(crate) async fn posts_reach(&self, count: usize) {
        let mut called = self.change(|behaviour| behaviour.called.subscribe());
        called.wait_for(|_| self.posts().len() >= count).await.unwrap();
    }

    /// Waits for so many calls of the login.
    pub(crate) async fn logins_reach(&self, count: usize) {
        let mut called = self.change(|behaviour| behaviour.called.subscribe());
        called.wait_for(|_| self.logins().len() >= count).await.unwrap();
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
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let change = || behaviour.lock().unwrap_or_else(PoisonError::into_inner);
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let (method, path) = (method.to_string(), uri.path().to_owned());
    let call = Call { method, path, query, headers, body: body.to_vec() };
    let is_login = call.path == LOGIN_PATH;
    let (held, called) = {
        let mut behaviour = change();
        behaviour.calls.push(call.clone());
        let held = if is_login { &behaviour.logins_held } else { &behaviour.posts_held };
        (held.clone(), behaviour.called.clone())
    };
    called.send_modify(|calls| *calls += 1);
    if let Some(mut held) = held {
        // Whoever held it may be gone.
        let _ = held.wait_for(|released| *released).await;
    }
    let says = if is_login { grant(&mut change()) } else { message(&change(), &call) };
    let response = Response::builder().status(says.status);
    let response =
        says.headers.iter().fold(response, |response, (name, value)| response.header(*name, value));
    response.body(Body::from(says.body)).unwrap()
}

fn grant(behaviour: &mut Behaviour) -> Says {
    if let Some(answer) = &behaviour.login_answer {
        return answer.clone();
    }
    behaviour.granted += 1;
    let (token, lifetime) = (behaviour.granted, behaviour.lifetime_s.unwrap_or(3599));
    let body = format!(
        r#"{{"token_type":"Bearer","expires_in":{lifetime},"ext_expires_in":{lifetime},"access_token":"token-{token}"}}"#
    );
    says(200, "application/json", &body)
}

fn message(behaviour: &Behaviour, call: &Call) -> Says {
    let presented = call.header("authorization").strip_prefix("Bearer token-");
    let presented = presented.and_then(|number| number.parse().ok()).unwrap_or(usize::MAX);
    if presented < behaviour.first_good {
        return says(401, "application/json", "{}");
    }
    if let Some((path, answer)) = &behaviour.answer_below
        && call.path.starts_with(path)
    {
        return answer.clone();
    }
    behaviour.answer.clone().unwrap_or_else(|| says(200, "", ""))
}
