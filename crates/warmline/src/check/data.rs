//! The data directory, the store in it and the key to it. Nothing is opened that a running gateway
//! has open, and nothing is written.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use gateway::{
    Elsewhere, KeyFit, PlaceExamined,
    control::{ListLetters, SOCKET},
    examine_data, examine_files,
};
use rustix::fs::{Access, access, statvfs};
use vault::{MasterKey, Vault};

use super::{finding::Finding, report::Report};
use crate::{
    config::{ConfigError, Look},
    control::{Asked, NOTHING_CHANGED, Unanswered},
};

/// Less free space than this, in bytes, and commits are about to fail.
const SPACE_NEEDED_BYTES: u64 = 100 * 1_024 * 1_024;

/// Less than this, in bytes, is for a person to see to: months of a small desk.
const SPACE_GOOD_BYTES: u64 = 1_024 * 1_024 * 1_024;

/// Looks at everything on the disk. Answers whether a gateway runs on it.
pub(super) async fn check(look: &mut Look, report: &mut Report) -> bool {
    report.looks_at("the data directory");
    let dir = look.settings.data_dir.clone();
    directory(&dir, report);
    let running = gateway_runs(&dir, report).await;
    let key = std::mem::replace(&mut look.master_key, Ok(None));
    let data = dir.clone();
    let looked = tokio::task::spawn_blocking(move || store(&data, key, running)).await;
    let (findings, vault) = looked.unwrap_or_default();
    for finding in findings {
        report.say(finding);
    }
    if let Some(vault) = vault {
        report.looks_at("the place of the files");
        report.say(place(examine_files(&dir, &look.settings.files, &vault).await));
    }
    running
}

/// Whether the files lie where they did.
fn place(seen: PlaceExamined) -> Finding {
    const CHECK: &str = "data.place";
    match seen {
        PlaceExamined::Known => {
            Finding::ok(CHECK, "known", "the folder or bucket of the files is the known one")
        }
        PlaceExamined::ToBeKnown => {
            let words = "the folder or bucket of the files is marked at the first start";
            Finding::ok(CHECK, "to_be_marked", words)
        }
        PlaceExamined::Elsewhere(elsewhere) => {
            let code = match elsewhere {
                Elsewhere::Absent => "absent",
                Elsewhere::Other => "other",
            };
            Finding::fail(CHECK, code, "the folder or bucket of the files is not the known one")
                .fix(elsewhere.to_string())
        }
        PlaceExamined::Unreadable(error) => {
            let words = format!(
                "the folder or bucket of the files cannot be read: {:#}",
                anyhow::Error::from_boxed(error)
            );
            Finding::warn(CHECK, "unreadable", words)
                .fix("run this as the gateway's user; see [files] in the configuration")
        }
    }
}

fn directory(dir: &Path, report: &mut Report) {
    const CHECK: &str = "data.directory";
    let shown = dir.display();
    if keeps_nothing(dir) {
        let words = format!("{shown} is where the system shows itself, and no files can be kept");
        return report.say(
            Finding::fail(CHECK, "no_disk", words)
                .fix("set WARMLINE_DATA_DIR to a place on a disk"),
        );
    }
    let found = match std::fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let above = above(dir);
            let free = access(&above, Access::WRITE_OK | Access::EXEC_OK).is_ok();
            report.say(if free {
                Finding::ok(CHECK, "to_be_made", format!("{shown} is made at the first start"))
            } else {
                Finding::fail(CHECK, "not_writable", format!("{shown} cannot be made"))
                    .fix(format!("give this user the right to write in {}", above.display()))
            });
            return space(&above, report);
        }
        Err(error) => {
            let words = format!("{shown} cannot be looked at: {error}");
            return report.say(
                Finding::fail(CHECK, "unreadable", words).fix("run this as the gateway's user"),
            );
        }
        Ok(found) => found,
    };
    let mode = found.permissions().mode() & 0o777;
    report.say(if !found.is_dir() {
        Finding::fail(CHECK, "no_directory", format!("{shown} is no directory"))
            .fix("set WARMLINE_DATA_DIR to a directory")
    } else if access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        Finding::fail(CHECK, "not_writable", format!("{shown} cannot be written by this user"))
            .fix("run this as the gateway's user, or give the directory to it (chown)")
    } else if mode & 0o077 != 0 {
        Finding::warn(CHECK, "open_to_others", format!("{shown} is open to others (mode {mode:o})"))
            .fix(format!("chmod 700 {shown}"))
    } else {
        Finding::ok(CHECK, "writable", format!("{shown} can be written (mode {mode:o})"))
    });
    space(dir, report);
}

