//! The tutorial, word for word: every block of shell in it, in one shell, in an empty folder.

use std::{os::unix::process::CommandExt, path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::process::free_port;

/// The whole tutorial takes seconds; a machine that is busy with other tests may take longer.
const WITHIN: Duration = Duration::from_mins(2);

/// The ports that the tutorial names. Here others are taken in their place, because tests run beside
/// each other; nothing else is changed.
const PORTS: [&str; 2] = ["8080", "8090"];

/// What is in the blocks of shell, in their order.
fn script(text: &str) -> String {
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("a block ends")).collect()
}

#[tokio::test]
async fn the_tutorial_works_word_for_word() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial.md");
    let mut script = script(&std::fs::read_to_string(file).unwrap());
    assert!(script.lines().count() > 40, "it holds a tutorial:\n{script}");
    for port in PORTS {
        script = script.replace(port, &free_port().await.to_string());
    }
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_warmline")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-x", "-c", &script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        // Its programs end with it, whatever happens.
        .process_group(0);
    let mut shell = Command::from(shell);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = shell.spawn().unwrap();
    let group = child.id().expect("it runs");
    let ended = timeout(WITHIN, child.wait_with_output()).await;
    Command::new("kill").args(["-9", "--", &format!("-{group}")]).status().await.ok();
    let log = std::fs::read_to_string(folder.path().join("gateway.txt")).unwrap_or_default();
    let output = ended.unwrap_or_else(|_| panic!("the tutorial hangs; the gateway said:\n{log}"));
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}\n{}\n{log}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
