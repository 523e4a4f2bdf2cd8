//! Keys in words.

use std::fmt::Write as _;

use gateway::keys::{KeysSeen, Left};

/// The root keys and how far the sealing anew is.
pub(super) fn status(seen: &KeysSeen) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    writeln!(text, "ROOT KEY  MADE                      STATE").ok();
    for root in &seen.roots {
        let made = root.made_at.as_deref().unwrap_or("by an earlier version");
        let state = match (&root.retiring_since, &root.retires_at) {
            (None, _) => "current".to_owned(),
            (Some(since), None) => format!("old since {since}"),
            (Some(since), Some(at)) => format!("old since {since}, retired after {at}"),
        };
        writeln!(text, "{}  {made:<24}  {state}", root.id).ok();
    }
    let Left { states, effects, dead_letters, segment_keys, settings } = seen.left;
    writeln!(
        text,
        "\nsealed under old keys: {states} states, {effects} effects, {dead_letters} dead letters, \
         {segment_keys} segment keys, {settings} secrets and tokens; {} % are sealed anew",
        seen.percent
    )
    .ok();
    if let Some(files) = seen.files.filter(|files| *files > 0) {
        writeln!(
            text,
            "{files} files may be under old keys and are wrapped anew, one after another"
        )
        .ok();
    }
    if let Some(stuck) = seen.files_stuck.filter(|stuck| *stuck > 0) {
        writeln!(
            text,
            "{stuck} of these files could not be wrapped anew so far and are tried again; the log says why"
        )
        .ok();
    }
    if seen.unreadable > 0 {
        writeln!(
            text,
            "{} of what is sealed opens under no key: it was damaged before",
            seen.unreadable
        )
        .ok();
    }
    for (n, key) in seen.messages.iter().enumerate() {
        let what = if n == 0 { "pages seal to it" } else { "old" };
        let (id, made, end) = (&key.id, &key.made_at, &key.ends_at);
        writeln!(text, "key for messages {id}, made {made}: {what}, opens until {end}").ok();
    }
    if seen.in_files {
        text.push_str(
            "something that was replaced or removed may still be in the files, sealed: it is overwritten as soon \
             as nobody reads them all the time\n",
        );
    }
    if seen.master_key_changes {
        text.push_str(
            "the change of the master key is not finished: two open the data until the gateway starts \
             with the new one, or rotate-master is run again\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use gateway::keys::{MessageKeyLine, RootLine};

    use super::*;

    #[test]
    fn a_status_tells_keys_what_is_left_and_what_is_unfinished() {
        let root = |id: &str, since: Option<&str>| RootLine {
            id: id.to_owned(),
            made_at: None,
            retiring_since: since.map(str::to_owned),
            retires_at: since.map(|_| "2026-12-30T00:00:00.000Z".to_owned()),
        };
        let message = |id: &str, ends_at: &str| MessageKeyLine {
            id: id.to_owned(),
            made_at: "2026-11-30T00:00:00.000Z".to_owned(),
            ends_at: ends_at.to_owned(),
        };
        let seen = KeysSeen {
            roots: vec![root("0a0a0a0a", Some("2026-11-30T00:00:00.000Z")), root("0b0b0b0b", None)],
            left: Left { states: 3, segment_keys: 9, ..Left::default() },
            percent: 75,
            unreadable: 1,
            files: Some(2),
            files_stuck: Some(1),
            messages: vec![
                message("5f0c5f0c5f0c5f0c", "2026-12-08T00:00:00.000Z"),
                message("4e0b4e0b4e0b4e0b", "2026-12-01T00:00:00.000Z"),
            ],
            in_files: true,
            master_key_changes: true,
        };
        let text = status(&seen);
        for part in [
            "0a0a0a0a  by an earlier version     old since 2026-11-30T00:00:00.000Z, retired after",
            "0b0b0b0b  by an earlier version     current",
            "3 states, 0 effects, 0 dead letters, 9 segment keys, 0 secrets and tokens; 75 %",
            "2 files may be under old keys",
            "1 of these files could not be wrapped anew",
            "1 of what is sealed opens under no key",
            "5f0c5f0c5f0c5f0c, made 2026-11-30T00:00:00.000Z: pages seal to it, opens until 2026-12-08",
            "4e0b4e0b4e0b4e0b, made 2026-11-30T00:00:00.000Z: old, opens until 2026-12-01",
            "may still be in the files",
            "is not finished",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
