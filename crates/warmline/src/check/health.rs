//! `warmline health`: whether the gateway that is configured here is alive. For container engines and
//! supervisors, so that an image needs no other program for it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, bail};
use gateway::Clock;
use http::Method;
use url::Url;

use super::wire;
use crate::config::{ConfigFile, listen_alone};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the gateway listens, if not at the configured address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    #[command(flatten)]
    file: ConfigFile,
}

/// Asks `/healthz`. Ends well if the gateway answers that it is alive.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let address = match options.address {
        Some(address) => address,
        // The rest of the configuration may be wrong by now; the gateway runs on as before.
        None => listen_alone(&options.file.environment())
            .context("where the gateway listens is not known; say it with --address")?,
    };
    let url = Url::parse(&format!("http://{}/healthz", reachable(address)))?;
    let request = http::Request::builder().method(Method::GET);
    let asked = wire::request(&url, request, "", Clock::System.now().0 / 1_000).await;
    let answer = asked.with_context(|| format!("no gateway is alive at {address}"))?;
    if !answer.status.is_success() {
        bail!("what listens at {address} answers {}", answer.status);
    }
    Ok(())
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
    use super::*;

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
