//! Bots of one tenant that want the conversations, members and files of another's, by the Connector's routes.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{Crossings, hidden, refused};
use crate::abuse::{
    estates::{Estates, Organisation},
    fort::Fort,
};

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
pub(super) fn bots(all: &Estates, rows: &mut Crossings) {
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
    let call = |bot: &Organisation| bot.call(all, Method::POST, "/conversations").json(&nora);
    let pair = (call(&all.south), call(&all.north));
    rows.insert(("post", "/v3/conversations".to_owned()), refused(pair, 400, "BadArgument"));
}