/// Whether it is, or would be, in a file system such as `/proc` or `/sys`: of no size at all. One whose
/// rights allow everything still takes no file.
fn keeps_nothing(dir: &Path) -> bool {
    let there = if dir.exists() { dir.to_owned() } else { above(dir) };
    statvfs(&there).is_ok_and(|disk| disk.f_blocks == 0)
}

/// The nearest folder above that exists.
fn above(dir: &Path) -> PathBuf {
    let existing = dir.ancestors().skip(1).find(|path| path.exists());
    existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn space(dir: &Path, report: &mut Report) {
    const CHECK: &str = "data.space";
    let Ok(free) = statvfs(dir).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)) else {
        return report.say(Finding::skip(CHECK, "unknown", "the system does not tell"));
    };
    let words = format!("{} MiB are free", free / (1_024 * 1_024));
    report.say(match free {
        0..SPACE_NEEDED_BYTES => {
            Finding::fail(CHECK, "full", words).fix("make room, or set WARMLINE_DATA_DIR elsewhere")
        }
        SPACE_NEEDED_BYTES..SPACE_GOOD_BYTES => {
            Finding::warn(CHECK, "nearly_full", words).fix("make room on the disk")
        }
        SPACE_GOOD_BYTES.. => Finding::ok(CHECK, "free", words),
    });
}

/// Asks the control socket.
async fn gateway_runs(dir: &Path, report: &mut Report) -> bool {
    const CHECK: &str = "data.gateway";
    let asked = Asked::new(&ListLetters { limit: 1 }, NOTHING_CHANGED).of(&dir.join(SOCKET)).await;
    let (finding, running) = match asked {
        Ok(None) => {
            let words = "no gateway runs on this data, or it is still starting";
            (Finding::ok(CHECK, "none", words), false)
        }
        Ok(Some(Ok(letters))) if letters.is_empty() => {
            (Finding::ok(CHECK, "runs", "a gateway runs on this data and its store answers"), true)
        }
        Ok(Some(Ok(_))) => {
            let words = "a gateway runs on this data, and something could not be delivered";
            let finding = Finding::warn(CHECK, "dead_letters", words);
            (finding.fix("see: warmline dead-letters list"), true)
        }
        Ok(Some(Err(refusal))) => {
            let words = format!("the gateway says: {refusal}");
            (Finding::fail(CHECK, "refuses", words).fix("see the gateway's log"), true)
        }
        Err(error) => {
            let fix = match error {
                Unanswered::NotYours { .. } | Unanswered::Closed { .. } => {
                    "run this as the gateway's user"
                }
                Unanswered::Unreadable { .. } => "run this from the gateway's release",
                Unanswered::Crowded
                | Unanswered::Unusable { .. }
                | Unanswered::Ended { .. }
                | Unanswered::Silent { .. }
                | Unanswered::InUse => "see whether the gateway runs, and its log",
            };
            let words = format!("{:#}", anyhow::Error::from(error));
            (Finding::warn(CHECK, "no_answer", words).fix(fix), true)
        }
    };
    report.say(finding);
    running
}

/// The store and whether the key is its own; and the data's vault, if there are data that it opens.
fn store(
    dir: &Path,
    key: Result<Option<MasterKey>, ConfigError>,
    running: bool,
) -> (Vec<Finding>, Option<Vault>) {
    const KEY: &str = "data.key";
    let fresh = |words: &str| Finding::ok(KEY, "to_be_made", words);
    let key = match key {
        Ok(Some(key)) => key,
        Ok(None) => {
            let findings = vec![
                Finding::ok("data.store", "to_be_made", "the store is made at the first start"),
                fresh("the master key is made at the first start; back it up apart from the data"),
            ];
            return (findings, None);
        }
        Err(error) => {
            let code = error.code();
            let words = format!("{:#}", anyhow::Error::from(error));
            return (vec![Finding::fail(KEY, code, words)], None);
        }
    };
    let vault = match Vault::new(&key) {
        Ok(vault) => vault,
        Err(error) => return (vec![Finding::fail(KEY, "unusable", error.to_string())], None),
    };
    let seen = examine_data(dir, &vault);
    let fits = matches!(&seen, Ok(Some(seen)) if seen.key != KeyFit::Wrong)
        && gateway::keys::open_beside(dir, &vault).is_ok();
    let findings = match seen {
        Ok(None) => vec![
            Finding::ok("data.store", "to_be_made", "the store is made at the first start"),
            Finding::ok(KEY, "there", "there is a master key, and no data yet"),
        ],
        Ok(Some(seen)) => vec![
            schema(seen.schema, seen.known, running),
            fit(seen.key),
            keys(seen.without_key),
            modes(&seen.open_to_others),
        ],
        Err(error) => {
            let words = format!("the store cannot be read: {:#}", anyhow::Error::from(error));
            vec![
                Finding::fail("data.store", "unreadable", words)
                    .fix("run this as the gateway's user, from the gateway's release"),
                Finding::skip(KEY, "unknown", "whether the master key fits cannot be seen"),
            ]
        }
    };
    (findings, fits.then_some(vault))
}

