//! Machine codes as label values: those there are, and one for the rest.

use bot_framework::connector::ConnectorError;
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

/// Why an attempt at the Connector failed besides what the Connector itself says
/// (`ConnectorError::CODES`): the codes of the dispatcher.
const OF_CHANNEL_LANE: &[&str] = &[
    "expired",
    "log_unreadable",
    "no_reference",
    "channel_not_configured",
    "channel_away",
    "paced",
    "unanswered",
    "entry_gone",
    "part_missing",
    "not_a_service_url",
    "service_url_not_https",
    "service_url_not_allowed",
];

/// Why an attempt at the Connector failed.
pub(super) fn of_channel() -> Vec<&'static str> {
    [OF_CHANNEL_LANE, ConnectorError::CODES].concat()
}

/// A code that nobody listed.
pub(super) const OTHER: &str = "other";

/// A counter for each code of a list, and one for the rest.
#[derive(Debug)]
pub(super) struct ByCode {
    codes: Box<[&'static str]>,
    counters: Box<[Counter]>,
    other: Counter,
}

impl ByCode {
    pub(super) fn new(codes: &[&'static str], counter: impl Fn(&'static str) -> Counter) -> Self {
        let counters = codes.iter().map(|code| counter(code)).collect();
        Self { codes: codes.into(), counters, other: counter(OTHER) }
    }

    pub(super) fn of(&self, code: &str) -> &Counter {
        let place = self.codes.iter().position(|known| *known == code);
        place.and_then(|place| self.counters.get(place)).unwrap_or(&self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_of_a_channel_is_counted_twice() {
        let codes = of_channel();
        let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), codes.len());
    }
}
