//! The time zone a user lives by, as their device names it.

use bot_framework::Activity;

/// The longest name of a time zone, in bytes. The longest there is has 32.
const TIMEZONE_BYTES_MAX: usize = 64;

/// The activity's `localTimezone`, if that looks like a name of IANA's. ServiceNow takes what is none
/// for UTC (reference 3.1), so it had better get nothing, and go by the instance's own.
pub(crate) fn of(activity: &Activity) -> Option<String> {
    let name = activity.local_timezone()?;
    is_name(&name).then(|| name.into_owned())
}

/// `UTC`, `Europe/Berlin`, `America/Argentina/Buenos_Aires`, `Etc/GMT+1`.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    name.len() <= TIMEZONE_BYTES_MAX && name.split('/').count() <= 3 && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Option<String> {
        of(&Activity::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn a_time_zone_is_taken_only_under_a_name_of_ianas() {
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1"] {
            let json = format!(r#"{{"type":"message","localTimezone":"{name}"}}"#);
            assert_eq!(told(&json).as_deref(), Some(name));
        }
        let long = format!("Europe/{}", "a".repeat(60));
        for name in ["", "/", "Europe/", "W. Europe Standard Time", "+01:00", "a/b/c/d", &long] {
            let json = format!(r#"{{"type":"message","localTimezone":"{name}"}}"#);
            assert_eq!(told(&json), None, "{name:?}");
        }
        assert_eq!(told(r#"{"type":"message"}"#), None);
    }
}
