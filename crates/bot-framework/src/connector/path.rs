//! The Connector's paths (reference 2.4). Teams' ids hold `:`, `@`, `;` and `=`, so whatever is put
//! between two slashes is encoded first.

use std::fmt::Write as _;

/// The longest id put into a path. Teams' have some 150 characters.
const ID_BYTES_MAX: usize = 2_048;

/// An id that no path can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadId;

/// A read that a bot behind may have us make for it: no other path is called for one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RelayedPath<'a> {
    /// Everybody in a conversation.
    Members {
        /// The conversation's id at the channel.
        conversation: &'a str,
    },
    /// One of them.
    Member {
        /// The conversation's id at the channel.
        conversation: &'a str,
        /// The member's id there.
        member: &'a str,
    },
    /// Everybody, a page at a time.
    PagedMembers {
        /// The conversation's id at the channel.
        conversation: &'a str,
        /// How many at a time.
        page_size: Option<u32>,
        /// What the last page named.
        continuation_token: Option<&'a str>,
    },
    /// Who saw one activity.
    ActivityMembers {
        /// The conversation's id at the channel.
        conversation: &'a str,
        /// The activity's id there.
        activity: &'a str,
    },
}

impl RelayedPath<'_> {
    /// The path below the `serviceUrl`, with its query.
    pub(super) fn path(self) -> Result<String, BadId> {
        match self {
            Self::Members { conversation } => of(&[conversation], "members"),
            Self::Member { conversation, member } => self::member(conversation, member),
            Self::PagedMembers { conversation, page_size, continuation_token } => {
                let path = of(&[conversation], "pagedmembers")?;
                let mut query = Vec::new();
                query.extend(page_size.map(|size| format!("pageSize={size}")));
                if let Some(token) = continuation_token {
                    query.push(format!("continuationToken={}", encoded(token)?));
                }
                let query = query.join("&");
                Ok(if query.is_empty() { path } else { format!("{path}?{query}") })
            }
            Self::ActivityMembers { conversation, activity } => {
                Ok(format!("{}/members", self::activity(conversation, activity)?))
            }
        }
    }
}

pub(super) const CONVERSATIONS: &str = "v3/conversations";

pub(super) fn activities(conversation: &str) -> Result<String, BadId> {
    of(&[conversation], "activities")
}

pub(super) fn activity(conversation: &str, activity: &str) -> Result<String, BadId> {
    Ok(format!("{}/{}", activities(conversation)?, encoded(activity)?))
}

pub(super) fn member(conversation: &str, member: &str) -> Result<String, BadId> {
    Ok(format!("{}/{}", of(&[conversation], "members")?, encoded(member)?))
}

fn of(ids: &[&str], what: &str) -> Result<String, BadId> {
    let mut path = CONVERSATIONS.to_owned();
    for id in ids {
        path.push('/');
        path.push_str(&encoded(id)?);
    }
    Ok(format!("{path}/{what}"))
}

/// A text as one segment: everything but RFC 3986's unreserved characters is encoded. What proxies
/// would take for another path (nothing, `.`, `..`) is no id.
fn encoded(id: &str) -> Result<String, BadId> {
    if id.is_empty() || id.len() > ID_BYTES_MAX || matches!(id, "." | "..") {
        return Err(BadId);
    }
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").map_err(|_| BadId)?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_where_paths_are_made() {
        let conversation = "19:abc@thread.tacv2;messageid=17";
        let encoded = "19%3Aabc%40thread.tacv2%3Bmessageid%3D17";
        for (path, expected) in [
            (activities(conversation), format!("v3/conversations/{encoded}/activities")),
            (
                activity(conversation, "f:1/2"),
                format!("v3/conversations/{encoded}/activities/f%3A1%2F2"),
            ),
            (
                member("a:1", "29:x y+ä"),
                "v3/conversations/a%3A1/members/29%3Ax%20y%2B%C3%A4".to_owned(),
            ),
            (
                RelayedPath::Members { conversation: "c" }.path(),
                "v3/conversations/c/members".to_owned(),
            ),
            (
                RelayedPath::Member { conversation: "c", member: "../m" }.path(),
                "v3/conversations/c/members/..%2Fm".to_owned(),
            ),
            (
                RelayedPath::ActivityMembers { conversation: "c", activity: "a" }.path(),
                "v3/conversations/c/activities/a/members".to_owned(),
            ),
        ] {
            assert_eq!(path, Ok(expected));
        }
    }

    #[test]
    fn pages_are_asked_for_as_the_bot_asked() {
        for (page_size, continuation_token, expected) in [
            (None, None, "v3/conversations/c/pagedmembers"),
            (Some(7), None, "v3/conversations/c/pagedmembers?pageSize=7"),
            (None, Some("a&b=c"), "v3/conversations/c/pagedmembers?continuationToken=a%26b%3Dc"),
            (Some(7), Some("t"), "v3/conversations/c/pagedmembers?pageSize=7&continuationToken=t"),
        ] {
            let path =
                RelayedPath::PagedMembers { conversation: "c", page_size, continuation_token };
            assert_eq!(path.path().as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_would_lead_to_another_path_is_no_id() {
        for id in ["", ".", "..", &"x".repeat(ID_BYTES_MAX + 1)] {
            assert_eq!(activities(id), Err(BadId), "{id}");
            assert_eq!(activity("c", id), Err(BadId), "{id}");
            assert_eq!(member("c", id), Err(BadId), "{id}");
        }
    }
}
