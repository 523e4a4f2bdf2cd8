//! What the reason code of a dead letter means, and what to do about it: one sentence or two each.

/// Codes with their meaning.
const MEANINGS: [(&str, &str); 22] = [
    (
        "expired",
        "Its time ran out, and whether the last attempt arrived is not known. See that the \
         instance is up (an instance that sleeps is woken at developer.servicenow.com).",
    ),
    (
        "desk_away",
        "The instance was away until its time ran out; if it was attempted before that, it may \
         have arrived. See that the instance is up and that this machine reaches it.",
    ),
    (
        "timeout",
        "The instance did not answer in time, again and again. See that it is up and not \
         overloaded.",
    ),
    (
        "unreachable",
        "No connection could be made, or it broke. Check the desk's `instance` \
         (SERVICENOW_INSTANCE), name resolution, proxies and firewalls between this machine and the \
         instance.",
    ),
    (
        "interrupted",
        "No connection could be made, or it broke. Check the desk's `instance` \
         (SERVICENOW_INSTANCE), name resolution, proxies and firewalls between this machine and the \
         instance.",
    ),
    ("hibernating", "The developer instance slept. Wake it at developer.servicenow.com."),
    (
        "not_success_json",
        "The instance answered a success that is not the API's. See that the Virtual Agent \
         API app is installed and no page (log-in, maintenance, proxy) stands in front of \
         it.",
    ),
    (
        "server_error",
        "The instance kept answering 5xx: restart, upgrade, maintenance or a fault. Look \
         into its system log.",
    ),
    (
        "busy",
        "The instance kept answering 5xx: restart, upgrade, maintenance or a fault. Look \
         into its system log.",
    ),
    (
        "rate_limited",
        "A rate-limit rule of the instance applied all the time. Exempt the integration \
         user (sys_rate_limit_rules).",
    ),
    (
        "unauthorized",
        "The instance refused fresh tokens. Check its REST access policies and the \
         integration user.",
    ),
    (
        "credentials_refused",
        "The instance refused the desk's credentials. Check its `client_id` and `client_secret` and, \
         with the password grant, `username` and `password`; `warmline check` says where they are \
         set.",
    ),
    (
        "forbidden",
        "The instance forbids it. Give the integration user the role \
         sn_va_as_service.integration_user and look for an ACL.",
    ),
    (
        "not_found",
        "There is no such address at the instance. Install the Virtual Agent API app and \
         check the desk's `instance` (SERVICENOW_INSTANCE).",
    ),
    ("redirected", "The instance redirects. Check the desk's `instance` (SERVICENOW_INSTANCE)."),
    (
        "refused",
        "The instance refused it for good. The gateway's log at the time of its attempt \
         says with which words.",
    ),
    (
        "entry_gone",
        "The words it was to carry are deleted (their retention ended). Nothing can be sent \
         any more: drop it.",
    ),
    (
        "unreadable",
        "It could not be read: damaged, or sealed with another master key. If it stays so \
         after an update, drop it.",
    ),
    (
        "not_reported",
        "It was attempted, but its outcome could not be taken in; it may have arrived. The \
         gateway's log says why; sent again it may arrive twice.",
    ),
    (
        "desk_not_configured",
        "Its desk is not in the configuration any more. Put it back, or drop the letter.",
    ),
    (
        "log_unreadable",
        "What it was to carry could not be read in time. See that the disk is well; the \
         gateway's log says more.",
    ),
    ("not_taken_in", "The bot's answer could not be taken in. The gateway's log says why."),
];

/// What a code of another release means.
const UNKNOWN: &str =
    "This release does not know the code; the gateway's log at the time says more.";

/// The same of what was for a bot: what only the gateway can mean says the same as elsewhere.
pub(super) fn of_bot(code: &str) -> &'static str {
    match code {
        "entry_gone" | "unreadable" | "not_reported" | "log_unreadable" | "not_taken_in" => {
            meaning_of(code)
        }
        "expired" | "bot_away" | "unreachable" | "timeout" | "interrupted" | "busy" => {
            "The bot could not be reached until its time ran out. See that it runs and that its \
             `endpoint` (BOT_ENDPOINT) is its address; `warmline check` tries both."
        }
        _ => {
            "The bot refused it, or failed. The gateway's log at the time of its attempt says with \
             what; docs/bot.md says for each code what to do."
        }
    }
}

/// The same of what was for a user, on a channel that is brought it.
pub(super) fn of_channel(code: &str) -> &'static str {
    match code {
        "entry_gone" | "unreadable" | "not_reported" | "log_unreadable" => meaning_of(code),
        "blocked_by_user" | "writes_blocked" => {
            "The user has blocked the bot, or may not be written to. They have to unblock it; what is \
             here is then old, so drop it."
        }
        "not_in_roster" | "never_installed" | "conversation_not_found" | "disabled_by_admin" => {
            "The bot's app is not there any more: removed by the user, or by an administrator's \
             policy. It has to be installed again; drop this."
        }
        "message_too_large" => {
            "The channel takes no message as large. A bot behind has to send less at a time."
        }
        "unanswered" | "channel_timeout" | "channel_failed" | "timeout" | "interrupted" => {
            "It was sent twice and never answered for: the user may have it. Ask them before it is \
             sent again."
        }
        "channel_not_configured" => {
            "The bot has no Azure registration in the configuration any more. Put it back, or drop \
             the letter."
        }
        "expired" | "channel_away" | "unreachable" | "throttled" => {
            "The Connector took nothing until its time ran out. See status.azure.com and this \
             machine's way out; `warmline check` tries both."
        }
        _ => {
            "The Connector refused it. The gateway's log at the time of its attempt says with \
             what; docs/channel-codes.md says for each code what to do."
        }
    }
}

/// For this code. What is not known here (a code of another release) is said to be so.
pub(super) fn meaning_of(code: &str) -> &'static str {
    MEANINGS.iter().find(|(known, _)| *known == code).map_or(UNKNOWN, |(_, meaning)| meaning)
}
