//! What a path asks for. Ids are percent-decoded, whether or not the caller had to encode them.

use axum::http::{Method, Uri};

use crate::azure::world::Call;

/// A call with the names in its path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) call: Call,
    pub(super) conversation: Option<String>,
    /// The activity or the member.
    pub(super) about: Option<String>,
    /// `pageSize` and `continuationToken`.
    pub(super) page: (Option<usize>, Option<String>),
}

impl Asked {
    /// Reads `/{region}[/{tenant}]/v3/…`; none for what is no call of a Connector at all.
    pub(super) fn read(method: &Method, uri: &Uri) -> Option<Self> {
        let segments: Vec<_> = uri.path().split('/').skip(1).map(decoded).collect();
        let segments = segments.into_iter().collect::<Option<Vec<_>>>()?;
        let version = segments.iter().take(3).position(|segment| segment == "v3")?;
        let rest: Vec<_> = segments[version + 1..].iter().map(String::as_str).collect();
        let (call, conversation, about) = match (method.as_str(), &rest[..]) {
            ("POST", ["conversations"]) => (Call::Create, None, None),
            ("POST", ["conversations", c, "activities"]) => (Call::Send, Some(c), None),
            ("POST", ["conversations", c, "activities", "history"]) => (Call::Other, Some(c), None),
            ("POST", ["conversations", c, "activities", a]) => (Call::Reply, Some(c), Some(a)),
            ("PUT", ["conversations", c, "activities", a]) => (Call::Update, Some(c), Some(a)),
            ("DELETE", ["conversations", c, "activities", a]) => (Call::Delete, Some(c), Some(a)),
            ("GET", ["conversations", c, "members"]) => (Call::Members, Some(c), None),
            ("GET", ["conversations", c, "members", m]) => (Call::Member, Some(c), Some(m)),
            ("GET", ["conversations", c, "pagedmembers"]) => (Call::PagedMembers, Some(c), None),
            (_, ["conversations", c, ..]) => (Call::Other, Some(c), None),
            (_, ["conversations" | "attachments", ..]) => (Call::Other, None, None),
            _ => return None,
        };
        let owned = |name: Option<&&str>| name.map(|name| (*name).to_owned());
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut page = (None, None);
        for (name, value) in query {
            match &*name {
                "pageSize" => page.0 = value.parse().ok(),
                "continuationToken" => page.1 = Some(value.into_owned()),
                _ => {}
            }
        }
        Some(Self { call, conversation: owned(conversation), about: owned(about), page })
    }
}

/// A segment with its percent signs resolved; none if what comes of it is no text.
fn decoded(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let encoded = match bytes.get(at..at + 3) {
            Some([b'%', high, low]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = encoded {
            plain.push(high * 16 + low);
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(plain).ok()
}

fn digit(of: u8) -> Option<u8> {
    char::from(of).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, path: &str) -> Option<(Call, Option<String>, Option<String>)> {
        let method = method.parse().unwrap();
        let asked = Asked::read(&method, &path.parse().unwrap())?;
        Some((asked.call, asked.conversation, asked.about))
    }

    #[test]
    fn ids_are_the_same_encoded_and_plain() {
        let id = Some("19:abc+1@thread.tacv2;messageid=17".to_owned());
        for path in [
            "/amer/v3/conversations/19%3Aabc%2B1%40thread.tacv2%3Bmessageid%3D17/activities",
            "/amer/v3/conversations/19:abc+1@thread.tacv2;messageid=17/activities",
            "/amer/some-tenant/v3/conversations/19:abc%2b1@thread.tacv2;messageid=17/activities",
            "/v3/conversations/19:abc+1@thread.tacv2;messageid=17/activities",
        ] {
            assert_eq!(read("POST", path), Some((Call::Send, id.clone(), None)), "{path}");
        }
        let slash = read("POST", "/amer/v3/conversations/a%2Fb/activities/1%252").unwrap();
        let odd = read("DELETE", "/amer/v3/conversations/a%+1/activities/%zz%4").unwrap();
        assert_eq!(odd, (Call::Delete, Some("a%+1".to_owned()), Some("%zz%4".to_owned())));
        assert_eq!(slash, (Call::Reply, Some("a/b".to_owned()), Some("1%2".to_owned())));
    }

    #[test]
    fn what_is_no_call_is_told_from_one_that_teams_does_not_have() {
        assert_eq!(read("GET", "/"), None);
        assert_eq!(read("POST", "/a/b/c/v3/conversations"), None);
        assert_eq!(read("POST", "/amer/v3/other"), None);
        assert_eq!(read("POST", "/amer/v3/conversations/%FF/activities"), None);
        assert_eq!(read("GET", "/amer/v3/conversations"), Some((Call::Other, None, None)));
        let history = read("POST", "/amer/v3/conversations/c/activities/history").unwrap();
        assert_eq!(history.0, Call::Other);
    }
}
