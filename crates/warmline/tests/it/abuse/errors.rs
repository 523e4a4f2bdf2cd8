//! Requests made to see what an error tells: paths, versions, stack traces, other people's names.

use reqwest::Method;

use super::fort::{Case, Fort, case};

pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let mut cases = vec![
        case("a route that is none", fort.get("/admin"), 404, "no_such_route"),
        case("a route with dots", fort.get("/..%2f..%2fetc%2fpasswd"), 404, "no_such_route"),
        case("a bracket in a path", fort.get("/%7B%7B7*7%7D%7D"), 404, "no_such_route"),
        case(
            "bytes that are no text in a path",
            fort.get("/v3/directline/conversations/%ff/activities").bearer_auth(&fort.page.token),
            400,
            "BadArgument",
        ),
        case(
            "the webhook by GET",
            fort.get("/api/v1/snowBot/receiveMessage"),
            405,
            "method_not_allowed",
        ),
        case(
            "the webhook by DELETE",
            fort.call(Method::DELETE, "/api/v1/snowBot/receiveMessage"),
            405,
            "method_not_allowed",
        ),
        case("the metrics by POST", fort.post("/metrics"), 405, "method_not_allowed"),
        case(
            "the description by PUT",
            fort.call(Method::PUT, "/openapi.json"),
            405,
            "method_not_allowed",
        ),
        case("readiness by POST", fort.post("/readyz"), 405, "method_not_allowed"),
        case(
            "activities by DELETE",
            fort.call(Method::DELETE, &fort.own("/activities")).bearer_auth(&fort.page.token),
            405,
            "MethodNotAllowed",
        ),
        case("sign-in by GET", fort.get("/console/api/login"), 405, "method_not_allowed"),
        case(
            "a bot's service by PATCH",
            fort.call(Method::PATCH, "/v3/conversations/x/activities"),
            405,
            "MethodNotAllowed",
        ),
    ];
    for method in ["TRACE", "TRACK", "DEBUG", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = fort.call(method.clone(), "/readyz").header("x-secret", "kept");
        cases.push(case(
            format!("{method}, which echoes elsewhere"),
            request,
            405,
            "method_not_allowed",
        ));
    }
    cases
}
