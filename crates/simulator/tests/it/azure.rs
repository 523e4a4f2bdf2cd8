//! The stand-in for Azure, over HTTP, as bots and verifiers meet it.

mod connector;
mod files;
mod login;
mod orders;
mod people;
mod program;

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use simulator::azure::{
    APP_ID, APP_SECRET, Azure, AzureConfig, BOT_FRAMEWORK, Chat, Person, TENANT,
};
use tokio::{net::TcpListener, sync::watch};

/// A stand-in, a client, and a bot's token.
struct Rig {
    azure: Azure,
    http: reqwest::Client,
    token: String,
}

impl Rig {
    async fn start() -> Self {
        Self::of(AzureConfig::default()).await
    }

    async fn of(config: AzureConfig) -> Self {
        let azure = Azure::start(config).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = azure.sign(&azure.app_token(APP_ID, BOT_FRAMEWORK));
        Self { azure, http, token }
    }

    fn kim(&self) -> Chat {
        self.azure.personal_chat(APP_ID, &kim())
    }

    /// A call with the bot's token.
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let address = format!("{}v3/conversations{path}", self.azure.service_url());
        self.http.request(method, address).bearer_auth(&self.token)
    }

    /// Sends something into a chat; the status, the answer and `Retry-After`.
    async fn send(&self, chat: &str, activity: &Value) -> (u16, Value, Option<String>) {
        let chat = encoded(chat);
        let request = self.call(Method::POST, &format!("/{chat}/activities")).json(activity);
        let answer = request.send().await.unwrap();
        let after = answer.headers().get("retry-after").map(|one| one.to_str().unwrap().to_owned());
        (answer.status().as_u16(), answer.json().await.unwrap_or_default(), after)
    }

    /// A status and an answer.
    async fn ask(&self, request: RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Asks the login for a token.
    async fn grant(&self, tenant: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        self.ask(self.http.post(self.azure.token_endpoint(tenant)).form(fields)).await
    }
}

/// What a bot that is right asks with.
const FIELDS: [(&str, &str); 4] = [
    ("grant_type", "client_credentials"),
    ("client_id", APP_ID),
    ("client_secret", APP_SECRET),
    ("scope", "https://api.botframework.com/.default"),
];

fn kim() -> Person {
    Person::new("Kim Example", "kim@example.org")
}

fn encoded(id: &str) -> String {
    id.replace(':', "%3A").replace('@', "%40").replace(';', "%3B").replace('=', "%3D")
}

fn words(text: &str) -> Value {
    json!({"type": "message", "text": text})
}

/// What a bot's endpoint got: headers and body.
type Got = Vec<(HeaderMap, Value)>;

/// An endpoint that takes everything.
async fn endpoint() -> (String, watch::Receiver<Got>) {
    async fn take(
        State(got): State<watch::Sender<Got>>,
        headers: HeaderMap,
        body: Bytes,
    ) -> &'static str {
        let body = serde_json::from_slice(&body).unwrap();
        got.send_modify(|got| got.push((headers, body)));
        "taken"
    }
    let (sender, receiver) = watch::channel(Got::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/messages", listener.local_addr().unwrap());
    let routes = Router::new().route("/api/messages", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, receiver)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The usual tenant, for those who look for it.
const USUAL: &str = TENANT;
