//! Bad callbacks, while a chat is live: each gets a clear answer, changes nothing, shows nothing,
//! and the chat goes on.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use simulator::Speaker;

use crate::{
    desk,
    house::{House, Setting, WEBHOOK_SECRET},
    openapi,
    page::{Page, gists},
    process::WITHIN,
};

/// Text of every bad callback: must not be shown.
const BAD: &str = "bad kolibri";

/// A live chat, and what a good callback of it carries.
struct Live {
    house: House,
    page: Page,
    chat: String,
    good: Value,
    lines: usize,
}

impl Live {
    async fn start() -> Self {
        let mut house = House::start(Setting::default()).await;
        let mut page = house.page("dl_kim").await;
        page.post("agent").await;
        let chat = house.offered("dl_kim").await;
        house.hears(house.callbacks().queued).await;
        house.desk.accept(&chat).unwrap();
        house.hears(house.callbacks().accepted).await;
        let connected = |heard: &crate::page::Heard| {
            heard
                .activities
                .iter()
                .any(|a| a["channelData"]["warmline"]["notice"]["key"] == "connected")
        };
        page.until("connected", connected).await;
        page.skip_what_was_shown();
        let mut live = Self { house, page, chat, good: Value::Null, lines: 0 };
        live.goes_on().await;
        live.good = live.house.desk.delivered().pop().expect("the agent wrote").body;
        live.good["body"] = json!([{
            "uiType": "OutputText", "value": BAD, "agentInfo": {"agentName": "Dana", "sentFromAgent": true},
        }]);
        live
    }

    /// Both sides are heard, and nothing else is shown.
    async fn goes_on(&mut self) {
        self.lines += 1;
        let (question, answer) =
            (format!("line {} kolibri", self.lines), format!("answer {} kolibri", self.lines));
        self.page.post(&question).await;
        let heard = |seen: &simulator::Snapshot<'_>| {
            seen.chats()[0].lines.last().is_some_and(|line| line.text == question)
        };
        self.house.desk.wait_until(heard, WITHIN).await.expect("the agent reads it");
        self.house.desk.write(&self.chat, &answer).unwrap();
        self.house.hears(1).await;
        self.page.shows(&[&format!("user: {question}"), &format!("agent: Dana: {answer}")]).await;
    }

    fn request(&self, method: Method) -> RequestBuilder {
        let address = format!("{}/api/v1/snowBot/receiveMessage", self.house.origin());
        self.house.http.request(method, address)
    }

    fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.request(Method::POST).bearer_auth(WEBHOOK_SECRET);
        request.header("content-type", "application/json").body(body)
    }

    /// A good callback with some members changed; `null` takes one out.
    fn with(&self, changes: &Value) -> Vec<u8> {
        let mut body = self.good.clone();
        for (name, value) in changes.as_object().expect("changes are an object") {
            body[name] = value.clone();
            if value.is_null() {
                body.as_object_mut().expect("a callback is an object").remove(name);
            }
        }
        body.to_string().into_bytes()
    }

    /// Makes the call, checks the answer, and that nothing came of it.
    async fn refuses(&mut self, what: &str, request: RequestBuilder, expected: (u16, &str)) {
        let (answer, method, path) = openapi::sent(request, what).await;
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        assert!(!body.contains(BAD) && !body.contains(WEBHOOK_SECRET), "{what}: nothing is quoted");
        let body: Value =
            serde_json::from_str(&body).unwrap_or_else(|_| panic!("{what}: JSON, not {body:?}"));
        let code = body["error"]["code"].as_str().unwrap_or_default();
        assert_eq!((status, code), expected, "{what}: {body}");
        if status != 200 {
            let message = body["error"]["message"].as_str().expect("a sentence for people");
            assert!(message.len() > 20, "{what}: {message}");
            openapi::describes(&method, &path, status, code);
        }
        self.goes_on().await;
    }
}

