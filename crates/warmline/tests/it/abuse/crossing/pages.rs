//! Sites and pages of one tenant that want what is another's: conversations, streams, the widget.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{Crossings, hidden, refused};
use crate::{
    abuse::{
        estates::{Estates, PAGES},
        fort::OTHER_SITE,
    },
    house::DIRECT_LINE_SECRET,
};

/// The tenant `other` at a conversation of the tenant `default`.
pub(super) fn direct_line(all: &Estates, rows: &mut Crossings) {
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
pub(super) fn granted(all: &Estates, rows: &mut Crossings) {
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
pub(super) fn widget(all: &Estates, rows: &mut Crossings) {
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
