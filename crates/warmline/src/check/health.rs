//! `warmline health`: whether the gateway that is configured here is alive. For container engines and
//! supervisors, so that an image needs no other program for it.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::{Context, bail};
use gateway::Clock;
use http::Method;
use serde_json::Value;
use url::Url;

use super::wire::{self, Answer};
use crate::config::{ConfigFile, Environment, data_dir_alone, listen_alone};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the gateway listens, if not at the configured address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    #[command(flatten)]
    file: ConfigFile,
}

/// What `/readyz` is refused with where the gateway's disk is full.
const DISK_FULL: &str = "disk_full";

/// Asks `/healthz`. Ends well if the gateway answers that it is alive; why it takes nothing in all the same is
/// said beside that, because another start would not cure it.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let environment = options.file.environment();
    let address = match options.address {
        Some(address) => address,
        // The rest of the configuration may be wrong by now; the gateway runs on as before.
        None => listen_alone(&environment)
            .context("where the gateway listens is not known; say it with --address")?,
    };
    let asked = ask(address, "/healthz").await;
    let answer = asked.with_context(|| format!("no gateway is alive at {address}"))?;
    if !answer.status.is_success() {
        bail!("what listens at {address} answers {}", answer.status);
    }
    // The configuration is that of the gateway only where it says where the gateway is.
    let known = Some(&environment).filter(|_| options.address.is_none());
    if let Ok(answer) = ask(address, "/readyz").await
        && let Some(why) = not_ready(&answer, known)
    {
        writeln!(std::io::stderr(), "warmline: the gateway is alive and not ready: {why}").ok();
    }
    Ok(())
}

async fn ask(address: SocketAddr, path: &str) -> anyhow::Result<Answer> {
    let url = Url::parse(&format!("http://{}{path}", reachable(address)))?;
    let request = http::Request::builder().method(Method::GET);
    Ok(wire::request(&url, request, "", Clock::System.now().0 / 1_000).await?)
}

/// Why it is not ready, in its own words. The folder, which it tells nobody, is in its configuration.
fn not_ready(answer: &Answer, environment: Option<&Environment>) -> Option<String> {
    if answer.status.is_success() {
        return None;
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = &said["error"];
    let folder = environment.filter(|_| error["code"] == DISK_FULL).and_then(data_dir_alone);
    let folder = folder.and_then(|folder| std::path::absolute(folder).ok());
    Some(match (folder, error["message"].as_str()) {
        (Some(folder), _) => format!(
            "the disk of {} is full, and nothing is taken in before there is room",
            folder.display()
        ),
        (None, Some(message)) => format!("{message} ({})", answer.status.as_u16()),
        (None, None) => format!("it answers {}", answer.status),
    })
}

/// Who listens everywhere is reached here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, listen.port()).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(status: StatusCode, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answer { status, headers: HeaderMap::new(), body, took: Duration::ZERO }
    }

    #[test]
    fn a_full_disk_is_told_with_the_folder_of_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("warmline.toml");
        // The rest may be wrong.
        std::fs::write(&file, "data_dir = \"store\"\nlisten = 7\n").unwrap();
        let environment = Environment::of_file(file);
        let full = answer(
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"error":{"code":"disk_full","message":"the log names the directory"}}"#,
        );
        let told = not_ready(&full, Some(&environment)).unwrap();
        let named = format!("the disk of {} is full", folder.path().join("store").display());
        assert!(told.starts_with(&named), "{told}");
        let elsewhere = not_ready(&full, None).unwrap();
        assert_eq!(elsewhere, "the log names the directory (503)");
        assert_eq!(not_ready(&answer(StatusCode::OK, "{}"), None), None);
        let starting = r#"{"error":{"code":"starting","message":"it starts"}}"#;
        let starting = answer(StatusCode::SERVICE_UNAVAILABLE, starting);
        assert_eq!(not_ready(&starting, Some(&environment)).unwrap(), "it starts (503)");
    }

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
