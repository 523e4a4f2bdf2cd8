//! The operator's console over HTTP: who gets in, what they see, what their orders do.

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use simulator::{Fault, Times};
use tokio::time::timeout;

use crate::{
    desk,
    house::{CANARY, House, Setting},
    moved_clock::MovedClock,
    page::eventually,
    process::{WITHIN, command},
};

const PASSWORD: &str = "open sesame for tests";

/// Of that password, with the smallest parameters there are.
pub(crate) const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$YSBzYWx0IG9mIGEgdGVzdA$WKYXEMtXRHX4/34QKHCu15BlvipuWeIHUwwvCGrhm9M";

/// A browser's view of the console.
pub(crate) struct Console {
    http: reqwest::Client,
    origin: String,
    cookie: Option<String>,
}

async fn open_house() -> House {
    House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONSOLE_PASSWORD_HASH".to_owned(), HASH.to_owned());
    })
    .await
}

fn outside(house: &House) -> Console {
    with(house, None)
}

fn with(house: &House, cookie: Option<&str>) -> Console {
    let (http, cookie) = (house.http.clone(), cookie.map(ToOwned::to_owned));
    Console { http, origin: house.origin(), cookie }
}

/// Somebody who is signed in.
pub(crate) async fn inside(house: &House) -> Console {
    let answer = outside(house).tries(PASSWORD).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    with(house, Some(&cookies(&answer)))
}

/// What a browser would send back.
fn cookies(answer: &Response) -> String {
    let set = answer.headers().get_all(header::SET_COOKIE).iter();
    let pairs = set.map(|set| set.to_str().unwrap().split(';').next().unwrap().to_owned());
    pairs.collect::<Vec<_>>().join("; ")
}

