//! One tenant's credential and another tenant's things, at every route that there is. The owner's own
//! credential gets each of them, so that what is refused is there to be had.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{
    estates::{Estates, PAGES},
    fort::{Fort, METRICS, OTHER_SITE, OTHER_WEBHOOK, case},
};
use crate::{
    house::{DIRECT_LINE_SECRET, WEBHOOK_SECRET},
    openapi,
};

/// What comes of it.
enum Crossing {
    /// It is refused; the owner, who asks for the same, gets it.
    Refused { theirs: RequestBuilder, owners: RequestBuilder, status: u16, code: &'static str },
    /// It is answered with what is their own, and has nothing of the other tenant: not this, which the
    /// owner's answer has.
    Hidden { theirs: RequestBuilder, owners: RequestBuilder, mark: String },
    /// The route has nothing that belongs to a tenant.
    Nobodys,
}

use Crossing::Nobodys;

type Crossings = BTreeMap<(&'static str, String), Crossing>;

fn refused(
    (theirs, owners): (RequestBuilder, RequestBuilder),
    status: u16,
    code: &'static str,
) -> Crossing {
    Crossing::Refused { theirs, owners, status, code }
}

fn hidden((theirs, owners): (RequestBuilder, RequestBuilder), mark: &str) -> Crossing {
    Crossing::Hidden { theirs, owners, mark: mark.to_owned() }
}

/// By method and path, as the document has them.
fn crossings(all: &Estates) -> Crossings {
    let mut rows = Crossings::new();
    nobodys(&mut rows);
    direct_line(all, &mut rows);
    granted(all, &mut rows);
    widget(all, &mut rows);
    console(all, &mut rows);
    bots(all, &mut rows);
    let hook = |secret: &str| {
        let post = all.post("/api/v1/snowBot/receiveMessage").bearer_auth(secret);
        post.json(&all.callback)
    };
    let path = "/api/v1/snowBot/receiveMessage".to_owned();
    let hooks = (hook(OTHER_WEBHOOK), hook(WEBHOOK_SECRET));
    rows.insert(("post", path), refused(hooks, 400, "unknown_request"));
    // The signature of one address, on the file of another.
    let (own, other) = (&all.of_third.address, &all.of_other.address);
    let tampered = {
        let at = |address: &str| address.rfind('-').expect("an address is signed");
        format!("{}{}", &own[..at(own)], &other[at(other)..])
    };
    let files = (all.house.http.get(tampered), all.house.http.get(own));
    rows.insert(("get", "/files/{capability}".to_owned()), refused(files, 404, "no_such_file"));
    let metrics = |token: &str| all.get("/metrics").bearer_auth(token);
    let metrics = (metrics(OTHER_WEBHOOK), metrics(METRICS));
    rows.insert(("get", "/metrics".to_owned()), refused(metrics, 401, "unauthorized"));
    // A token decides whose activity it is, whatever stands in it; where it went is looked at below.
    let teams = (across(all, all.south.app_id), across(all, all.north.app_id));
    rows.insert(("post", "/api/messages".to_owned()), hidden(teams, ""));
    rows
}

/// What somebody in the north says, as Teams would bring it, with a token for that registration.
fn across(all: &Estates, app_id: &str) -> RequestBuilder {
    let activity = all.azure.message(&all.north.chat, &all.north.person, "across kolibri");
    let token = all.azure.sign(&all.azure.channel_token(app_id));
    all.post("/api/messages").bearer_auth(token).json(&activity)
}

fn nobodys(rows: &mut Crossings) {
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
        rows.insert(("get", path.to_owned()), Nobodys);
    }
    // Whoever signs in is somebody from then on.
    rows.insert(("post", "/console/api/login".to_owned()), Nobodys);
    rows.insert(("post", "/console/api/logout".to_owned()), Nobodys);
}

/// The tenant `other` at a conversation of the tenant `default`.
fn direct_line(all: &Estates, rows: &mut Crossings) {
    let both =
        |make: &dyn Fn(&str) -> RequestBuilder| (make(&all.other.token), make(&all.page.token));
    let sites =
        |make: &dyn Fn(&str) -> RequestBuilder| (make(OTHER_SITE), make(DIRECT_LINE_SECRET));
    let with = |method: Method, rest: &str, token: &str| {
        all.call(method, &all.own(rest)).bearer_auth(token)
    };
    let (get, post) = (Method::GET, Method::POST);
    let say = json!({"type": "message", "text": "x", "from": {"id": "dl_kim"}});
    let suite = json!({"kem": 32, "kdf": 1, "aead": 2});
    let key = json!({"suite": suite, "publicKey": format!("CQ{}", "A".repeat(41))});
    let user = json!({"user": {"id": "dl_kim"}});
    let forbidden = |pair| refused(pair, 403, "Forbidden");
    // A ticket for the other tenant's stream: each opens its own conversation only.
    let stream = |ticket: &str| {
        let request = all.get(&all.own(&format!("/stream?t={ticket}")));
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13");
        request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let streams = (stream(&all.other.ticket), stream(all.ticket()));
    for ((method, path), crossing) in [
        (
            ("get", "/conversations/{conversationId}"),
            forbidden(both(&|token| with(get.clone(), "", token))),
        ),
        (
            ("get", "/conversations/{conversationId}/activities"),
            forbidden(both(&|token| with(get.clone(), "/activities", token))),
        ),
        (
            ("post", "/conversations/{conversationId}/activities"),
            forbidden(both(&|token| with(post.clone(), "/activities", token).json(&say))),
        ),
        (
            ("post", "/conversations/{conversationId}/upload"),
            forbidden(both(&|token| {
                let request = with(post.clone(), "/upload?userId=dl_kim", token).body("x");
                let request = request.header("content-type", "text/plain");
                request.header("content-disposition", "name=\"file\"; filename=\"note.txt\"")
            })),
        ),
        (
            ("post", "/conversations/{conversationId}/reader"),
            forbidden(both(&|token| with(post.clone(), "/reader", token).json(&key))),
        ),
        (
            ("post", "/conversations/{conversationId}/tokens"),
            refused(
                sites(&|secret| with(post.clone(), "/tokens", secret).json(&user)),
                404,
                "NotFound",
            ),
        ),
        (("get", "/conversations/{conversationId}/stream"), forbidden(streams)),
    ] {
        rows.insert((method, format!("/v3/directline{path}")), crossing);
    }
}

/// With its own credential a site and a page get what is their own.
fn granted(all: &Estates, rows: &mut Crossings) {
    let base = |rest: &str, credential: &str| {
        all.post(&format!("/v3/directline{rest}")).bearer_auth(credential)
    };
    let pages = |rest: &str| (base(rest, &all.other.token), base(rest, &all.page.token));
    let started = hidden(pages("/conversations"), &all.page.conversation);
    rows.insert(("post", "/v3/directline/conversations".to_owned()), started);
    let refreshed = hidden(pages("/tokens/refresh"), &all.page.conversation);
    rows.insert(("post", "/v3/directline/tokens/refresh".to_owned()), refreshed);
    let user = json!({"user": {"id": "dl_kim"}});
    let site = |secret: &str| base("/tokens/generate", secret).json(&user);
    let generated = hidden((site(OTHER_SITE), site(DIRECT_LINE_SECRET)), "");
    rows.insert(("post", "/v3/directline/tokens/generate".to_owned()), generated);
}

/// A site of the tenant `other` that wants the chat of the tenant `default`'s pages.
fn widget(all: &Estates, rows: &mut Crossings) {
    let [(page, key), (_, other_key)] = PAGES;
    let frame = |path: &str| all.post(path).header("origin", all.house.origin());
    let admission = |token: &str| {
        frame("/widget/admissions").bearer_auth(token).json(&json!({ "origin": page }))
    };
    let admissions = (admission(&all.other.token), admission(&all.page.token));
    rows.insert(("post", "/widget/admissions".to_owned()), refused(admissions, 403, "Forbidden"));
    let token = |key: &str| frame("/widget/tokens").json(&json!({"origin": page, "key": key}));
    let tokens = (token(other_key), token(key));
    rows.insert(("post", "/widget/tokens".to_owned()), refused(tokens, 403, "Forbidden"));
}

/// Anna, the admin of the tenant `other`, wants what Dora has, the admin of the tenant `default`.
fn console(all: &Estates, rows: &mut Crossings) {
    let both = |method: &Method, path: &str| {
        let by = |cookie: &str| all.console(method.clone(), path, cookie);
        (by(&all.anna), by(&all.dora))
    };
    let (get, post) = (&Method::GET, &Method::POST);
    let one = format!("sessions/{}", all.session);
    let kim = |path: &str| {
        let (anna, dora) = both(post, path);
        let kim = json!({"tenant": "default", "user": "dl_kim"});
        (anna.json(&kim), dora.json(&kim))
    };
    let everybodys = (both(get, "series").0, all.console(Method::GET, "series", &all.admin));
    // It has no end; what passes there is looked at by a test of its own.
    let feed = (all.get("/console/api/feed"), both(get, "feed").1);
    let [sent, dropped] = all.letters;
    let ours = "\"default\"";
    for ((method, path), crossing) in [
        (("get", "overview"), hidden(both(get, "overview"), ours)),
        (("get", "series"), refused(everybodys, 403, "other_tenants")),
        (("get", "destinations"), hidden(both(get, "destinations"), ours)),
        (("get", "sessions"), hidden(both(get, "sessions?tenant=default"), &all.session)),
        (("get", "sessions/{id}"), refused(both(get, &one), 404, "no_such_session")),
        (
            ("post", "sessions/{id}/end"),
            refused(both(post, &format!("{one}/end")), 404, "no_such_session"),
        ),
        (("get", "dead-letters"), hidden(both(get, "dead-letters"), &format!("\"id\":{sent},"))),
        (
            ("post", "dead-letters/{id}/resend"),
            refused(both(post, &format!("dead-letters/{sent}/resend")), 404, "no_such_letter"),
        ),
        (
            ("post", "dead-letters/{id}/drop"),
            refused(both(post, &format!("dead-letters/{dropped}/drop")), 404, "no_such_letter"),
        ),
        (("post", "persons/export"), refused(kim("persons/export"), 403, "other_tenants")),
        (("post", "persons/erase"), refused(kim("persons/erase"), 403, "other_tenants")),
        (("get", "audit"), hidden(both(get, "audit?tenant=default"), ours)),
        (("get", "feed"), refused(feed, 401, "signed_out")),
    ] {
        rows.insert((method, format!("/console/api/{path}")), crossing);
    }
}

/// What a route of the Connector's is asked with.
fn asked(request: RequestBuilder, method: &str, route: &str) -> RequestBuilder {
    let message = json!({"type": "message", "text": "x"});
    match method {
        "post" if route.ends_with("/attachments") => {
            request.json(&json!({"type": "text/plain", "name": "x.txt", "originalBase64": "eA=="}))
        }
        "post" if route.ends_with("/history") => request.json(&json!({ "activities": [message] })),
        "post" | "put" => request.json(&message),
        _ => request,
    }
}

/// Two bots: below an address that only each of them knows, the tenant `other`'s wants what is the tenant
/// `third`'s; with a good token of Entra's, the tenant `south`'s wants what is the tenant `north`'s.
fn bots(all: &Estates, rows: &mut Crossings) {
    let nowhere = (404, "ConversationNotFound");
    let no_file = (404, "AttachmentNotFound");
    let person = all.north.person.id_for(all.north.app_id);
    for (method, route, (status, code)) in [
        ("post", "/conversations/{conversation}/activities", nowhere),
        ("post", "/conversations/{conversation}/activities/history", nowhere),
        ("post", "/conversations/{conversation}/activities/{activity}", nowhere),
        ("put", "/conversations/{conversation}/activities/{activity}", nowhere),
        ("delete", "/conversations/{conversation}/activities/{activity}", nowhere),
        ("get", "/conversations/{conversation}/activities/{activity}/members", nowhere),
        ("post", "/conversations/{conversation}/attachments", nowhere),
        ("get", "/conversations/{conversation}/members", nowhere),
        ("get", "/conversations/{conversation}/pagedmembers", nowhere),
        ("get", "/conversations/{conversation}/members/{member}", nowhere),
        ("get", "/attachments/{attachment}", no_file),
        ("get", "/attachments/{attachment}/views/{view}", no_file),
    ] {
        let filled = |[conversation, activity, member, attachment]: [&str; 4]| {
            let path = route.replace("{conversation}", conversation).replace("{member}", member);
            let path = path.replace("{activity}", activity).replace("{view}", "original");
            path.replace("{attachment}", attachment)
        };
        let verb = || Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let of_third = &all.of_third;
        let path = filled([&Fort::handle(&all.third), &of_third.said, "dl_lee", &of_third.file]);
        let below = |theirs| {
            let request =
                all.house.http.request(verb(), format!("{}/v3{path}", Fort::service(theirs)));
            asked(request, method, route)
        };
        let pair = (below(&all.other), below(&all.third));
        rows.insert(
            (method, format!("/bot/{{capability}}/v3{route}")),
            refused(pair, status, code),
        );
        let north = &all.north;
        let path = filled([north.conversation(), &north.said, &person, &north.file]);
        let pair = (all.south.call(all, verb(), &path), north.call(all, verb(), &path));
        let pair = (asked(pair.0, method, route), asked(pair.1, method, route));
        rows.insert((method, format!("/v3{route}")), refused(pair, status, code));
    }
    begins(all, rows);
}

/// Bots begin conversations: with a user whom another tenant has, and in another tenant's name.
fn begins(all: &Estates, rows: &mut Crossings) {
    let lee = json!({"members": [{"id": "dl_lee"}]});
    let below = |theirs| {
        all.house.http.post(format!("{}/v3/conversations", Fort::service(theirs))).json(&lee)
    };
    let pair = (below(&all.other), below(&all.third));
    rows.insert(("post", "/bot/{capability}/v3/conversations".to_owned()), hidden(pair, ""));
    let north = all.north.app_id;
    let nora = json!({
        "bot": {"id": format!("28:{north}")}, "isGroup": false,
        "members": [{"id": all.north.person.id_for(north)}], "tenantId": all.north.chat.tenant,
    });
    let call = |bot: &super::estates::Organisation| {
        bot.call(all, Method::POST, "/conversations").json(&nora)
    };
    let pair = (call(&all.south), call(&all.north));
    rows.insert(("post", "/v3/conversations".to_owned()), refused(pair, 400, "BadArgument"));
}

/// When the owner's turn is: what takes something away comes after what needs it.
fn turn((method, path): &(&'static str, String)) -> u8 {
    match path.as_str() {
        path if path.ends_with("/erase") => 3,
        path if path.ends_with("/end") => 2,
        _ if *method == "delete" => 1,
        _ => 0,
    }
}

/// Tokens and tickets that were given out must not be found in the log.
fn keeps_secret(all: &Estates, text: &str) {
    let Ok(given) = serde_json::from_str::<Value>(text) else { return };
    if let Some(token) = given["token"].as_str() {
        all.house.hides(token);
    }
    if let Some((_, ticket)) = given["streamUrl"].as_str().and_then(|url| url.split_once("&t=")) {
        all.house.hides(ticket);
    }
}

/// Makes the request, which is answered well; what it is answered with.
async fn answered(all: &Estates, what: &str, request: RequestBuilder) -> Result<String, String> {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    // These have no end.
    if status == StatusCode::SWITCHING_PROTOCOLS || what.ends_with("/feed") && status.is_success() {
        return Ok(String::new());
    }
    let text = answer.text().await.unwrap();
    keeps_secret(all, &text);
    if status.is_success() { Ok(text) } else { Err(format!("{status}: {text:.400}")) }
}

/// Somebody else tries; what is wrong, if anything is.
async fn tried(all: &Estates, what: &str, crossing: &mut Crossing) -> Result<(), String> {
    let unsent = |request: &mut RequestBuilder| std::mem::replace(request, all.get("/healthz"));
    match crossing {
        Crossing::Refused { theirs, status, code, .. } => {
            all.tries(case(what, unsent(theirs), *status, code)).await
        }
        Crossing::Hidden { theirs, mark, .. } => {
            let text = answered(all, what, unsent(theirs)).await?;
            let handle = Fort::handle(&all.third);
            let ours =
                [&all.session, &all.page.conversation, "\"default\"", "dl_kim", &handle, mark];
            let shown = ours.iter().find(|ours| !ours.is_empty() && text.contains(**ours));
            shown.map_or(Ok(()), |shown| Err(format!("shows {shown:?}: {text:.400}")))
        }
        Nobodys => Ok(()),
    }
}

/// The owner asks for the same.
async fn had(all: &Estates, what: &str, crossing: Crossing) -> Result<(), String> {
    let (owners, mark) = match crossing {
        Crossing::Refused { owners, .. } => (owners, String::new()),
        Crossing::Hidden { owners, mark, .. } => (owners, mark),
        Nobodys => return Ok(()),
    };
    let text = answered(all, what, owners).await?;
    if text.contains(&mark) { Ok(()) } else { Err(format!("has no {mark:?}: {text:.400}")) }
}

#[tokio::test]
async fn no_credential_reaches_another_tenant_by_any_route() {
    let all = Estates::start().await;
    let mut rows: Vec<_> = crossings(&all).into_iter().collect();
    rows.sort_by_key(|(key, _)| turn(key));
    let without: Vec<_> = openapi::operations()
        .into_iter()
        .filter(|(method, path)| !rows.iter().any(|((m, p), _)| (*m, p) == (method.as_str(), path)))
        .collect();
    assert!(without.is_empty(), "routes without a case: {without:#?}");
    let before = all.stand().await;
    let mut wrong = Vec::new();
    for ((method, path), crossing) in &mut rows {
        let what = format!("{method} {path}");
        let tried = tried(&all, &what, crossing).await;
        wrong.extend(tried.err().map(|why| format!("{what}: {why}")));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    // What was signed for the south is the south's.
    all.south.bot.hears("across kolibri").await;
    assert_eq!(before, all.stand().await, "something changed");
    for ((method, path), crossing) in rows {
        let what = format!("{method} {path}");
        let had = had(&all, &what, crossing).await;
        wrong.extend(had.err().map(|why| format!("the owner at {what}: {why}")));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    all.north.bot.hears("across kolibri").await;
    assert_ne!(before, all.stand().await, "what the owners did shows");
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
