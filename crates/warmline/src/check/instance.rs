//! The instance: from its name to the settings on it that decide whether chats work.
//!
//! What is asked and what an answer means is `servicenow`'s; here it becomes words for the person who
//! administers the instance.

use std::time::Duration;

use gateway::DeskSetup;
use servicenow::{Client, FetchError, Grant, MessagesReadable, Ordering, SendError, TokenExamined};

use super::{
    clock,
    finding::{Finding, Subject},
    report::Report,
    wire::{self, Trouble},
};
use crate::config::Called;

/// An instance that takes longer for a token makes people wait for each word after a pause.
const SLOW: Duration = Duration::from_secs(3);

/// A token that lives shorter is renewed all the time.
const LIFETIME_GOOD: Duration = Duration::from_mins(5);

/// A certificate that ends sooner, in days, is worth a word.
pub(super) const EXPIRY_SEEN_DAYS: i64 = 21;

/// The checks that need a token.
const WITH_TOKEN: [&str; 3] = ["instance.endpoint", "instance.messages", "instance.ordering"];

/// Looks at one desk's instance.
pub(super) async fn check(desk: &DeskSetup, called: Called<'_>, now_ms: i64, report: &mut Report) {
    let subject = Subject::of_desk(desk);
    if !connects((desk, called), now_ms, &subject, report).await {
        for check in
            ["instance.answers", "instance.clock", "instance.token"].into_iter().chain(WITH_TOKEN)
        {
            let words = "the instance cannot be reached";
            report.say(Finding::skip(check, "unreachable", words).about(&subject));
        }
        return;
    }
    let client = match Client::new(desk.client.clone()) {
        Ok(client) => client,
        Err(error) => {
            let words = format!("{:#}", anyhow::Error::from(error));
            return report.say(Finding::fail("instance.token", "unusable", words).about(&subject));
        }
    };
    report.looks_at("the instance's token endpoint");
    let asked_ms = gateway::Clock::System.now().0;
    let examined = client.examine_token().await;
    for finding in [answers(&examined, called), clock(&examined, asked_ms), token(&examined, desk)]
    {
        report.say(finding.about(&subject));
    }
    if examined.lifetime.is_err() {
        for check in WITH_TOKEN {
            report.say(Finding::skip(check, "no_token", "there is no token").about(&subject));
        }
        return;
    }
    report.looks_at("the instance's Bot Integration resource");
    report.say(endpoint(&client.examine_endpoint().await).about(&subject));
    report.say(messages(client.examine_messages().await).about(&subject));
    report.say(ordering(client.examine_ordering().await).about(&subject));
}

