//! A gateway of three tenants with something to lose, and how it stands.

use reqwest::{Method, RequestBuilder, StatusCode};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::{
    bot::program::{Bot, Manner},
    console::HASH,
    house::{CANARY, House, Setting, WEBHOOK_SECRET},
    openapi,
    page::{Page, eventually},
    process::{Environment, WITHIN},
    search::Search,
};

pub(super) const PASSWORD: &str = "open sesame for tests";
pub(super) const OTHER_WEBHOOK: &str = "other-webhook-secret-77ab01";
pub(super) const OTHER_SITE: &str = "other-direct-line-secret-3d41";
pub(super) const THIRD_SITE: &str = "third-direct-line-secret-9c02";
pub(super) const METRICS: &str = "metrics-token-for-abuse-4419";

/// One thing that somebody tries.
pub(super) struct Case {
    pub(super) what: String,
    pub(super) request: RequestBuilder,
    pub(super) status: u16,
    /// The machine code; empty where an answer has none (a method that HEAD hides, say).
    pub(super) code: &'static str,
}

pub(super) fn case(
    what: impl Into<String>,
    request: RequestBuilder,
    status: u16,
    code: &'static str,
) -> Case {
    Case { what: what.into(), request, status, code }
}

/// Somebody's conversation with a bot behind the gateway.
pub(super) struct Theirs {
    pub(super) conversation: String,
    pub(super) token: String,
    pub(super) ticket: String,
    /// How their bot knows it.
    pub(super) activity: Value,
    pub(super) bot: Bot,
}

pub(super) struct Fort {
    pub(super) house: House,
    /// Of the tenant `default`, in a live chat.
    pub(super) page: Page,
    /// Its live chat at the desk, and the id of its session.
    pub(super) session: String,
    /// A callback of its agent, as the instance sent one.
    pub(super) callback: Value,
    pub(super) other: Theirs,
    pub(super) third: Theirs,
    /// Cookies of who is signed in: everybody's admin, everybody's viewer, the operator and the admin
    /// of the tenant `other`.
    pub(super) admin: String,
    pub(super) viewer: String,
    pub(super) otto: String,
    pub(super) anna: String,
    _folder: tempfile::TempDir,
}

/// How things stand.
#[derive(Debug, PartialEq)]
pub(super) struct State {
    shown: Vec<Value>,
    others: Vec<usize>,
    desk: usize,
    bots: [usize; 2],
    sessions: Value,
    letters: Value,
}

fn configuration(other: &Bot, third: &Bot, [of_default, of_other]: [&str; 2]) -> String {
    let (other, third) = (other.endpoint(), third.endpoint());
    format!(
        r#"
[tenants.default.desks.default]
[tenants.default.bots.default]
{of_default}
[tenants.other.desks.it]
instance = "dev99999"
client_id = "other"
client_secret = "env:SHARED_CLIENT_SECRET"
grant_type = "client_credentials"
webhook_secret = "env:OTHER_WEBHOOK_SECRET"
[tenants.other.bots.help]
endpoint = "{other}"
direct_line_secret = "env:OTHER_DIRECT_LINE_SECRET"
{of_other}
[tenants.third.desks.it]
instance = "dev99998"
client_id = "third"
client_secret = "env:SHARED_CLIENT_SECRET"
grant_type = "client_credentials"
webhook_secret = "env:THIRD_WEBHOOK_SECRET"
[tenants.third.bots.help]
endpoint = "{third}"
direct_line_secret = "env:THIRD_DIRECT_LINE_SECRET"
[operators.vera]
password_hash = "env:OPERATOR_HASH"
[operators.otto]
password_hash = "env:OPERATOR_HASH"
role = "operator"
tenants = ["other"]
[operators.anna]
password_hash = "env:OPERATOR_HASH"
role = "admin"
tenants = ["other"]
"#
    )
}

impl Fort {
    pub(super) async fn start() -> Self {
        Self::start_with([""; 2], |_| {}).await
    }

