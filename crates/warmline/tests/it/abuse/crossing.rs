//! One tenant's credential and another tenant's things, at every route that there is.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::fort::{Fort, OTHER_SITE, OTHER_WEBHOOK, case};
use crate::openapi;

/// What comes of it.
enum Crossing {
    /// It is refused.
    Refused(RequestBuilder, u16, &'static str),
    /// It is answered, and the answer has nothing of the other tenant.
    Hidden(RequestBuilder),
    /// The route has nothing that belongs to a tenant.
    Nobodys,
}

use Crossing::{Hidden, Nobodys, Refused};

/// By method and path, as the document has them.
fn crossings(fort: &Fort) -> BTreeMap<(&'static str, &'static str), Crossing> {
    let mut all = BTreeMap::new();
    nobodys(&mut all);
    direct_line(fort, &mut all);
    console(fort, &mut all);
    bots(fort, &mut all);
    let hook = fort.post("/api/v1/snowBot/receiveMessage").bearer_auth(OTHER_WEBHOOK);
    let path = "/api/v1/snowBot/receiveMessage";
    all.insert(("post", path), Refused(hook.json(&fort.callback), 400, "unknown_request"));
    let teams = fort.post("/api/messages").bearer_auth(&fort.other.token);
    let teams = teams.json(&json!({"type": "message"}));
    all.insert(("post", "/api/messages"), Refused(teams, 404, "messages_closed"));
    let file = fort.get(&format!("/files/{}", fort.other.token));
    all.insert(("get", "/files/{capability}"), Refused(file, 404, "no_such_file"));
    let metrics = fort.get("/metrics").bearer_auth(OTHER_WEBHOOK);
    all.insert(("get", "/metrics"), Refused(metrics, 401, "unauthorized"));
    all
}

fn nobodys(all: &mut BTreeMap<(&'static str, &'static str), Crossing>) {
    for path in [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/.well-known/warmline-keys",
        "/widget.js",
        "/widget/frame",
        "/widget/assets/{path}",
        "/console",
        "/console/",
        "/console/assets/{path}",
        "/v3/directline/session/getsessionid",
    ] {
        all.insert(("get", path), Nobodys);
    }
    // Whoever signs in is somebody from then on.
    all.insert(("post", "/console/api/login"), Nobodys);
    all.insert(("post", "/console/api/logout"), Nobodys);
}

fn direct_line(fort: &Fort, all: &mut BTreeMap<(&'static str, &'static str), Crossing>) {
    let own = |rest: &str| fort.own(rest);
    let theirs = &fort.other.token;
    let with = |method: Method, path: String| fort.call(method, &path).bearer_auth(theirs);
    let (get, post) = (Method::GET, Method::POST);
    let say = with(post.clone(), own("/activities")).json(&json!({"type": "message", "text": "x"}));
    let file = with(post.clone(), own("/upload?userId=dl_kim")).body("x");
    let file = file.header("content-type", "text/plain");
    let reader = with(post.clone(), own("/reader")).json(&json!({"key": "x"}));
    let token = fort.post(&own("/tokens")).bearer_auth(OTHER_SITE);
    let token = token.json(&json!({"user": {"id": "dl_kim"}}));
    let base = "/v3/directline";
    // A ticket for the other tenant's, or none at all: each opens its own conversation only.
    let stream = fort.get(&own(&format!("/stream?t={}", fort.other.ticket)));
    let frame = fort.post("/widget/admissions").bearer_auth(theirs);
    let frame = frame.header("origin", "https://evil.example");
    let key = json!({"origin": "https://a.example", "key": "somebody-elses-key"});
    for ((method, path), crossing) in [
        (
            ("get", "/conversations/{conversationId}"),
            Refused(with(get.clone(), own("")), 403, "Forbidden"),
        ),
        (
            ("get", "/conversations/{conversationId}/activities"),
            Refused(with(get, own("/activities")), 403, "Forbidden"),
        ),
        (("post", "/conversations/{conversationId}/activities"), Refused(say, 403, "Forbidden")),
        (("post", "/conversations/{conversationId}/upload"), Refused(file, 403, "Forbidden")),
        (("post", "/conversations/{conversationId}/reader"), Refused(reader, 403, "Forbidden")),
        (("post", "/conversations/{conversationId}/tokens"), Refused(token, 404, "NotFound")),
        (("get", "/conversations/{conversationId}/stream"), Refused(stream, 403, "Forbidden")),
        // With its own credential a site gets what is its own.
        (
            ("post", "/conversations"),
            Hidden(fort.post(&format!("{base}/conversations")).bearer_auth(theirs)),
        ),
        (
            ("post", "/tokens/refresh"),
            Hidden(fort.post(&format!("{base}/tokens/refresh")).bearer_auth(theirs)),
        ),
        (
            ("post", "/tokens/generate"),
            Hidden(fort.post(&format!("{base}/tokens/generate")).bearer_auth(OTHER_SITE)),
        ),
    ] {
        all.insert((method, Box::leak(format!("{base}{path}").into_boxed_str())), crossing);
    }
    all.insert(
        ("post", "/widget/admissions"),
        Refused(frame.json(&json!({"origin": "https://a.example"})), 403, "Forbidden"),
    );
    all.insert(
        ("post", "/widget/tokens"),
        Refused(fort.post("/widget/tokens").json(&key), 403, "Forbidden"),
    );
}

fn console(fort: &Fort, all: &mut BTreeMap<(&'static str, &'static str), Crossing>) {
    // The admin of the tenant `other`; the live chat is of the tenant `default`.
    let by = |method: Method, path: &str| fort.console(method, path, &fort.anna);
    let (get, post) = (Method::GET, Method::POST);
    let one = format!("sessions/{}", fort.session);
    let kim = json!({"tenant": "default", "user": "dl_kim"});
    for ((method, path), crossing) in [
        (("get", "overview"), Hidden(by(get.clone(), "overview"))),
        (("get", "series"), Refused(by(get.clone(), "series"), 403, "other_tenants")),
        (("get", "destinations"), Hidden(by(get.clone(), "destinations"))),
        (("get", "sessions"), Hidden(by(get.clone(), "sessions?tenant=default"))),
        (("get", "sessions/{id}"), Refused(by(get.clone(), &one), 404, "no_such_session")),
        (
            ("post", "sessions/{id}/end"),
            Refused(by(post.clone(), &format!("{one}/end")), 404, "no_such_session"),
        ),
        (("get", "dead-letters"), Hidden(by(get.clone(), "dead-letters"))),
        (
            ("post", "dead-letters/{id}/resend"),
            Refused(by(post.clone(), "dead-letters/1/resend"), 404, "no_such_letter"),
        ),
        (
            ("post", "dead-letters/{id}/drop"),
            Refused(by(post.clone(), "dead-letters/1/drop"), 404, "no_such_letter"),
        ),
        (
            ("post", "persons/export"),
            Refused(by(post.clone(), "persons/export").json(&kim), 403, "other_tenants"),
        ),
        (
            ("post", "persons/erase"),
            Refused(by(post, "persons/erase").json(&kim), 403, "other_tenants"),
        ),
        (("get", "audit"), Hidden(by(get, "audit?tenant=default"))),
        // It has no end; what passes there is looked at by a test of its own.
        (("get", "feed"), Refused(fort.get("/console/api/feed"), 401, "signed_out")),
    ] {
        all.insert((method, Box::leak(format!("/console/api/{path}").into_boxed_str())), crossing);
    }
}

/// The tenant `other`'s bot, at its own address, with the tenant `third`'s conversation; and somebody
/// with a page's token where bots with tokens of Entra call.
#[expect(clippy::too_many_lines, reason = "one table: a route in a row")]
fn bots(fort: &Fort, all: &mut BTreeMap<(&'static str, &'static str), Crossing>) {
    let (service, foreign) = (Fort::service(&fort.other), Fort::handle(&fort.third));
    let message = json!({"type": "message", "text": "x"});
    let nowhere = "ConversationNotFound";
    for (method, rest, filled, expected) in [
        (
            "post",
            "/conversations/{conversation}/activities",
            format!("/conversations/{foreign}/activities"),
            (404, nowhere),
        ),
        (
            "post",
            "/conversations/{conversation}/activities/history",
            format!("/conversations/{foreign}/activities/history"),
            (404, nowhere),
        ),
        (
            "post",
            "/conversations/{conversation}/activities/{activity}",
            format!("/conversations/{foreign}/activities/x"),
            (404, nowhere),
        ),
        (
            "put",
            "/conversations/{conversation}/activities/{activity}",
            format!("/conversations/{foreign}/activities/x"),
            (404, nowhere),
        ),
        (
            "delete",
            "/conversations/{conversation}/activities/{activity}",
            format!("/conversations/{foreign}/activities/x"),
            (404, nowhere),
        ),
        (
            "get",
            "/conversations/{conversation}/activities/{activity}/members",
            format!("/conversations/{foreign}/activities/x/members"),
            (404, nowhere),
        ),
        (
            "post",
            "/conversations/{conversation}/attachments",
            format!("/conversations/{foreign}/attachments"),
            (404, nowhere),
        ),
        (
            "get",
            "/conversations/{conversation}/members",
            format!("/conversations/{foreign}/members"),
            (404, nowhere),
        ),
        (
            "get",
            "/conversations/{conversation}/pagedmembers",
            format!("/conversations/{foreign}/pagedmembers"),
            (404, nowhere),
        ),
        (
            "get",
            "/conversations/{conversation}/members/{member}",
            format!("/conversations/{foreign}/members/dl_lee"),
            (404, nowhere),
        ),
        ("post", "/conversations", "/conversations".to_owned(), (400, "BadArgument")),
        (
            "get",
            "/attachments/{attachment}",
            format!("/attachments/{foreign}"),
            (404, "AttachmentNotFound"),
        ),
        (
            "get",
            "/attachments/{attachment}/views/{view}",
            format!("/attachments/{foreign}/views/original"),
            (404, "AttachmentNotFound"),
        ),
    ] {
        let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let body = |request: RequestBuilder| match method {
            "post" | "put" if rest.ends_with("attachments") => {
                request.json(&json!({"type": "text/plain", "originalBase64": "eA=="}))
            }
            "post" if rest.ends_with("history") => request.json(&json!({"activities": [message]})),
            "post" | "put" => request.json(&message),
            _ => request,
        };
        let theirs = fort.house.http.request(verb.clone(), format!("{service}/v3{filled}"));
        let below: &'static str =
            Box::leak(format!("/bot/{{capability}}/v3{rest}").into_boxed_str());
        all.insert((method, below), Refused(body(theirs), expected.0, expected.1));
        let page = fort.call(verb, &format!("/v3{filled}")).bearer_auth(&fort.other.token);
        let plain: &'static str = Box::leak(format!("/v3{rest}").into_boxed_str());
        all.insert((method, plain), Refused(body(page), 401, "Unauthorized"));
    }
}

#[tokio::test]
async fn no_credential_reaches_another_tenant_by_any_route() {
    let fort = Fort::start().await;
    let all = crossings(&fort);
    let without: Vec<_> = openapi::operations()
        .into_iter()
        .filter(|(method, path)| !all.contains_key(&(method.as_str(), path.as_str())))
        .collect();
    assert!(without.is_empty(), "routes without a case: {without:#?}");
    let before = fort.state().await;
    let mut wrong = Vec::new();
    for ((method, path), crossing) in all {
        let what = format!("{method} {path}");
        match crossing {
            Refused(request, status, code) => {
                let tried = fort.tries(case(what.clone(), request, status, code)).await;
                wrong.extend(tried.err().map(|why| format!("{what}: {why}")));
            }
            Hidden(request) => {
                let answer = request.send().await.unwrap();
                let (status, text) = (answer.status(), answer.text().await.unwrap());
                if let Ok(given) = serde_json::from_str::<Value>(&text)
                    && let Some(token) = given["token"].as_str()
                {
                    fort.house.hides(token);
                }
                let theirs = [&fort.session, &fort.page.conversation, "\"default\"", "dl_kim"];
                let shown = theirs.iter().find(|theirs| text.contains(**theirs));
                if !status.is_success() || shown.is_some() {
                    wrong.push(format!("{what}: {status} shows {shown:?}: {text:.400}"));
                }
            }
            Nobodys => {}
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(before, fort.state().await, "something changed");
}

/// What passes the feed of somebody who is bound to a tenant is that tenant's.
#[tokio::test]
async fn the_feed_of_a_tenants_operator_tells_of_that_tenant_only() {
    let fort = Fort::start().await;
    let listen = |cookie: &str| fort.console(Method::GET, "feed", cookie).send();
    let (own, all) = (listen(&fort.otto).await.unwrap(), listen(&fort.admin).await.unwrap());
    fort.page.post("something passes kolibri").await;
    let say = json!({"type": "message", "text": "here too kolibri", "from": {"id": "dl_lee"}});
    let path = format!("/v3/directline/conversations/{}/activities", fort.other.conversation);
    let said = fort.post(&path).bearer_auth(&fort.other.token).json(&say).send().await.unwrap();
    assert!(said.status().is_success());
    let heard = |mut answer: reqwest::Response, until: &'static [&'static str]| async move {
        let mut text = String::new();
        while !until.iter().all(|word| text.contains(word)) {
            let chunk = tokio::time::timeout(crate::process::WITHIN, answer.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("{until:?} is not in {text}"));
            text.push_str(&String::from_utf8_lossy(&chunk.unwrap().expect("it goes on")));
        }
        text
    };
    heard(all, &["\"tenant\":\"default\"", "\"tenant\":\"other\""]).await;
    let seen = heard(own, &["\"tenant\":\"other\""]).await;
    assert!(
        !seen.contains("\"tenant\":\"default\"") && !seen.contains("\"tenant\":null"),
        "{seen}"
    );
}
