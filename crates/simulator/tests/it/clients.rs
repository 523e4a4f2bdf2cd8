//! Two clients that are not ours: the README's curl commands, and one in Python that was written
//! from the facts of the wire alone.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use simulator::{Config, Fault, Simulator, Speaker, Times, Webhook};
use tokio::net::TcpListener;

use crate::rig::rig;

/// How long a client may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The blocks of a page that are marked as shell, as one script.
fn shell(page: &str) -> String {
    let blocks = page.split("\n```sh\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap()).collect::<Vec<_>>().join("\n")
}

async fn output(
    what: &'static str,
    start: impl FnOnce() -> std::io::Result<std::process::Child>,
) -> Output {
    let child =
        start().unwrap_or_else(|error| panic!("this test needs {what}; install it: {error}"));
    let waiting = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    tokio::time::timeout(PATIENCE, waiting).await.expect("it should be done by now").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_works() {
    let config = Config { may_read_messages: true, ..Config::default() };
    let rig = rig(config).await;
    let page = include_str!("../../README.md");
    let script = shell(page).replace("O=http://127.0.0.1:9000", &format!("O={}", rig.origin));
    assert!(script.contains(&rig.origin), "the README says where the instance listens");
    // A refusal must fail the script.
    let script = format!(
        "set -eu -o pipefail\ncurl() {{ command curl --fail-with-body --noproxy '*' \"$@\"; }}\n{script}\n"
    );
    let folder = std::env::temp_dir();
    let ran = output("bash and curl", move || {
        let mut shell = Command::new("bash")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        shell.stdin.take().unwrap().write_all(script.as_bytes())?;
        Ok(shell)
    })
    .await;
    let (told, error) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}\n{error}");
    let heard = rig.receiver.bodies.lock().unwrap().iter().any(|body| body["completed"] == true);
    assert!(heard, "the README plays a chat to its end: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_written_from_the_facts_alone_gets_on_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Simulator::start(Config::default(), listener);
    let desk = running.handle();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (url, authorization) = (format!("http://{free}/hook"), "Bearer hook-secret".into());
    desk.set_webhook(Webhook { url, authorization });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/client.py");
    let (address, port) = (format!("http://{}", running.address), free.port().to_string());
    let client = tokio::spawn(output("python3", move || {
        Command::new("python3")
            .arg(script)
            .args([address, port])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }));

    let said = |words: &'static str| {
        let desk = desk.clone();
        async move {
            let heard = |seen: &simulator::Snapshot<'_>| {
                seen.chats()
                    .iter()
                    .flat_map(|chat| &chat.lines)
                    .any(|line| line.from == Speaker::User && line.text == words)
            };
            desk.wait_until(heard, PATIENCE).await.expect(words);
        }
    };
    said("I need a person").await;
    let chat = desk.chats()[0].id.clone();
    desk.accept(&chat).unwrap();
    said("Hello").await;
    let typing = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().iter().any(|entry| entry.body["action"] == "TYPING" && entry.status == 200)
    };
    // From here on its token is good for nothing.
    desk.inject(Fault::Unauthorized, Times::Once);
    desk.write(&chat, "What is it about?").unwrap();
    desk.wait_until(typing, PATIENCE).await.expect("it says that it is typing");
    said("My pay is wrong").await;
    desk.transfer(&chat, "Robin").unwrap();
    desk.write(&chat, "Robin here, I have put it right").unwrap();
    said("Thank you, Robin").await;

    let ran = client.await.unwrap();
    let (told, error) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}\n{error}");
    let told: Vec<_> = told.lines().collect();
    let story = [
        "waiting",
        "connected",
        "agent Dana: What is it about?",
        "token refreshed",
        "agent Robin: Robin here, I have put it right",
        "ended",
    ];
    assert_eq!(told, story, "{error}");
    assert_eq!(desk.chats()[0].end_reason, Some("user ended"));
    running.shutdown().await;
}