    /// The same with more in its configuration: behind the settings of the tenant `default`'s bot, and
    /// behind those of the tenant `other`'s.
    pub(super) async fn start_with(more: [&str; 2], change: impl FnOnce(&mut Environment)) -> Self {
        let (other, third) = (Bot::start(Manner::Mute).await, Bot::start(Manner::Mute).await);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("warmline.toml");
        std::fs::write(&file, configuration(&other, &third, more)).unwrap();
        let mut house = House::start_with(Setting::default(), |environment| {
            for (name, value) in [
                ("WARMLINE_CONFIG", file.display().to_string().as_str()),
                ("SHARED_CLIENT_SECRET", "shared-client-secret-19fe"),
                ("OTHER_WEBHOOK_SECRET", OTHER_WEBHOOK),
                ("THIRD_WEBHOOK_SECRET", "third-webhook-secret-5e5e01"),
                ("OTHER_DIRECT_LINE_SECRET", OTHER_SITE),
                ("THIRD_DIRECT_LINE_SECRET", THIRD_SITE),
                ("WARMLINE_METRICS_TOKEN", METRICS),
                ("WARMLINE_CONSOLE_PASSWORD_HASH", HASH),
                ("OPERATOR_HASH", HASH),
                // As an operator sets it at three in the morning: the house reads all of it.
                ("RUST_LOG", "debug"),
            ] {
                environment.insert(name.to_owned(), value.to_owned());
            }
            change(environment);
        })
        .await;
        let (page, session, callback) = live_chat(&mut house).await;
        let other = theirs(&house, OTHER_SITE, other).await;
        let third = theirs(&house, THIRD_SITE, third).await;
        let [admin, viewer, otto, anna] =
            [None, Some("vera"), Some("otto"), Some("anna")].map(|name| sign_in(&house, name));
        let (admin, viewer, otto, anna) = (admin.await, viewer.await, otto.await, anna.await);
        Self {
            house,
            page,
            session,
            callback,
            other,
            third,
            admin,
            viewer,
            otto,
            anna,
            _folder: folder,
        }
    }

    pub(super) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.house.http.request(method, format!("{}{path}", self.house.origin()))
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.call(Method::GET, path)
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.call(Method::POST, path)
    }

    /// The page's own conversation, below Direct Line.
    pub(super) fn own(&self, rest: &str) -> String {
        format!("/v3/directline/conversations/{}{rest}", self.page.conversation)
    }

    pub(super) fn webhook(&self) -> RequestBuilder {
        self.post("/api/v1/snowBot/receiveMessage").bearer_auth(WEBHOOK_SECRET)
    }

    /// The callback with some members changed; `null` takes one out.
    pub(super) fn told(&self, changes: &Value) -> Value {
        let mut body = self.callback.clone();
        for (name, value) in changes.as_object().expect("changes are an object") {
            body[name] = value.clone();
            if value.is_null() {
                body.as_object_mut().expect("a callback is an object").remove(name);
            }
        }
        body
    }

    /// A request below `/console/api/` by whoever has this cookie.
    #[expect(clippy::needless_pass_by_value, reason = "a method is a word to its callers")]
    pub(super) fn console(&self, method: Method, path: &str, cookie: &str) -> RequestBuilder {
        let request = self.call(method.clone(), &format!("/console/api/{path}"));
        let request = request.header("cookie", cookie);
        if method == Method::GET { request } else { request.header("x-warmline-console", "1") }
    }

    /// The page's ticket for its stream.
    pub(super) fn ticket(&self) -> &str {
        self.page.stream_url.split_once("&t=").expect("the address holds a ticket").1
    }

    /// What a conversation of a bot behind is called from outside, for that bot.
    pub(super) fn service(theirs: &Theirs) -> String {
        theirs.activity["serviceUrl"].as_str().unwrap().trim_end_matches('/').to_owned()
    }

    pub(super) fn handle(theirs: &Theirs) -> String {
        theirs.activity["conversation"]["id"].as_str().unwrap().to_owned()
    }

    /// Waits until everything that was to be done outside is done, and nothing comes from there.
    pub(super) async fn settles(&self) {
        let path = self.house.data_dir().join("warmline.db");
        let outbox = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        eventually("the outbox is empty", || {
            let waiting = outbox.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0));
            let waiting: i64 = waiting.unwrap();
            async move { (waiting == 0).then_some(()) }
        })
        .await;
        let quiet = self.house.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await;
        assert!(quiet.is_ok(), "a callback is under way for ever");
    }

    /// How things stand, when what was begun is done: an effect that goes out later is seen, too.
    pub(super) async fn state(&self) -> State {
        self.settles().await;
        let mut others = Vec::new();
        for theirs in [&self.other, &self.third] {
            let path = format!("/v3/directline/conversations/{}/activities", theirs.conversation);
            let read = self.get(&path).bearer_auth(&theirs.token).send().await.unwrap();
            let read: Value = read.json().await.unwrap();
            others.push(read["activities"].as_array().unwrap().len());
        }
        // That a file did not go through is told to who sent it, and to nobody else.
        let mut shown = self.page.log().await;
        shown.retain(|one| one["channelData"]["warmline"]["notice"]["key"] != "file_not_taken");
        let overview = self.console(Method::GET, "overview", &self.admin).send().await.unwrap();
        let overview: Value = overview.json().await.unwrap();
        State {
            shown,
            others,
            desk: self.house.desk.ledger().len(),
            bots: [self.other.bot.got().len(), self.third.bot.got().len()],
            sessions: overview["sessions"].clone(),
            letters: overview["dead_letters"].clone(),
        }
    }

    /// Makes the request and checks its refusal: status, code, a sentence, and that it quotes neither
    /// secrets nor what was said.
    pub(super) async fn tries(&self, case: Case) -> Result<(), String> {
        let Case { what, request, status, code } = case;
        let (answer, method, path) = openapi::sent(request, &what).await;
        let (met, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let hidden = self.house.secrets().into_iter().chain([CANARY.to_owned()]);
        if let Some(found) = Search::of(hidden).found_in(&text) {
            return Err(format!("{found} is quoted: {text}"));
        }
        for told in ["panicked", "src/", ".rs:", "sqlite", "SQLITE", "/tmp/", "stack backtrace"] {
            if text.contains(told) {
                return Err(format!("{told:?} tells of the inside: {text}"));
            }
        }
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let told = body["error"]["code"].as_str().unwrap_or_default();
        if (met, told) != (status, code) {
            return Err(format!("{met} {told}, not {status} {code}: {text:.300}"));
        }
        if code.is_empty() {
            return Ok(());
        }
        if met == 401 && !headers.contains_key("www-authenticate") {
            return Err("a 401 says what it asks for".to_owned());
        }
        if body["error"]["message"].as_str().is_none_or(|words| words.len() < 15) {
            return Err(format!("no sentence: {text}"));
        }
        // What nobody serves has no place in a description.
        if matches!(code, "no_such_route" | "method_not_allowed" | "MethodNotAllowed" | "NotFound")
        {
            return Ok(());
        }
        openapi::undescribed(&method, &path, met, code).map_or(Ok(()), Err)
    }
}