/// Name, address, certificate.
async fn connects(
    (desk, called): (&DeskSetup, Called<'_>),
    now_ms: i64,
    subject: &Subject,
    report: &mut Report,
) -> bool {
    let url = desk.client.base();
    let host = url.host_str().unwrap_or_default();
    report.looks_at("the connection to the instance");
    let may_be_at = |address| desk.client.may_be_at(address);
    let steps = wire::steps(url, now_ms / 1_000, &desk.client.authorities, may_be_at).await;
    let mut say = |finding: Finding| report.say(finding.about(subject));
    match &steps.addresses {
        Ok(addresses) => {
            let words = format!("{host} has {} address(es)", addresses.len());
            say(Finding::ok("instance.dns", "resolved", words));
        }
        Err(trouble) => {
            say(trouble_with("instance.dns", trouble, called));
            for check in ["instance.tcp", "instance.tls"] {
                say(Finding::skip(check, "no_address", "there is no address to connect to"));
            }
            return false;
        }
    }
    let connected =
        || Finding::ok("instance.tcp", "connected", format!("{host} takes connections"));
    match steps.connection {
        Some(Ok(connection)) => {
            say(connected());
            say(match &connection.certificate {
                Some(shown) if shown.days_left < EXPIRY_SEEN_DAYS => {
                    let words =
                        format!("issued by {}, ends in {} days", shown.issuer, shown.days_left);
                    Finding::warn("instance.tls", "ends_soon", words)
                        .fix("have it renewed by whoever runs the instance's address")
                }
                Some(shown) => {
                    let words =
                        format!("issued by {}, good for {} days", shown.issuer, shown.days_left);
                    Finding::ok("instance.tls", "trusted", words)
                }
                None => {
                    let words = "http on this machine: nothing is encrypted";
                    Finding::skip("instance.tls", "plain", words)
                }
            });
            true
        }
        Some(Err(trouble)) if trouble.step() == "tcp" => {
            say(trouble_with("instance.tcp", &trouble, called));
            say(Finding::skip("instance.tls", "no_connection", "there is no connection"));
            false
        }
        Some(Err(trouble)) => {
            say(connected());
            say(trouble_with("instance.tls", &trouble, called));
            false
        }
        None => false,
    }
}

fn trouble_with(check: &'static str, trouble: &Trouble, called: Called<'_>) -> Finding {
    let instance = called.setting("desk.instance");
    let fix = match trouble.step() {
        "dns" if matches!(trouble, Trouble::LeadsInside { .. }) => format!(
            "correct what this machine's name server answers for the instance; if a private line leads \
             to it, name its host in {}, which lets it into private networks, but never to this machine \
             or to a link's own addresses",
            called.setting("private_hosts")
        ),
        "dns" => format!(
            "set {instance} to the instance's name (dev12345) or host, and let this machine reach a \
             name server"
        ),
        "tcp" => {
            format!("let this machine reach the instance: firewall, proxy, the port in {instance}")
        }
        "tls" => format!(
            "set {instance} to the host that the certificate is for; where a company's proxy opens TLS, \
             or the instance's authority is a company's own, name its certificate in {}",
            called.setting("desk.ca_file")
        ),
        _ => format!("see whether {instance} is a ServiceNow instance"),
    };
    Finding::fail(check, trouble.code(), trouble.to_string()).fix(fix)
}

/// Whether it is awake, and how quick.
fn answers(examined: &TokenExamined, called: Called<'_>) -> Finding {
    const CHECK: &str = "instance.answers";
    let took = examined.took.as_millis();
    match &examined.lifetime {
        Err(error) if examined.fault.is_none() => {
            let words = match error {
                SendError::Retry { detail, .. } | SendError::Refused { detail, .. } => detail,
            };
            let fix = match error.code() {
                "hibernating" => "sign in at developer.servicenow.com and wake the instance",
                "busy" => "wait until the instance is back, or ask whoever runs it",
                "timeout" => "ask whoever runs the instance why it is slow",
                "rate_limited" => "lift the instance's rate-limit rule for the integration user",
                "redirected" | "not_found" | "not_success_json" => &format!(
                    "set {} to the instance itself, not to a portal before it",
                    called.setting("desk.instance")
                ),
                _ => "see the instance's system log",
            };
            Finding::fail(CHECK, error.code(), words.clone()).fix(fix)
        }
        _ if examined.took > SLOW => {
            let words = format!("the instance answers, after {took} ms");
            Finding::warn(CHECK, "slow", words).fix("ask whoever runs the instance why it is slow")
        }
        _ => Finding::ok(CHECK, "awake", format!("the instance answers in {took} ms")),
    }
}

/// How far its clock is from ours.
fn clock(examined: &TokenExamined, asked_ms: i64) -> Finding {
    const CHECK: &str = "instance.clock";
    let Some(theirs) = examined.date_ms else {
        return Finding::skip(CHECK, "unknown", "the instance did not say what time it is");
    };
    let breaks = "tokens and what was missed are reckoned wrongly";
    let other = clock::Other { check: CHECK, whose: "the instance's", breaks };
    other.judged(theirs, asked_ms, examined.took)
}

fn token(examined: &TokenExamined, desk: &DeskSetup) -> Finding {
    const CHECK: &str = "instance.token";
    match (&examined.lifetime, examined.fault) {
        (Ok(_), _) if desk.client.grant == Grant::Basic => {
            let words = "the instance takes the user's name and password (Basic)";
            Finding::ok(CHECK, "taken", words)
        }
        (Ok(lifetime), _) if *lifetime < LIFETIME_GOOD => {
            let words = format!("a token was given, for {} s only", lifetime.as_secs());
            Finding::warn(CHECK, "short_lived", words).fix(
                "raise the Access Token Lifespan of the OAuth entry (Application Registry) to \
                 1,800 s",
            )
        }
        (Ok(lifetime), _) => {
            let grant = match desk.client.grant {
                Grant::Password => "password",
                Grant::ClientCredentials => "client credentials",
                Grant::Basic => "basic",
            };
            let words = format!("a token was given for {} s ({grant} grant)", lifetime.as_secs());
            Finding::ok(CHECK, "granted", words)
        }
        (Err(SendError::Retry { detail, .. } | SendError::Refused { detail, .. }), Some(fault)) => {
            // The sentence says what to check and where.
            let (what, fix) = detail.split_once(": ").unwrap_or((detail, ""));
            Finding::fail(CHECK, fault.code(), what.to_owned()).fix(fix.to_owned())
        }
        (Err(_), None) => Finding::skip(
            CHECK,
            "no_answer",
            "the instance did not come to look at the credentials",
        ),
    }
}

fn endpoint(asked: &Result<(), SendError>) -> Finding {
    const CHECK: &str = "instance.endpoint";
    let (error, detail) = match asked {
        Ok(()) => {
            let words = "the Virtual Agent API takes requests of the integration user";
            return Finding::ok(CHECK, "answers", words);
        }
        Err(error @ (SendError::Retry { detail, .. } | SendError::Refused { detail, .. })) => {
            (error, detail)
        }
    };
    let fix = match error.code() {
        "unauthorized" => {
            "on the instance: Scripted REST API VA Bot Integration, resource BOT Integration, must \
             take OAuth; no REST access policy may keep this machine out"
        }
        "forbidden" => {
            "on the instance: give the integration user the role \
             sn_va_as_service.integration_user; if it has it, look at the ACL of the Scripted REST \
             API VA Bot Integration"
        }
        "not_found" => {
            "on the instance: install the store app Virtual Agent API (sn_va_as_service) and see \
             that the Scripted REST API VA Bot Integration is active"
        }
        "hibernating" => "sign in at developer.servicenow.com and wake the instance",
        "rate_limited" => "lift the instance's rate-limit rule for the integration user",
        _ => "see the instance's system log, source sn_va_as_service",
    };
    Finding::fail(CHECK, error.code(), detail.clone()).fix(fix)
}

fn messages(asked: Result<MessagesReadable, FetchError>) -> Finding {
    const CHECK: &str = "instance.messages";
    match asked {
        Ok(MessagesReadable::Yes) => {
            Finding::ok(CHECK, "readable", "what is missed can be fetched from sys_cs_message")
        }
        Ok(MessagesReadable::NothingThere) => {
            let words = "sys_cs_message may be asked, and holds nothing yet that could prove it";
            Finding::ok(CHECK, "empty", words)
        }
        Err(error @ FetchError::NotAllowed { .. }) => {
            let words = "the integration user may not read sys_cs_message: what agents say while \
                         Warmline is away is lost";
            Finding::warn(CHECK, error.code(), words)
                .fix("on the instance: give it the role interaction_agent or virtual_agent_admin")
        }
        Err(error) => Finding::warn(CHECK, error.code(), error.to_string())
            .fix("see the instance's system log"),
    }
}

fn ordering(asked: Result<Ordering, FetchError>) -> Finding {
    const CHECK: &str = "instance.ordering";
    let by_hand = "on the instance: table sys_cs_provider, record VA Bot to Bot Provider, see that \
                   Maintain message ordering is ticked";
    match asked {
        Ok(Ordering::On) => Finding::ok(CHECK, "on", "Maintain message ordering is on"),
        Ok(Ordering::Off) => {
            let words =
                "Maintain message ordering is off: an agent's messages can overtake each other";
            Finding::fail(CHECK, "off", words).fix(
                "on the instance: table sys_cs_provider, record VA Bot to Bot Provider, tick \
                 Maintain message ordering",
            )
        }
        Ok(Ordering::NotFound) => {
            let words = "Maintain message ordering was not found, so it could not be verified";
            Finding::warn(CHECK, "not_found", words).fix(by_hand)
        }
        Err(error) => {
            let words = "Maintain message ordering could not be verified: the integration user may \
                         not read sys_cs_provider, and does not need to";
            Finding::warn(CHECK, error.code(), words).fix(by_hand)
        }
    }
}

#[cfg(test)]
mod tests {
    use servicenow::CredentialFault;

    use super::*;

    fn examined(lifetime: Result<Duration, SendError>) -> TokenExamined {
        let took = Duration::from_millis(50);
        TokenExamined { took, date_ms: Some(1_000_000), fault: None, lifetime }
    }

    fn retry(reason: &'static str) -> SendError {
        SendError::Retry { not_before: None, reason, detail: "it is: so".to_owned() }
    }

    #[test]
    fn a_clock_is_told_by_how_far_it_is_away() {
        for (asked_ms, status, code) in [
            (1_000_000, "ok", "same"),
            // It cut off up to a second.
            (1_000_990, "ok", "same"),
            (990_000, "ok", "near"),
            (1_060_000, "warn", "skewed"),
            (940_000, "warn", "skewed"),
            (2_000_000, "fail", "skewed"),
        ] {
            let finding = clock(&examined(Ok(Duration::from_secs(1))), asked_ms);
            let said = serde_json::to_value(&finding).unwrap();
            assert_eq!((&said["status"], &said["code"]), (&status.into(), &code.into()), "{said}");
        }
        let ahead = clock(&examined(Ok(Duration::from_secs(1))), 1_601_000);
        assert!(ahead.found.contains("600 s ahead of the instance's"), "{}", ahead.found);
        let unknown = TokenExamined { date_ms: None, ..examined(Ok(Duration::ZERO)) };
        assert_eq!(clock(&unknown, 0).code, "unknown");
    }

    #[test]
    fn a_name_that_leads_inside_is_told_with_the_setting_that_lets_it() {
        let (host, address) = ("dev1.service-now.com".to_owned(), "10.0.0.5".parse().unwrap());
        let inside = Trouble::LeadsInside { host, address };
        let finding = trouble_with("instance.dns", &inside, Called::by_variables());
        assert_eq!(finding.code, "leads_inside");
        assert!(finding.found.contains("10.0.0.5"), "{}", finding.found);
        assert!(finding.fix.unwrap().contains("WARMLINE_PRIVATE_HOSTS"));
    }

    #[test]
    fn an_instance_that_does_not_answer_is_told_by_why() {
        for code in ["hibernating", "busy", "timeout", "rate_limited", "server_error"] {
            let finding = answers(&examined(Err(retry(code))), Called::by_variables());
            assert_eq!(finding.code, code);
            assert!(finding.fix.is_some(), "{code}");
        }
        let refused =
            TokenExamined { fault: Some(CredentialFault::User), ..examined(Err(retry("x"))) };
        assert_eq!(
            answers(&refused, Called::by_variables()).code,
            "awake",
            "it answers, if only to refuse"
        );
        let slow = TokenExamined { took: SLOW * 2, ..examined(Ok(Duration::from_mins(30))) };
        assert_eq!(answers(&slow, Called::by_variables()).code, "slow");
    }

    #[test]
    fn what_the_resource_answers_is_told_with_what_to_set() {
        for (error, part) in [
            (retry("unauthorized"), "REST access policy"),
            (refused("forbidden", 403), "sn_va_as_service.integration_user"),
            (refused("not_found", 404), "install the store app Virtual Agent API"),
            (retry("hibernating"), "developer.servicenow.com"),
            (refused("refused", 405), "system log"),
        ] {
            let code = error.code();
            let finding = endpoint(&Err(error));
            assert_eq!(finding.code, code);
            assert!(finding.fix.as_deref().unwrap_or_default().contains(part), "{finding:?}");
        }
    }

    fn refused(code: &'static str, status: u16) -> SendError {
        SendError::Refused { code, status: Some(status), detail: "no".to_owned() }
    }

    #[test]
    fn a_right_that_is_missing_is_no_failure_but_disorder_is() {
        let denied = || FetchError::NotAllowed { status: 403 };
        assert_eq!(messages(Err(denied())).status, super::super::finding::Status::Warn);
        assert_eq!(ordering(Err(denied())).code, "not_allowed");
        for (found, code) in
            [(Ordering::On, "on"), (Ordering::Off, "off"), (Ordering::NotFound, "not_found")]
        {
            assert_eq!(ordering(Ok(found)).code, code);
        }
        assert_eq!(ordering(Ok(Ordering::Off)).status, super::super::finding::Status::Fail);
    }
}
