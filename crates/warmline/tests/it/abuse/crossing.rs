//! One tenant's credential and another tenant's things, at every route that there is. The owner's own
//! credential gets each of them, so that what is refused is there to be had.

mod bots;
mod operators;
mod pages;

use std::collections::BTreeMap;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use super::{
    estates::Estates,
    fort::{Fort, METRICS, OTHER_WEBHOOK, case},
};
use crate::{house::WEBHOOK_SECRET, openapi};

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
    pages::direct_line(all, &mut rows);
    pages::granted(all, &mut rows);
    pages::widget(all, &mut rows);
    operators::console(all, &mut rows);
    bots::bots(all, &mut rows);
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