async fn live_chat(house: &mut House) -> (Page, String, Value) {
    let mut page = house.page("dl_kim").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.desk.write(&chat, "hello kolibri").unwrap();
    house.hears(house.callbacks().accepted + 1).await;
    page.until("the agent's words", |heard| {
        heard.activities.iter().any(|activity| {
            activity["text"].as_str().is_some_and(|text| text.contains("hello kolibri"))
        })
    })
    .await;
    page.skip_what_was_shown();
    let callback = house.desk.delivered().pop().expect("the agent wrote").body;
    let request = callback["requestId"].as_str().unwrap();
    let session = request.rsplit_once('.').unwrap().0.to_owned();
    // Receipts go beside; that of the newest words is at the desk before anybody counts.
    let newest = callback["body"][0]["messageId"].as_str().expect("it has an id").to_owned();
    let told = |seen: &simulator::Snapshot<'_>| {
        let mut receipts = seen.ledger().iter();
        receipts.any(|sent| {
            sent.body["action"] == "UPDATE_MESSAGES" && sent.body.to_string().contains(&newest)
        })
    };
    house.desk.wait_until(told, WITHIN).await.expect("the agent sees that it was shown");
    (page, session, callback)
}

async fn theirs(house: &House, secret: &str, bot: Bot) -> Theirs {
    let start = house.http.post(format!("{}/v3/directline/conversations", house.origin()));
    let given = start.bearer_auth(secret).json(&json!({"user": {"id": "dl_lee"}})).send().await;
    let given = given.unwrap();
    assert_eq!(given.status(), StatusCode::CREATED);
    let given: Value = given.json().await.unwrap();
    let text = |name: &str| given[name].as_str().unwrap().to_owned();
    let ticket = text("streamUrl").split_once("&t=").unwrap().1.to_owned();
    house.hides(&text("token"));
    house.hides(&ticket);
    let activity = bot.gets("it is greeted", |got| got["type"] == "conversationUpdate").await;
    // The address that only the bot knows is what it proves itself with.
    house.hides(activity["serviceUrl"].as_str().unwrap().rsplit('/').next().unwrap());
    Theirs { conversation: text("conversationId"), token: text("token"), ticket, activity, bot }
}

pub(super) async fn sign_in(house: &House, name: Option<&str>) -> String {
    house.hides(PASSWORD);
    let mut body = json!({"password": PASSWORD});
    if let Some(name) = name {
        body["name"] = name.into();
    }
    let login = house.http.post(format!("{}/console/api/login", house.origin()));
    let answer = login.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{name:?}");
    let set = answer.headers().get_all("set-cookie").iter();
    let pairs = set.map(|set| set.to_str().unwrap().split(';').next().unwrap().to_owned());
    let pairs: Vec<_> = pairs.collect();
    for pair in &pairs {
        house.hides(pair.split_once('=').expect("a cookie has a value").1);
    }
    pairs.join("; ")
}
