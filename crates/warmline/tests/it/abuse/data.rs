//! Ways to other people's words and names.

use reqwest::Method;

use super::fort::{Case, Fort, case};

pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let read = |conversation: &str, token: &str| {
        fort.get(&format!("/v3/directline/conversations/{conversation}/activities"))
            .bearer_auth(token)
    };
    let own = &fort.page.conversation;
    let near = super::near(own);
    vec![
        case("the conversation of another site", read(own, &fort.other.token), 403, "Forbidden"),
        case(
            "a conversation that is one letter off",
            read(&near, &fort.page.token),
            403,
            "Forbidden",
        ),
        case(
            "the conversation with a path behind",
            read(&format!("{own}%2f..%2fx"), &fort.page.token),
            403,
            "Forbidden",
        ),
        case(
            "the conversation in capitals",
            read(&own.to_uppercase(), &fort.other.token),
            403,
            "Forbidden",
        ),
        case("a conversation by its row", read("1", &fort.other.token), 403, "Forbidden"),
        case(
            "all conversations",
            fort.get("/v3/directline/conversations").bearer_auth(&fort.page.token),
            405,
            "MethodNotAllowed",
        ),
        case("a backup in the web root", fort.get("/warmline.db"), 404, "no_such_route"),
        case("the key in the web root", fort.get("/master.key"), 404, "no_such_route"),
        case("the configuration in the web root", fort.get("/warmline.toml"), 404, "no_such_route"),
        case("the repository in the web root", fort.get("/.git/config"), 404, "no_such_route"),
        case("the environment in the web root", fort.get("/.env"), 404, "no_such_route"),
        case(
            "an asset that climbs",
            fort.get("/console/assets/..%2f..%2f..%2fetc%2fpasswd"),
            404,
            "no_such_route",
        ),
        case(
            "an asset of the widget that climbs",
            fort.get("/widget/assets/..%2f..%2fCargo.toml"),
            404,
            "no_such_route",
        ),
        case(
            "the audit trail without signing in",
            fort.get("/console/api/audit"),
            401,
            "signed_out",
        ),
        case("the feed without signing in", fort.get("/console/api/feed"), 401, "signed_out"),
        case(
            "the log of a chat without signing in",
            fort.get(&format!("/console/api/sessions/{}", fort.session)),
            401,
            "signed_out",
        ),
        case(
            "a chat that never was",
            fort.console(Method::GET, "sessions/ses_0190000000000000000000000000000", &fort.admin),
            404,
            "no_such_session",
        ),
    ]
}
