//! Direct Line, from outside: what a web page needs before it can show a chat.
//!
//! A token is generated, and a stream is opened with it on trial: a frame there, a frame back. No
//! conversation is begun, so a bot that is away gets no order that could become a dead letter.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt, StreamExt};
use gateway::{BotSetup, MessageEncryption};
use http::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::{
    client_async,
    tungstenite::{self, client::IntoClientRequest},
};
use url::Url;
use vault::MessageKey;

use super::{
    finding::{Finding, Subject},
    report::Report,
    stand_in::Tag,
    webhook::{Reading, address, read},
    wire,
};
use crate::config::Called;

/// For the upgrade, and for the first frame after it.
const STREAM_WITHIN: Duration = Duration::from_secs(5);

/// What is said of the stream.
const STREAM: &str = "direct_line.stream";

/// What asks for a stream that reads nothing and begins nothing.
const TRIAL: &str = "trial";

/// Who the conversation of a check would be with.
const USER: &str = r#"{"user":{"id":"dl_warmline_check"}}"#;

/// Looks at one bot's Direct Line.
pub(super) async fn check(
    (bot, called): (&BotSetup, Called<'_>),
    public: &Url,
    tag: Option<&Tag>,
    now_s: i64,
    report: &mut Report,
) {
    let way = Way { public, called, tag, now_s };
    let subject = Subject::of_bot(bot);
    let Some(secret) = &bot.direct_line_secret else {
        let closed = Finding::skip("direct_line.token", "closed", "Direct Line is closed");
        let fix =
            format!("set {} to open it for web pages", called.setting("bot.direct_line_secret"));
        return report.say(closed.fix(fix).about(&subject));
    };
    report.looks_at("Direct Line");
    let stream = match way.generate(secret).await {
        Ok(token) => {
            let words = "a token can be generated through the public URL";
            report.say(Finding::ok("direct_line.token", "granted", words).about(&subject));
            match way.reading(bot, token).await {
                Ok(url) => way.open(&url).await,
                Err(finding) => *finding,
            }
        }
        Err(finding) => {
            report.say(finding.about(&subject));
            Finding::skip(STREAM, "no_token", "there is no token to open it with")
        }
    };
    report.say(stream.about(&subject));
}

/// A token and the conversation it is for.
struct Token {
    conversation: String,
    token: SecretString,
}

/// How Direct Line is come to, and what its settings are called.
#[derive(Clone, Copy)]
struct Way<'a> {
    public: &'a Url,
    called: Called<'a>,
    tag: Option<&'a Tag>,
    now_s: i64,
}

/// A request of Direct Line.
struct Asked<'a> {
    method: Method,
    path: &'a str,
    body: &'a str,
}

