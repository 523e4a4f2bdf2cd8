//! What somebody may not see or do although they are who they say: roles and tenants at the console.
//! What crosses tenants at every other route stands in `crossing`.

use reqwest::Method;

use super::fort::{Case, Fort, case};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
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