#[tokio::test]
async fn bad_webhook_input_at_the_door() {
    let mut live = Live::start().await;
    let good = live.with(&json!({}));
    let authorized =
        |value: &str| live.request(Method::POST).header("authorization", value).body(good.clone());
    let unauthorized = (401, "unauthorized");
    let cases = vec![
        ("no credential", live.request(Method::POST).body(good.clone()), unauthorized),
        ("a wrong secret", authorized("Bearer webhook-secret-a81f0c5e93"), unauthorized),
        ("half a secret", authorized("Bearer webhook-secret"), unauthorized),
        ("no secret", authorized("Bearer "), unauthorized),
        ("the secret alone", authorized(WEBHOOK_SECRET), unauthorized),
        ("another scheme", authorized(&format!("Token {WEBHOOK_SECRET}")), unauthorized),
        (
            "Basic with a wrong password",
            live.request(Method::POST).basic_auth("servicenow", Some("wrong")).body(good.clone()),
            unauthorized,
        ),
        (
            "the secret of another door",
            authorized(&format!("Bearer {}", crate::house::DIRECT_LINE_SECRET)),
            unauthorized,
        ),
        ("two credentials", authorized("Bearer wrong").bearer_auth(WEBHOOK_SECRET), unauthorized),
        (
            "the secret in the query",
            live.request(Method::POST).query(&[("token", WEBHOOK_SECRET)]).body(good.clone()),
            unauthorized,
        ),
        ("no credential, and no JSON", live.request(Method::POST).body("{"), unauthorized),
        ("GET", live.request(Method::GET).bearer_auth(WEBHOOK_SECRET), (405, "method_not_allowed")),
        (
            "PUT",
            live.request(Method::PUT).bearer_auth(WEBHOOK_SECRET).body(good.clone()),
            (405, "method_not_allowed"),
        ),
        ("DELETE", live.request(Method::DELETE), (405, "method_not_allowed")),
        ("one byte too many", live.post(vec![b' '; 1024 * 1024 + 1]), (413, "too_large")),
    ];
    for (what, request, expected) in cases {
        live.refuses(what, request, expected).await;
    }
    let answer = live.request(Method::POST).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    let answer = live.request(Method::POST).bearer_auth("wrong").send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn bad_webhook_input_that_is_no_event() {
    let mut live = Live::start().await;
    let items = vec![json!({"uiType": "OutputText", "value": BAD}); 300];
    let good = live.with(&json!({}));
    let deep = |levels: usize| format!("{{\"body\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "not_json"),
        ("no JSON", b"requestId=1&status=active".to_vec(), "not_json"),
        ("markup", b"<html><body>Instance Hibernating</body></html>".to_vec(), "not_json"),
        ("half of it", good[..good.len() / 2].to_vec(), "not_json"),
        ("all but the last byte", good[..good.len() - 1].to_vec(), "not_json"),
        ("more than it", [&good[..], b"}"].concat(), "not_json"),
        ("not UTF-8", [&b"{\"body\":\"\xff\xfe"[..], b"\"}"].concat(), "not_json"),
        ("zeros", vec![0; 64], "not_json"),
        ("an array", [b"[", &good[..], b"]"].concat(), "not_an_object"),
        ("a number", b"42".to_vec(), "not_an_object"),
        ("a text", b"\"active\"".to_vec(), "not_an_object"),
        ("null", b"null".to_vec(), "not_an_object"),
        ("true", b"true".to_vec(), "not_an_object"),
        ("an empty object", b"{}".to_vec(), "no_event"),
        ("ids alone", live.with(&json!({"body": null, "agentChat": null})), "no_event"),
        ("nested too deep", deep(65).into_bytes(), "too_deep"),
        ("nested much too deep", deep(100_000).into_bytes(), "too_deep"),
        ("too many items", live.with(&json!({"body": items})), "too_many_items"),
    ];
    for (what, body, code) in cases {
        let request = live.post(body);
        live.refuses(what, request, (400, code)).await;
    }
}

#[tokio::test]
async fn bad_webhook_input_that_is_nobodys() {
    let mut live = Live::start().await;
    let request = live.good["requestId"].as_str().unwrap().to_owned();
    let (session, number) = request.rsplit_once('.').unwrap();
    let variables = live.good["clientVariables"].clone();
    let foreign = |name: &str| {
        let mut variables = variables.clone();
        variables[name] = json!("somebody-else");
        json!({"clientVariables": variables})
    };
    let unknown = |id: &str| json!({"requestId": id});
    let other = live.house.page("dl_other").await;
    other.post("agent").await;
    live.house.offered("dl_other").await;
    live.house.hears(live.house.callbacks().queued).await;
    let others = desk::requests(&live.house.desk, "dl_other").remove(0);
    let others_number = |number: u64| json!({"requestId": format!("{}.{number}", others["clientSessionId"].as_str().unwrap())});
    let huge = "x".repeat(500_000);
    let no_ids = json!({"requestId": null, "clientSessionId": null, "userId": null});
    let stranger =
        json!({"requestId": null, "clientSessionId": null, "userId": "nobody@example.org"});
    let gone = json!({"requestId": "", "clientSessionId": "ses_0", "userId": "nobody"});
    let cases: Vec<(&str, Value, &str)> = vec![
        ("requestId a number", json!({"requestId": 7}), "bad_field"),
        ("requestId an object", json!({"requestId": {"id": request}}), "bad_field"),
        ("requestId true", json!({"requestId": true}), "bad_field"),
        ("clientSessionId an array", json!({"clientSessionId": [session]}), "bad_field"),
        ("userId a number", json!({"userId": 12}), "bad_field"),
        ("clientVariables a text", json!({"clientVariables": "t"}), "bad_field"),
        ("tenantId a number", json!({"clientVariables": {"tenantId": 1}}), "bad_field"),
        ("requestId of nobody", unknown("r-1"), "unknown_request"),
        ("requestId without a number", unknown(session), "unknown_request"),
        ("requestId with nothing behind", unknown(&format!("{session}.")), "unknown_request"),
        ("a number never sent", unknown(&format!("{session}.999999")), "unknown_request"),
        ("number zero", unknown(&format!("{session}.0")), "unknown_request"),
        ("a number written otherwise", unknown(&format!("{session}.0{number}")), "unknown_request"),
        ("a signed number", unknown(&format!("{session}.+{number}")), "unknown_request"),
        (
            "a number too large",
            unknown(&format!("{session}.{}", "9".repeat(40))),
            "unknown_request",
        ),
        ("another's session, a number never sent", others_number(999_999), "unknown_request"),
        ("another's request", json!({"requestId": others["requestId"]}), "foreign_variables"),
        ("no session at all", unknown("ses_0190000000000000000000000000000.1"), "unknown_request"),
        ("a prefix of the session", unknown(&format!("{}.1", &session[..20])), "unknown_request"),
        ("the session in capitals", unknown(&request.to_uppercase()), "unknown_request"),
        ("an endless requestId", unknown(&format!("{huge}.1")), "unknown_request"),
        ("a control character", unknown(&format!("{session}\n.1")), "unknown_request"),
        ("foreign tenantId", foreign("tenantId"), "foreign_variables"),
        ("foreign botId", foreign("botId"), "foreign_variables"),
        ("foreign conversationId", foreign("conversationId"), "foreign_variables"),
        ("no ids at all", no_ids, "unknown_session"),
        ("an unknown userId", stranger, "unknown_session"),
        ("ids of nobody", gone, "unknown_session"),
    ];
    for (what, changes, code) in cases {
        let request = live.post(live.with(&changes));
        live.refuses(what, request, (400, code)).await;
    }
    let shown = gists(&other.log().await);
    assert!(shown.last().is_some_and(|last| last == "notice waiting"), "nothing came: {shown:#?}");
}

#[tokio::test]
async fn odd_webhook_input_is_tolerated_and_shows_nothing() {
    let mut live = Live::start().await;
    let huge = "x".repeat(500_000);
    let nothing = json!([]);
    let cases: Vec<(&str, Value)> = vec![
        ("no items", json!({"body": nothing})),
        ("items that are none", json!({"body": [null, 1, "text", [], {}]})),
        ("a body that is a text", json!({"body": BAD})),
        ("flags that are texts", json!({"body": nothing, "agentChat": "true", "completed": "no"})),
        ("flags that are numbers", json!({"body": nothing, "completed": 0, "takeControl": 1})),
        ("flags that are objects", json!({"body": nothing, "completed": {"yes": 1}})),
        ("an unknown status", json!({"body": nothing, "status": "paused"})),
        ("a status that is a number", json!({"body": nothing, "status": 5})),
        ("an unknown uiType", json!({"body": [{"uiType": "ActionMsg", "actionType": "Dance"}]})),
        ("unknown members", json!({"body": nothing, "mood": {"deep": [1, {"er": huge}]}})),
        ("an endless message echo", json!({"body": nothing, "message": {"text": huge}})),
        ("an endless interactionId", json!({"body": nothing, "interactionId": huge})),
    ];
    for (what, changes) in cases {
        let request = live.post(live.with(&changes));
        live.refuses(what, request, (200, "")).await;
    }
    let twice = format!("{{\"completed\":true,\"completed\":false,\"x\":1,\"x\":2,{}", {
        let good = String::from_utf8(live.with(&json!({"body": nothing}))).unwrap();
        good.strip_prefix('{').expect("an object").to_owned()
    });
    let request = live.post(twice);
    live.refuses("doubled members, of which the last counts", request, (200, "")).await;
    let same = live.house.desk.delivered().pop().unwrap().body.to_string();
    let request = live.post(same);
    live.refuses("the same callback again", request, (200, "")).await;
}

#[tokio::test]
async fn a_callback_is_taken_whatever_its_dress_and_found_by_what_ids_it_has() {
    let mut live = Live::start().await;
    let kinds =
        ["text/plain", "application/x-www-form-urlencoded", "nonsense", "text/xml; charset=x"];
    let mut cases: Vec<(String, Value, Option<&str>)> =
        kinds.iter().map(|&kind| (format!("type {kind}"), json!({}), Some(kind))).collect();
    let session = live.good["clientSessionId"].clone();
    for (what, changes) in [
        ("no type at all", json!({})),
        ("an empty clientSessionId", json!({"clientSessionId": ""})),
        ("by clientSessionId", json!({"requestId": null, "userId": null})),
        ("by clientSessionId, with an empty requestId", json!({"requestId": "", "userId": ""})),
        ("by userId", json!({"requestId": null, "clientSessionId": null})),
        ("by userId, with a foreign session", json!({"requestId": null, "clientSessionId": "s-1"})),
        ("without clientVariables", json!({"clientVariables": null})),
        ("with some clientVariables", json!({"clientVariables": {"tenantId": "default", "x": 1}})),
        ("with another userId", json!({"userId": "unchecked", "clientSessionId": session})),
        ("one item in place of a list", json!({"body": live.good["body"][0]})),
    ] {
        cases.push((what.to_owned(), changes, None));
    }
    for (n, (what, mut changes, kind)) in cases.into_iter().enumerate() {
        let words = format!("shown {n} kolibri");
        let mut body = live.good["body"].clone();
        body[0]["value"] = words.clone().into();
        match changes.get("body") {
            Some(_) => changes["body"] = body[0].clone(),
            None => changes["body"] = body,
        }
        let request = live.request(Method::POST).bearer_auth(WEBHOOK_SECRET);
        let request = request.body(live.with(&changes));
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{what}: {:?}", answer.text().await);
        live.page.shows(&[&format!("agent: Dana: {words}")]).await;
    }
    live.goes_on().await;
    assert!(!desk::lines(&desk::chat(&live.house.desk, &live.chat), Speaker::User).is_empty());
    live.page.shows_nothing_more().await;
}