impl Console {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.origin));
        match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        }
    }

    fn tries(&self, password: &str) -> RequestBuilder {
        self.request(Method::POST, "/console/api/login").json(&json!({ "password": password }))
    }

    fn orders(&self, path: &str) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("/console/api/{path}"));
        request.header("x-warmline-console", "1")
    }

    /// An order about a person's data.
    pub(crate) async fn asks_for(&self, order: &str, tenant: &str, user: &str) -> Response {
        let whose = json!({ "tenant": tenant, "user": user });
        self.orders(&format!("persons/{order}")).json(&whose).send().await.unwrap()
    }

    /// The same where the gateway may be killed meanwhile; whether it was done.
    pub(crate) async fn tries_to_erase(&self, user: &str) -> bool {
        let whose = json!({ "tenant": "default", "user": user });
        let answer = self.orders("persons/erase").json(&whose).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    pub(crate) async fn reads(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, &format!("/console/api/{path}")).send().await;
        let (status, text) = parts(answer.unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        assert!(!text.contains(CANARY), "words are shown: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The only open session, once it is as the condition wants it.
    pub(crate) async fn session(&self, holds: impl Fn(&Value) -> bool) -> Value {
        eventually("the session", || async {
            let list = self.reads("sessions").await;
            let sessions = list["sessions"].as_array().unwrap();
            sessions.first().filter(|session| holds(session)).cloned()
        })
        .await
    }
}

async fn parts(answer: Response) -> (StatusCode, String) {
    (answer.status(), answer.text().await.unwrap())
}

/// The status, and the machine code of what was refused.
async fn refused(request: RequestBuilder) -> (u16, String) {
    let (status, text) = parts(request.send().await.unwrap()).await;
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.len() > 20, "a sentence: {body}");
    (status.as_u16(), body["error"]["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_console_without_a_password_is_closed_and_says_how_to_open_it() {
    let house = House::start(Setting::default()).await;
    let nobody = outside(&house);
    for path in ["/console", "/console/api/overview", "/console/api/feed", "/console/assets/a.js"] {
        let closed = (404, "console_closed".to_owned());
        assert_eq!(refused(nobody.request(Method::GET, path)).await, closed, "{path}");
    }
    let (status, code) = refused(nobody.tries(PASSWORD)).await;
    assert_eq!((status, code.as_str()), (404, "console_closed"));
    assert!(house.logged().contains("the console is closed"));
}

#[tokio::test]
async fn only_the_password_opens_and_every_failure_looks_the_same() {
    let house = open_house().await;
    let nobody = outside(&house);
    let mut failures = Vec::new();
    for wrong in ["", "open sesame", "open sesame for tests ", "x"] {
        let answer = nobody.tries(wrong).send().await.unwrap();
        no_dialog(&answer);
        let (status, text) = parts(answer).await;
        failures.push((status.as_u16(), text));
    }
    assert!(failures.iter().all(|failure| *failure == failures[0]), "{failures:?}");
    assert_eq!(failures[0].0, 401);
    for (path, _) in READS {
        let out = (401, "signed_out".to_owned());
        assert_eq!(refused(nobody.request(Method::GET, path)).await, out, "{path}");
    }
    no_dialog(&nobody.request(Method::GET, READS[0].0).send().await.unwrap());
    let somebody = with(&house, Some("warmline_console=f00"));
    assert_eq!(refused(somebody.orders("sessions/ses_1/end")).await.0, 401);

    let answer = nobody.tries(PASSWORD).send().await.unwrap();
    for set in answer.headers().get_all(header::SET_COOKIE) {
        let set = set.to_str().unwrap();
        assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Strict"), "{set}");
    }
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"));
    let us = with(&house, Some(&cookies(&answer)));
    for (path, member) in READS {
        let shown = us.reads(path.strip_prefix("/console/api/").unwrap()).await;
        assert!(!shown[member].is_null(), "{path}: {shown}");
    }
    assert_eq!(us.orders("logout").send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(refused(us.request(Method::GET, READS[0].0)).await.1, "signed_out");
    let logged = house.logged();
    assert_eq!(logged.matches("a sign-in to the console failed").count(), 4);
    assert!(logged.contains("\"sign_in\"") && logged.contains("\"sign_out\""), "{logged}");
}

/// A 401 names a scheme, and none that a browser asks people about.
fn no_dialog(answer: &Response) {
    let asked = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(asked.starts_with("Cookie "), "{asked}");
}

/// What can be read, and a member that each answer has.
const READS: [(&str, &str); 5] = [
    ("/console/api/overview", "sessions"),
    ("/console/api/sessions", "sessions"),
    ("/console/api/dead-letters", "letters"),
    ("/console/api/destinations", "destinations"),
    ("/console/api/series", "requests"),
];

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_and_nothing_is_done() {
    let house = open_house().await;
    let us = inside(&house).await;
    let end = || us.request(Method::POST, "/console/api/sessions/ses_1/end");
    let ours = || us.orders("sessions/ses_1/end");
    let login = || us.request(Method::POST, "/console/api/login");
    let get = |path: &str| us.request(Method::GET, &format!("/console/api/{path}"));
    let order = |path: &str| us.orders(path);
    let json = "application/json";
    for (request, status, code) in [
        (end(), 403, "no_order_header"),
        (ours().header("origin", "https://evil.example"), 403, "wrong_origin"),
        (ours().header("sec-fetch-site", "cross-site"), 403, "wrong_origin"),
        (us.tries(PASSWORD).header("origin", "null"), 403, "wrong_origin"),
        (ours(), 404, "no_such_session"),
        (order("sessions/%00/end"), 404, "no_such_session"),
        (order("sessions/%ff/end"), 404, "no_such_session"),
        (get("sessions/%ff"), 404, "no_such_session"),
        (order("dead-letters/%ff/drop"), 404, "no_such_letter"),
        (order("dead-letters/%ff/resend"), 404, "no_such_letter"),
        (us.request(Method::GET, "/console/assets/%ff.js"), 404, "no_such_route"),
        (get("sessions/ses_1"), 404, "no_such_session"),
        (get("sessions/ses_1?after=x"), 400, "bad_query"),
        (get("sessions?limit=0"), 400, "bad_query"),
        (get("sessions?limit=100000"), 400, "bad_query"),
        (get("sessions?limit=-1"), 400, "bad_query"),
        (get("sessions?status=lost"), 400, "bad_query"),
        (get("sessions?nonsense=1"), 400, "bad_query"),
        (get("dead-letters?limit=1000"), 400, "bad_query"),
        (get("series?since=yesterday"), 400, "bad_query"),
        (order("dead-letters/7/resend"), 404, "no_such_letter"),
        (order("dead-letters/seven/drop"), 404, "no_such_letter"),
        (order("nothing"), 404, "no_such_route"),
        (order("overview"), 405, "method_not_allowed"),
        (get("login"), 405, "method_not_allowed"),
        (get("sessions/ses_1/end"), 405, "method_not_allowed"),
        (login().body("{}"), 415, "not_json"),
        (login().header("content-type", json).body("{"), 400, "bad_request"),
        (login().header("content-type", json).body("{\"password\":7}"), 400, "bad_request"),
        (login().header("content-type", json).body("x".repeat(5_000)), 413, "too_large"),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(refused(request).await, (status, code.to_owned()), "{shown}");
    }
}

#[tokio::test]
async fn whatever_is_below_the_console_is_answered_as_by_it() {
    for house in [open_house().await, House::start(Setting::default()).await] {
        let open = house.environment.contains_key("WARMLINE_CONSOLE_PASSWORD_HASH");
        let nobody = outside(&house);
        for path in
            ["/console/api", "/console/api/", "/console/assets/", "/console//", "/console/x"]
        {
            let answer = nobody.request(Method::GET, path).send().await.unwrap();
            for header in [header::CONTENT_SECURITY_POLICY, header::X_FRAME_OPTIONS] {
                assert!(answer.headers().contains_key(&header), "{path} without {header}");
            }
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{path}");
            let code = if open { "no_such_route" } else { "console_closed" };
            let (status, text) = parts(answer).await;
            assert!(status == StatusCode::NOT_FOUND && text.contains(code), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn what_a_page_asks_by_itself_does_not_fill_the_log() {
    let house = open_house().await;
    let us = inside(&house).await;
    for (path, _) in READS {
        us.reads(path.strip_prefix("/console/api/").unwrap()).await;
    }
    assert_eq!(refused(outside(&house).request(Method::GET, READS[0].0)).await.0, 401);
    let logged = house.logged();
    let lines: Vec<_> = logged.lines().filter(|line| line.contains("/console/api/")).collect();
    assert!(lines.iter().any(|line| line.contains("/console/api/login")), "an order is a line");
    let gets: Vec<_> = lines.iter().filter(|line| line.contains("GET")).collect();
    assert!(gets.len() == 1 && gets[0].contains("401"), "{gets:#?}");
}

#[tokio::test]
async fn a_flood_of_sign_ins_is_slowed_down_and_does_not_lock_the_operator_out() {
    let house = open_house().await;
    let us = inside(&house).await;
    let marked = us.cookie.clone().unwrap();
    let mark = marked.split("; ").find(|pair| pair.starts_with("warmline_browser")).unwrap();
    let stranger = outside(&house);
    let (mut wrong, mut slowed) = (0, 0);
    for _ in 0..30 {
        let answer = stranger.tries("guess").send().await.unwrap();
        let wait = answer.headers().get(header::RETRY_AFTER).cloned();
        match answer.status().as_u16() {
            401 => wrong += 1,
            429 => {
                slowed += 1;
                assert!(wait.unwrap().to_str().unwrap().parse::<u32>().unwrap() >= 1);
            }
            other => panic!("{other}"),
        }
    }
    assert!(wrong >= 5 && slowed >= 1, "{wrong} looked at, {slowed} not");
    us.reads("overview").await;
    let browser = with(&house, Some(mark));
    let back = browser.tries(PASSWORD).send().await.unwrap();
    assert_eq!(back.status(), StatusCode::OK, "a browser that was here before gets in");
    let last = if mark.ends_with('0') { '1' } else { '0' };
    let forged = with(&house, Some(&format!("{}{last}", &mark[..mark.len() - 1])));
    // Until the measure of strangers is used up again: it refills while a password is looked at.
    let mut tries = 0;
    while stranger.tries("guess").send().await.unwrap().status() != StatusCode::TOO_MANY_REQUESTS {
        tries += 1;
        assert!(tries < 100, "strangers are never slowed down");
    }
    let other = with(&house, Some("warmline_browser=00"));
    for nobody in [forged, other] {
        let status = nobody.tries("guess").send().await.unwrap().status();
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "strangers have used their measure up");
    }
    assert!(house.logged().contains("too_many_attempts"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_session_that_nobody_uses_is_over_after_half_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = None;
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONSOLE_PASSWORD_HASH".to_owned(), HASH.to_owned());
        clock = Some(MovedClock::of(environment, folder.path(), 0));
    })
    .await;
    let (clock, us) = (clock.unwrap(), inside(&house).await);
    let minutes = |minutes: i64| clock.set(minutes * 60_000);
    minutes(29);
    us.reads("overview").await;
    minutes(58);
    let background = us.request(Method::GET, READS[0].0).header("x-warmline-background", "1");
    assert_eq!(background.send().await.unwrap().status(), StatusCode::OK);
    minutes(60);
    assert_eq!(refused(us.request(Method::GET, READS[0].0)).await, (401, "signed_out".to_owned()));
}

#[tokio::test]
async fn a_live_chat_is_seen_from_the_request_to_its_end_and_no_word_of_it() {
    let mut house = open_house().await;
    let mut page = house.page("dl_kim_of_sales").await;
    page.post("my pay is wrong kolibri").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim_of_sales").await;
    house.hears(house.callbacks().queued).await;
    let us = inside(&house).await;
    let waiting = us.session(|session| session["live"]["phase"] == "queued").await;
    assert_eq!((&waiting["status"], &waiting["desk"]), (&"waiting".into(), &"default".into()));
    assert!(waiting["live"]["waited_ms"].as_i64().unwrap() >= 0);
    assert_eq!(waiting["user"], "dl_kim…", "an id is cut short");
    assert_eq!(us.reads("overview").await["sessions"]["waiting"], 1);
    assert_eq!(us.reads("sessions?status=active").await["sessions"], json!([]));

    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    house.desk.write(&chat, "good morning kolibri").unwrap();
    house.hears(1).await;
    page.post("hello kolibri").await;
    let active = us.session(|session| session["status"] == "active").await;
    assert!(active["live"]["agent"].is_string(), "{active}");
    let id = active["id"].as_str().unwrap().to_owned();
    let timeline = eventually("an attempt", || async {
        let timeline = us.reads(&format!("sessions/{id}")).await;
        let said = |passage: &Value| passage["name"] == "say" && passage["outcome"] == "done";
        timeline["passages"].as_array().unwrap().iter().any(said).then_some(timeline)
    })
    .await;
    let entries = timeline["entries"].as_array().unwrap();
    let of = |member: &str| -> Vec<String> {
        let values = entries.iter().filter_map(|entry| entry[member].as_str());
        values.map(ToOwned::to_owned).collect()
    };
    assert!(
        of("author").contains(&"agent".to_owned()) && of("author").contains(&"user".to_owned())
    );
    assert_eq!(of("status"), ["waiting", "connected"], "{timeline}");
    let numbers: Vec<_> = entries.iter().map(|entry| entry["number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] > 1, "bot talk before it is no part of it");

    // Of several who end it at the same moment one has ended it.
    let orders = (0..8).map(|_| us.orders(&format!("sessions/{id}/end")).send());
    let mut ended = Vec::new();
    for answer in futures_util::future::join_all(orders).await {
        match parts(answer.unwrap()).await {
            (StatusCode::OK, text) => ended.push(text),
            (status, text) => {
                assert!(status == StatusCode::CONFLICT && text.contains("session_over"), "{text}");
            }
        }
    }
    assert_eq!(ended.len(), 1, "{ended:?}");
    let ended: Value = serde_json::from_str(&ended[0]).unwrap();
    assert_eq!(ended["session"]["reason"], "operator_ended");
    desk::until_ended(&house.desk, &chat).await;
    page.until("the user is told", |heard| {
        heard.activities.iter().any(|activity| {
            activity["text"].as_str().is_some_and(|text| text.contains("ended by the operator"))
        })
    })
    .await;
    page.skip_what_was_shown();
    assert_eq!(us.reads("sessions").await["sessions"], json!([]));
    let again = refused(us.orders(&format!("sessions/{id}/end"))).await;
    assert_eq!(again, (409, "session_over".to_owned()));
    let over = us.reads(&format!("sessions/{id}")).await;
    assert_eq!(over["session"]["status"], "completed");
    let last = over["entries"].as_array().unwrap().iter().rfind(|entry| entry["notice"] == "ended");
    assert_eq!(last.unwrap()["detail"], "operator");
    page.post("and now kolibri").await;
    let logged = house.logged();
    assert!(logged.contains("\"end_session\"") && logged.contains(&id), "{logged}");
}

#[tokio::test]
async fn a_dead_letter_is_seen_sent_again_and_dropped() {
    let mut house = open_house().await;
    let page = house.page("dl_kim_of_sales").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim_of_sales").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    house.desk.inject(Fault::Forbidden, Times::Once);
    page.post("end chat").await;
    let us = inside(&house).await;
    let letter = eventually("a dead letter", || async {
        us.reads("dead-letters").await["letters"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!((&letter["effect"], &letter["reason"]), (&"end".into(), &"forbidden".into()));
    eventually("it is counted", || async {
        (us.reads("overview").await["dead_letters"]["count"] == 1).then_some(())
    })
    .await;
    let id = letter["id"].as_i64().unwrap();
    let resent = us.orders(&format!("dead-letters/{id}/resend")).send().await.unwrap();
    assert_eq!(resent.status(), StatusCode::OK);
    desk::until_ended(&house.desk, &chat).await;
    let gone = refused(us.orders(&format!("dead-letters/{id}/drop"))).await;
    assert_eq!(gone, (404, "no_such_letter".to_owned()));

    house.desk.inject(Fault::Forbidden, Times::Once);
    page.post("agent").await;
    let ask = eventually("another", || async {
        us.reads("dead-letters").await["letters"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!(ask["unsendable"]["code"], "session_over");
    let id = ask["id"].as_i64().unwrap();
    let late = refused(us.orders(&format!("dead-letters/{id}/resend"))).await;
    assert_eq!(late, (409, "session_over".to_owned()));
    let dropped = us.orders(&format!("dead-letters/{id}/drop")).send().await.unwrap();
    assert_eq!(dropped.status(), StatusCode::OK);
    assert_eq!(us.reads("dead-letters").await["letters"], json!([]));
    let logged = house.logged();
    assert!(logged.contains("\"resend_letter\"") && logged.contains("\"drop_letter\""));
    house.provokes("no dead letter");
}

#[tokio::test]
async fn what_passes_is_heard_counted_and_shown_by_destination() {
    let house = open_house().await;
    let us = inside(&house).await;
    let mut feed = us.request(Method::GET, "/console/api/feed").send().await.unwrap();
    assert_eq!(feed.headers()[header::CONTENT_TYPE], "text/event-stream");
    let page = house.page("dl_kim_of_sales").await;
    page.post("agent").await;
    house.offered("dl_kim_of_sales").await;
    let mut heard = String::new();
    let whole = timeout(WITHIN, async {
        while !heard.contains("\"kind\":\"effect\",\"name\":\"ask\"") {
            let chunk = feed.chunk().await.unwrap().expect("it goes on");
            heard.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    });
    whole.await.unwrap_or_else(|_| panic!("in vain: {heard}"));
    assert!(heard.contains("event: passage\n"), "{heard}");
    assert!(!heard.contains(CANARY));
    let mut late = us.request(Method::GET, "/console/api/feed?after=0").send().await.unwrap();
    let first = timeout(WITHIN, late.chunk()).await.expect("what passed before comes at once");
    let first = first.unwrap().expect("it goes on");
    assert!(std::str::from_utf8(&first).unwrap().contains("\"seq\":1,"), "{first:?}");
    let bad = us.request(Method::GET, "/console/api/feed?since=0").send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    eventually("it is counted", || async {
        let series = us.reads("series").await;
        let sum = |name: &str| -> u64 {
            series[name].as_array().unwrap().iter().filter_map(Value::as_u64).sum()
        };
        (sum("requests") > 0 && sum("deliveries") > 0).then_some(())
    })
    .await;
    let one = us.reads("destinations").await["destinations"][0].clone();
    assert_eq!((&one["kind"], &one["name"]), (&"desk".into(), &"default".into()));
    assert_eq!(one["breaker"], "closed");
    assert!(one["attempts"].as_u64().unwrap() >= 1 && one["p99_ms"].is_number(), "{one}");
    assert!(one["last_success_at"].is_string() && one["last_failure_at"].is_null());
}

#[tokio::test]
async fn a_gateway_that_stops_does_not_wait_for_those_who_follow_the_feed() {
    let mut house = open_house().await;
    let us = inside(&house).await;
    let feed = us.request(Method::GET, "/console/api/feed").send().await.unwrap();
    house.terminate().await;
    let rest = timeout(WITHIN, feed.text()).await.expect("the feed ends");
    drop(rest);
}

#[tokio::test]
async fn a_password_becomes_a_hash_that_opens_the_console() {
    let hashed = |password: &'static str| async move {
        let mut command = command(&crate::process::Environment::new());
        let mut child = command
            .arg("console-password")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stdin, password.as_bytes()).await.unwrap();
        drop(stdin);
        let output = timeout(WITHIN, child.wait_with_output()).await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (done, hash, said) = hashed("another password\n").await;
    assert!(done && said.is_empty(), "{said}");
    assert_eq!(hash.lines().count(), 1);
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONSOLE_PASSWORD_HASH".to_owned(), hash.trim().to_owned());
    })
    .await;
    let answer = outside(&house).tries("another password").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (done, nothing, said) = hashed("short\n").await;
    assert!(!done && nothing.is_empty() && said.contains("12 characters"), "{said}");
}
