//! Doors that a deployment may have left open elsewhere: none of them is here.

use super::fort::{Case, Fort, case};

pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in [
        "/debug/pprof",
        "/actuator/env",
        "/server-status",
        "/phpinfo.php",
        "/swagger-ui",
        "/graphql",
        "/console/api/config",
        "/.well-known/security.txt.bak",
        "/api/v1/snowBot",
        "/v3",
        "/bot",
    ] {
        let signed = fort.get(path).header("cookie", &fort.admin);
        cases.push(case(format!("{path}, left open elsewhere"), signed, 404, "no_such_route"));
    }
    let guess = "/bot/0123456789abcdef0123456789abcdef/v3/conversations/x/activities";
    cases.push(case(
        "a bot's address that is a guess",
        fort.post(guess).body("{}"),
        401,
        "Unauthorized",
    ));
    cases.push(case(
        "a bot's service without a token",
        fort.post("/v3/conversations/x/activities").body("{}"),
        401,
        "Unauthorized",
    ));
    cases
}