impl Way<'_> {
    async fn generate(self, secret: &SecretString) -> Result<Token, Box<Finding>> {
        const CHECK: &str = "direct_line.token";
        let path = "/v3/directline/tokens/generate";
        let asked = Asked { method: Method::POST, path, body: USER };
        self.token_in(CHECK, &self.ask(CHECK, asked, secret).await?)
    }

    fn token_in(self, check: &'static str, said: &Value) -> Result<Token, Box<Finding>> {
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        let finding = || Finding::fail(check, "no_token", "what answers gives no token");
        text("conversationId").zip(text("token")).map_or_else(
            || Err(Box::new(finding().fix(self.fix()))),
            |(conversation, token)| Ok(Token { conversation, token: token.into() }),
        )
    }

    /// The stream of a token's conversation; for a bot that speaks sealed only, with a key to seal to.
    async fn reading(self, bot: &BotSetup, token: Token) -> Result<Url, Box<Finding>> {
        if bot.pages.message_encryption != MessageEncryption::Required {
            return self.stream_url(&token).await;
        }
        let path = format!("/v3/directline/conversations/{}/reader", token.conversation);
        // Nothing that comes is opened, so nobody keeps the private half.
        let key = URL_SAFE_NO_PAD.encode(MessageKey::fresh().public());
        let body = serde_json::json!({"suite": {"kem": 32, "kdf": 1, "aead": 2}, "publicKey": key});
        let asked = Asked { method: Method::POST, path: &path, body: &body.to_string() };
        let said = self.ask(STREAM, asked, &token.token).await?;
        self.stream_url(&self.token_in(STREAM, &said)?).await
    }

    async fn stream_url(self, token: &Token) -> Result<Url, Box<Finding>> {
        let path = format!("/v3/directline/conversations/{}", token.conversation);
        let asked = Asked { method: Method::GET, path: &path, body: USER };
        let said = self.ask(STREAM, asked, &token.token).await?;
        let named = said["streamUrl"].as_str().and_then(|url| Url::parse(url).ok());
        let none = || Finding::fail(STREAM, "no_stream", "what answers names no stream");
        let mut url = named.ok_or_else(|| Box::new(none().fix(self.fix())))?;
        url.query_pairs_mut().append_pair(TRIAL, "true");
        if let Some(tag) = self.tag {
            tag.put_on(&mut url);
        }
        Ok(url)
    }

    /// What to look at when somebody else answers.
    fn fix(self) -> String {
        format!(
            "let the proxy pass /v3/directline to Warmline unchanged, header Authorization included, and \
             start the gateway with the {} that is set here",
            self.called.setting("bot.direct_line_secret")
        )
    }

    /// Makes a request and gives back what Warmline says to it.
    async fn ask(
        self,
        check: &'static str,
        asked: Asked<'_>,
        secret: &SecretString,
    ) -> Result<Value, Box<Finding>> {
        let url = address(self.public, asked.path, self.tag).ok_or_else(|| {
            let words = format!("{} makes no address", self.called.setting("public_url"));
            Box::new(Finding::fail(check, "no_address", words))
        })?;
        let mut request = http::Request::builder().method(asked.method);
        if let Ok(mut value) =
            http::HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
        {
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = wire::request(&url, request, asked.body, self.now_s).await;
        let answer = answer.map_err(|trouble| {
            let finding = Finding::fail(check, trouble.code(), trouble.to_string());
            Box::new(finding.fix(trouble.fix_of_public_url(self.called, |public_url| {
                format!("let {public_url} lead to Warmline from wherever browsers are")
            })))
        })?;
        if answer.status.is_success()
            && let Ok(said) = serde_json::from_slice(&answer.body)
        {
            return Ok(said);
        }
        let (code, words) = other(&read(&answer));
        Err(Box::new(Finding::fail(check, code, words).fix(self.fix())))
    }

    /// Opens the stream, and sends a frame that is to be answered with one.
    async fn open(self, url: &Url) -> Finding {
        const CHECK: &str = STREAM;
        let Self { public, called, now_s, .. } = self;
        let fix = "set the proxy to pass WebSockets: HTTP/1.1 to Warmline with the headers Upgrade and \
                   Connection, no buffering, no time-out below 30 s";
        if url.host_str() != public.host_str()
            || url.port_or_known_default() != public.port_or_known_default()
        {
            let way = called.setting("public_url");
            let words = format!("the gateway that answers gives pages another address than {way}");
            return Finding::fail(CHECK, "another_address", words)
                .fix(format!("start the gateway with the {way} that is set here"));
        }
        // The same connection as for everything else; only the name of the scheme differs.
        let mut plain = public.clone();
        plain.set_path("/");
        let connection = match wire::connect(&plain, now_s).await {
            Ok(connection) => connection,
            Err(trouble) => {
                return Finding::fail(CHECK, trouble.code(), trouble.to_string()).fix(fix);
            }
        };
        let upgrading = async {
            let request = url.as_str().into_client_request()?;
            client_async(request, connection.into_stream()).await
        };
        let mut socket = match timeout(STREAM_WITHIN, upgrading).await {
            Err(_) => {
                let words = "the upgrade to a WebSocket was not answered in time";
                return Finding::fail(CHECK, "no_answer", words).fix(fix);
            }
            Ok(Err(tungstenite::Error::Http(refused))) => {
                let words = format!("the upgrade to a WebSocket is answered {}", refused.status());
                return Finding::fail(CHECK, "no_upgrade", words).fix(fix);
            }
            Ok(Err(error)) => {
                // What failed in words of the protocol; the address holds a ticket and stays out.
                let words = format!("the upgrade to a WebSocket broke: {error}");
                return Finding::fail(CHECK, "no_upgrade", words).fix(fix);
            }
            Ok(Ok((socket, _))) => socket,
        };
        let exchange = async {
            socket.send(tungstenite::Message::Text("".into())).await.ok()?;
            socket.next().await
        };
        match timeout(STREAM_WITHIN, exchange).await {
            Ok(Some(Ok(tungstenite::Message::Text(_)))) => {
                drop(timeout(STREAM_WITHIN, socket.close(None)).await);
                let words = "a WebSocket passes, in both directions; no conversation was begun";
                Finding::ok(CHECK, "open", words)
            }
            Ok(Some(Ok(_) | Err(_)) | None) => {
                let words = "the WebSocket was closed before anything came through";
                Finding::fail(CHECK, "closed", words).fix(fix)
            }
            Err(_) => {
                let words = "the WebSocket opened, and nothing came through it in time";
                Finding::fail(CHECK, "silent", words).fix(fix)
            }
        }
    }
}

/// What answers where Warmline should have said yes.
fn other(reading: &Reading) -> (&'static str, String) {
    match reading {
        Reading::Ours { status, code } => ("refused", format!("Warmline refuses: {status} {code}")),
        Reading::NoSecretSeen => ("secret_stripped", "Warmline sees no secret".to_owned()),
        Reading::Redirect { to } => ("redirected", format!("callers are sent on to {to}")),
        Reading::NobodyBehind { status } => {
            ("nobody_behind", format!("a proxy answers {status}: it does not reach Warmline"))
        }
        Reading::Page { status } => ("a_page", format!("a page for people answers ({status})")),
        Reading::Foreign { status } => {
            ("another_service", format!("something answers {status} that is not Warmline"))
        }
    }
}
