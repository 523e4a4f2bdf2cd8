//! The stand-in as a program: what it says to be connected, and when it cannot start.

use std::{process::Stdio, time::Duration};

use simulator::azure::{APP_ID, APP_SECRET, TENANT};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::Command,
    time::timeout,
};

/// For a line of it.
const WITHIN: Duration = Duration::from_secs(20);

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azure-stand-in"));
    command.args(arguments).env_clear().kill_on_drop(true);
    command
}

/// What it prints until it says the password, or how to come by it.
async fn said(command: &mut Command) -> Vec<String> {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while !said.last().is_some_and(|line: &String| line.contains("MicrosoftAppPassword")) {
        let line = timeout(WITHIN, lines.next_line()).await.expect("it speaks").unwrap();
        said.push(line.expect("it says the password"));
    }
    said
}

#[tokio::test]
async fn it_says_every_setting_of_a_gateway_as_a_line_for_the_shell() {
    let said = said(&mut program(&["--listen", "127.0.0.1:0"])).await;
    let origin = said[0].strip_prefix("azure-stand-in listens on ").unwrap();
    for (name, value) in [
        ("MicrosoftAppId", APP_ID.to_owned()),
        ("MicrosoftAppType", "SingleTenant".to_owned()),
        ("MicrosoftAppTenantId", TENANT.to_owned()),
        ("MicrosoftAppPassword", APP_SECRET.to_owned()),
        ("ToChannelFromBotLoginUrl", format!("{origin}/{TENANT}")),
        (
            "ToBotFromChannelOpenIdMetadataUrl",
            format!("{origin}/v1/.well-known/openidconfiguration"),
        ),
        ("WARMLINE_CONNECTOR_HOSTS", "127.0.0.1".to_owned()),
    ] {
        let line = format!("  export {name}={value}");
        assert!(said.contains(&line), "{line} in {said:#?}");
    }
}

#[tokio::test]
async fn an_app_for_many_tenants_logs_in_elsewhere_and_a_secret_of_ones_own_is_not_shown() {
    let mut command = program(&["--listen", "127.0.0.1:0", "--multi-tenant"]);
    let said = said(command.env("MicrosoftAppPassword", "hush-the-password")).await.join("\n");
    assert!(said.contains("MicrosoftAppType=MultiTenant"), "{said}");
    assert!(said.contains("/botframework.com\n"), "{said}");
    assert!(!said.contains("MicrosoftAppTenantId") && !said.contains("hush"), "{said}");
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program(&["--listen", &address]).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.starts_with(&format!("azure-stand-in: --listen {address} cannot")), "{said}");
}
