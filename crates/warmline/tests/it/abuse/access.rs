//! What somebody may not see or do although they are who they say: roles and tenants at the console.
//! What crosses tenants at every other route stands in `crossing`.

use reqwest::Method;

use serde_json::json;

use super::fort::{Case, Fort, case};

pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let mut cases = console(fort);
    cases.extend(persons(fort));
    cases
}

/// Somebody's data, wanted or to be erased by who may not. The user is in a live chat.
fn persons(fort: &Fort) -> Vec<Case> {
    let own = json!({"tenant": "other", "user": "dl_lee"});
    let kim = json!({"tenant": "default", "user": "dl_kim"});
    let asks = |cookie: &str, order: &str, whose: &serde_json::Value| {
        fort.console(Method::POST, &format!("persons/{order}"), cookie).json(whose)
    };
    let plain = fort.console(Method::POST, "persons/export", &fort.admin);
    let get = fort.console(Method::GET, "persons/export?tenant=default&user=dl_kim", &fort.admin);
    let form = plain.try_clone().expect("it has no body").body("tenant=default&user=dl_kim");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let raw = fort.post("/console/api/persons/erase").header("cookie", &fort.admin).json(&kim);
    let foreign = asks(&fort.admin, "erase", &kim).header("origin", "https://evil.example");
    let nameless = json!({"tenant": "default", "user": ""});
    let long = json!({"tenant": "default", "user": "x".repeat(513)});
    let more = json!({"tenant": "default", "user": "dl_kim", "all": true});
    let huge = json!({"tenant": "default", "user": "x".repeat(5_000)});
    let forbidden = (403, "role_forbids");
    let other = (403, "other_tenants");
    [
        ("a viewer exports a person", asks(&fort.viewer, "export", &kim), forbidden),
        ("a viewer erases a person", asks(&fort.viewer, "erase", &kim), forbidden),
        (
            "an operator exports a person of their tenant",
            asks(&fort.otto, "export", &own),
            forbidden,
        ),
        ("an operator erases a person of their tenant", asks(&fort.otto, "erase", &own), forbidden),
        ("an admin of a tenant exports another's person", asks(&fort.anna, "export", &kim), other),
        ("an admin of a tenant erases another's person", asks(&fort.anna, "erase", &kim), other),
        (
            "an admin of a tenant looks whether there is another",
            asks(&fort.anna, "export", &json!({"tenant": "nowhere", "user": "dl_kim"})),
            other,
        ),
        ("an erasure from another site's page", foreign, (403, "wrong_origin")),
        ("an erasure without the console's header", raw, (403, "no_order_header")),
        (
            "somebody who is not signed in exports a person",
            asks("warmline_console=x", "export", &kim),
            (401, "signed_out"),
        ),
        ("a person is named in an address", get, (405, "method_not_allowed")),
        ("a person is named by a form", form, (415, "not_json")),
        ("nobody is named", asks(&fort.admin, "export", &nameless), (400, "bad_person")),
        ("a name longer than any", asks(&fort.admin, "export", &long), (400, "bad_person")),
        ("an order with more in it", asks(&fort.admin, "erase", &more), (400, "bad_request")),
        ("an order without end", asks(&fort.admin, "erase", &huge), (413, "too_large")),
        ("a person in a live chat is erased", asks(&fort.admin, "erase", &kim), (409, "live_chat")),
    ]
    .map(|(what, request, (status, code))| case(what, request, status, code))
    .into()
}

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
fn console(fort: &Fort) -> Vec<Case> {
    let (get, post) = (Method::GET, Method::POST);
    let by = |cookie: &str, method: &Method, path: &str| fort.console(method.clone(), path, cookie);
    let session = &fort.session;
    let end = format!("sessions/{session}/end");
    let one = format!("sessions/{session}");
    let (viewer, otto, anna) = (&fort.viewer, &fort.otto, &fort.anna);
    vec![
        case("a viewer ends a chat", by(viewer, &post, &end), 403, "role_forbids"),
        case(
            "a viewer ends a chat with a slash behind",
            by(viewer, &post, &format!("{end}/")),
            404,
            "no_such_route",
        ),
        case(
            "a viewer ends what is no chat",
            by(viewer, &post, "sessions/ses_1/end"),
            403,
            "role_forbids",
        ),
        case(
            "a viewer resends a letter",
            by(viewer, &post, "dead-letters/1/resend"),
            403,
            "role_forbids",
        ),
        case(
            "a viewer drops a letter",
            by(viewer, &post, "dead-letters/1/drop"),
            403,
            "role_forbids",
        ),
        case("a viewer reads the audit trail", by(viewer, &get, "audit"), 403, "role_forbids"),
        case(
            "a viewer posts to a route for reading",
            by(viewer, &post, "overview"),
            403,
            "role_forbids",
        ),
        case("a viewer deletes a chat", by(viewer, &Method::DELETE, &one), 403, "role_forbids"),
        case("a viewer replaces a chat", by(viewer, &Method::PUT, &one), 403, "role_forbids"),
        case(
            "a viewer claims a role in a header",
            by(viewer, &post, &end).header("x-role", "admin"),
            403,
            "role_forbids",
        ),
        case(
            "a viewer claims another method in a header",
            by(viewer, &post, "overview").header("x-http-method-override", "GET"),
            403,
            "role_forbids",
        ),
        case("an operator reads the audit trail", by(otto, &get, "audit"), 403, "role_forbids"),
        case(
            "an operator ends another tenant's chat",
            by(otto, &post, &end),
            404,
            "no_such_session",
        ),
        case(
            "an operator looks at another tenant's chat",
            by(otto, &get, &one),
            404,
            "no_such_session",
        ),
        case(
            "an operator names another tenant's chat in capitals",
            by(otto, &get, &one.to_uppercase().replace("SESSIONS", "sessions")),
            404,
            "no_such_session",
        ),
        case(
            "an operator of a tenant looks at everybody's counters",
            by(otto, &get, "series"),
            403,
            "other_tenants",
        ),
        case(
            "an operator resends a letter that is nobody's",
            by(otto, &post, "dead-letters/1/resend"),
            404,
            "no_such_letter",
        ),
        case(
            "an operator drops a letter by a number below zero",
            by(otto, &post, "dead-letters/-1/drop"),
            404,
            "no_such_letter",
        ),
        case(
            "an admin of a tenant ends another's chat",
            by(anna, &post, &end),
            404,
            "no_such_session",
        ),
        case(
            "an admin of a tenant looks at another's chat",
            by(anna, &get, &one),
            404,
            "no_such_session",
        ),
        case(
            "an admin of a tenant looks at everybody's counters",
            by(anna, &get, "series"),
            403,
            "other_tenants",
        ),
        case(
            "an admin asks for a route that is none",
            by(&fort.admin, &get, "users"),
            404,
            "no_such_route",
        ),
        case(
            "somebody climbs out of the console",
            by(&fort.admin, &get, "../../metrics"),
            401,
            "unauthorized",
        ),
        case(
            "somebody climbs out with an encoded slash",
            by(&fort.admin, &get, "..%2f..%2fmetrics"),
            404,
            "no_such_route",
        ),
    ]
}