fn schema(found: i64, known: i64, running: bool) -> Finding {
    const CHECK: &str = "data.store";
    if found == known {
        Finding::ok(CHECK, "current", format!("the store opens (schema version {found})"))
    } else if running {
        let words =
            format!("the gateway that runs keeps schema version {found}, this program {known}");
        Finding::warn(CHECK, "other_release", words).fix("use the release that runs")
    } else {
        let words = format!("schema version {found} becomes {known} at the next start");
        Finding::warn(CHECK, "older", words).fix("back the data directory up before that")
    }
}

/// Whether what was said can be read.
fn keys(without: u64) -> Finding {
    const CHECK: &str = "data.keys";
    if without == 0 {
        return Finding::ok(CHECK, "there", "every stretch of talk that is kept has its key");
    }
    let words = format!(
        "{without} stretches of talk have no key in keys.db: nobody reads what was said in them"
    );
    Finding::fail(CHECK, "gone", words).fix(
        "if keys.db was lost, emptied or replaced, stop the gateway and put the newest copy of it back",
    )
}

fn modes(open: &[PathBuf]) -> Finding {
    const CHECK: &str = "data.files";
    if open.is_empty() {
        return Finding::ok(CHECK, "closed", "nobody but their owner may read the store's files");
    }
    let names: Vec<_> = open.iter().map(|file| file.display().to_string()).collect();
    let names = names.join(" ");
    Finding::warn(CHECK, "open_to_others", format!("others may read {names}"))
        .fix(format!("chmod 600 {names}"))
}

fn fit(key: KeyFit) -> Finding {
    const CHECK: &str = "data.key";
    match key {
        KeyFit::Fits => Finding::ok(CHECK, "fits", "the master key is the data's own"),
        KeyFit::Free => Finding::ok(CHECK, "free", "nothing was sealed yet"),
        KeyFit::Wrong => {
            Finding::fail(CHECK, "wrong", "the master key is not the one this data was sealed with")
                .fix(
                    "put back the key of before (WARMLINE_MASTER_KEY, WARMLINE_MASTER_KEY_FILE or \
                     master.key)",
                )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_told_by_what_happens_to_it() {
        for (found, known, running, code) in
            [(3, 3, true, "current"), (2, 3, false, "older"), (2, 3, true, "other_release")]
        {
            assert_eq!(schema(found, known, running).code, code);
        }
    }

    #[test]
    fn a_place_that_is_not_the_known_one_fails_and_one_that_cannot_be_read_warns() {
        let code = |seen| place(seen).code;
        assert_eq!(code(PlaceExamined::Known), "known");
        assert_eq!(code(PlaceExamined::ToBeKnown), "to_be_marked");
        assert_eq!(code(PlaceExamined::Elsewhere(Elsewhere::Absent)), "absent");
        assert_eq!(code(PlaceExamined::Elsewhere(Elsewhere::Other)), "other");
        assert_eq!(code(PlaceExamined::Unreadable("away".into())), "unreadable");
    }

    #[test]
    fn keys_that_are_gone_and_files_that_are_open_are_told() {
        assert_eq!((keys(0).code, keys(2).code), ("there", "gone"));
        assert_eq!(modes(&[]).code, "closed");
        assert_eq!(modes(&["keys.db".into()]).code, "open_to_others");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn where_the_system_shows_itself_nothing_is_kept() {
        for dir in ["/proc/foo", "/proc/self", "/sys/foo/bar"] {
            assert!(keeps_nothing(Path::new(dir)), "{dir}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(!keeps_nothing(folder.path()) && !keeps_nothing(&folder.path().join("a/b")));
    }

    #[test]
    fn the_folder_above_is_one_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(above(&folder.path().join("a/b/c")), folder.path());
        assert_eq!(above(Path::new("data")), Path::new("."));
    }
}
