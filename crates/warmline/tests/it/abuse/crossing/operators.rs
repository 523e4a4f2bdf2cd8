//! Operators who are bound to a tenant, and what the console has of others.

use reqwest::Method;
use serde_json::json;

use super::{Crossings, hidden, refused};
use crate::abuse::{estates::Estates, fort::Fort};

/// Anna, the admin of the tenant `other`, wants what Dora has, the admin of the tenant `default`.
pub(super) fn console(all: &Estates, rows: &mut Crossings) {
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
