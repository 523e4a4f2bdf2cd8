//! Machine codes as label values: those there are, and one for the rest.

use prometheus_client::metrics::counter::Counter;

/// Why an attempt at a desk failed: the codes of crate `servicenow` (`SendError::code`) and of the
/// dispatcher. One that is not here counts as [`OTHER`], so the labels stay bounded.
pub(super) const DELIVERY: &[&str] = &[
    "unreachable",
    "interrupted",
    "timeout",
    "busy",
    "rate_limited",
    "server_error",
    "hibernating",
    "not_success_json",
    "unauthorized",
    "credentials_refused",
    "refused",
    "forbidden",
    "not_found",
    "redirected",
    "expired",
    "desk_not_configured",
    "log_unreadable",
    "entry_gone",
    "not_taken_in",
];

/// Why an attempt at a bot failed: the codes of crate `bot-framework` (`PostError::code`) and of the
/// dispatcher.
pub(super) const BOT: &[&str] = &[
    "unreachable",
    "interrupted",
    "timeout",
    "gateway_timeout",
    "bad_gateway",
    "busy",
    "rate_limited",
    "bot_failed",
    "unauthorized",
    "forbidden",
    "bad_request",
    "not_found",
    "method_not_allowed",
    "too_large",
    "not_json",
    "redirected",
    "not_a_bot",
    "bad_answer",
    "answer_too_large",
    "refused",
    "login_refused",
    "login_unreachable",
    "login_timeout",
    "login_busy",
    "login_odd",
    "expired",
    "log_unreadable",
    "entry_gone",
    "not_taken_in",
];

/// Why an attempt at the Connector failed: the codes of crate `bot-framework` (`ConnectorError::code`)
/// and of the dispatcher.
pub(super) const CHANNEL: &[&str] = &[
    "expired",
    "log_unreadable",
    "no_reference",
    "channel_not_configured",
    "channel_away",
    "paced",
    "unanswered",
    "entry_gone",
    "not_a_service_url",
    "service_url_not_https",
    "service_url_not_allowed",
    "unreachable",
    "interrupted",
    "timeout",
    "throttled",
    "busy_conversation",
    "not_ready",
    "channel_timeout",
    "channel_failed",
    "blocked_by_user",
    "not_in_roster",
    "disabled_by_admin",
    "never_installed",
    "writes_blocked",
    "conversation_not_found",
    "message_too_large",
    "bad_argument",
    "unauthorized",
    "other_cloud",
    "not_permitted",
    "forbidden",
    "activity_not_found",
    "member_not_found",
    "not_found",
    "not_supported",
    "redirected",
    "not_a_connector",
    "bad_answer",
    "answer_too_large",
    "bad_id",
    "refused",
    "login_refused",
    "login_unreachable",
    "login_timeout",
    "login_busy",
    "login_odd",
    "login_unsigned",
];

/// A code that nobody listed.
pub(super) const OTHER: &str = "other";

/// A counter for each code of a list, and one for the rest.
#[derive(Debug)]
pub(super) struct ByCode {
    codes: &'static [&'static str],
    counters: Box<[Counter]>,
    other: Counter,
}

impl ByCode {
    pub(super) fn new(
        codes: &'static [&'static str],
        counter: impl Fn(&'static str) -> Counter,
    ) -> Self {
        let counters = codes.iter().map(|code| counter(code)).collect();
        Self { codes, counters, other: counter(OTHER) }
    }

    pub(super) fn of(&self, code: &str) -> &Counter {
        let place = self.codes.iter().position(|known| *known == code);
        place.and_then(|place| self.counters.get(place)).unwrap_or(&self.other)
    }
}

#[cfg(test)]
mod tests {
    use bot_framework::connector::ConnectorError;

    use super::*;

    #[test]
    fn every_code_of_the_connector_is_counted_by_its_name_and_none_twice() {
        for code in ConnectorError::CODES {
            assert!(CHANNEL.contains(code), "{code}");
        }
        let distinct: std::collections::BTreeSet<_> = CHANNEL.iter().collect();
        assert_eq!(distinct.len(), CHANNEL.len());
    }
}
