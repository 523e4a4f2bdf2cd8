//! Files before a real clamd, with a signature of ours for the string that all scanners know for a test
//! (EICAR's).

use std::fmt::Write as _;

use std::{path::Path, process::Stdio};

use reqwest::{Method, header};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Door, upload};
use crate::{
    flows::connect,
    house::{House, Setting},
    page::eventually,
};

/// In two parts, so that no scanner takes this file for it.
const EICAR: [&str; 2] =
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];

/// clamd, with a socket and signatures of its own.
struct Clamd {
    folder: TempDir,
    process: Child,
}

impl Clamd {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let hex = EICAR.concat().bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        std::fs::create_dir(at("db")).unwrap();
        std::fs::write(at("db/ours.ndb"), format!("Ours.Eicar:0:*:{hex}\n")).unwrap();
        let config = format!(
            "DatabaseDirectory {}\nLocalSocket {}\nForeground yes\nLogFile {}\nStreamMaxLength 8M\nMaxFileSize 4M\nMaxScanSize 4M\nAlertExceedsMax yes\n",
            at("db").display(),
            at("clamd.sock").display(),
            at("clamd.log").display(),
        );
        std::fs::write(at("clamd.conf"), config).unwrap();
        let usual = Path::new("/usr/sbin/clamd");
        let process = Command::new(if usual.exists() { usual } else { Path::new("clamd") })
            .arg("--config-file")
            .arg(at("clamd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("clamd starts: `cargo xtask test` installs it (Debian: clamav-daemon)");
        let started = Self { folder, process };
        let socket = started.socket();
        eventually("clamd listens", || async { socket.exists().then_some(()) }).await;
        started
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("clamd.sock")
    }
}

async fn door(socket: &Path) -> Door {
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CLAMD".to_owned(), socket.display().to_string());
    });
    Door::of(house.await).await
}

fn sends(door: &Door, bytes: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    door.page
        .request(Method::POST, "/upload")
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_DISPOSITION, "attachment; filename=\"bad kolibri.dat\"")
        .body(bytes)
}

#[tokio::test]
async fn what_clamd_finds_in_a_file_of_an_agents_is_told_to_the_user() {
    let clamd = Clamd::start().await;
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CLAMD".to_owned(), clamd.socket().display().to_string());
    });
    let mut house = house.await;
    let (page, chat) = connect(&mut house).await;
    let bytes = EICAR.concat().into_bytes();
    house.desk.send_file(&chat, "form kolibri.txt", "text/plain", bytes).unwrap();
    let words = "The file “form kolibri.txt” could not be passed on: the virus scanner found \
                 something in it.";
    page.until("the user is told", |heard| heard.activities.iter().any(|one| one["text"] == words))
        .await;
}

#[tokio::test]
async fn what_clamd_finds_something_in_is_refused_and_the_user_is_told() {
    let mut clamd = Clamd::start().await;
    let door = door(&clamd.socket()).await;
    upload::taken(sends(&door, "harmless")).await;
    let bad = (400, "BadArgument");
    door.refuses("EICAR", sends(&door, EICAR.concat()), bad).await;
    upload::told_why(&door, "The virus scanner found something in it.").await;
    // Also far behind the start of a file that came in many pieces.
    let mut deep = vec![b'.'; 3_000_000];
    deep.extend(EICAR.concat().bytes());
    door.refuses("EICAR at the end", sends(&door, deep), bad).await;
    assert!(door.house.logged().contains("Ours.Eicar"), "the operator knows what was found");
    // Larger than what clamd looks at, and than what it takes.
    door.refuses("half seen", sends(&door, vec![b'.'; 5 * 1024 * 1024]), (413, "TooLarge")).await;
    let large = sends(&door, vec![b'.'; 9 * 1024 * 1024]);
    let answer = large.send().await.unwrap();
    assert!(matches!(answer.status().as_u16(), 413 | 503), "{}", answer.status());
    clamd.process.kill().await.unwrap();
    let away = (503, "ServiceUnavailable");
    door.refuses("without a scanner", sends(&door, "harmless"), away).await;
    upload::told_why(&door, "It cannot be taken at the moment.").await;
    eventually("only the clean one is kept", || async { (upload::kept(&door) == 1).then_some(()) })
        .await;
}
