//! `warmline check`: finds what is wrong before users do, and says what to set where.
//!
//! Reads the same configuration as `warmline serve` and looks at everything that has to fit: the
//! data, each desk's instance, the way in from ServiceNow, Direct Line. Each finding is one line
//! with a stable code. Nothing is changed: no chat is opened, no gateway disturbed, no file made.
//!
//! | module | looks at |
//! | --- | --- |
//! | [`data`] | data directory, store, master key |
//! | [`instance`] | a desk's instance, asked through `servicenow` |
//! | [`behind`] | a bot of the team's own, and the way back from it |
//! | [`channel`] | Azure Bot Service, and the way in from it |
//! | [`webhook`] | the webhook, through the public URL |
//! | [`direct_line`] | Direct Line, through the public URL |
//! | [`mod@stand_in`] | a gateway for these seconds, where none runs |
//! | [`health`] | `warmline health`: only whether the gateway is alive |
//! | [`wire`], [`certificate`], [`clock`] | one connection, step by step |

mod behind;
mod certificate;
mod channel;
mod clock;
mod data;
mod direct_line;
mod finding;
pub(crate) mod health;
mod instance;
mod report;
mod stand_in;
mod webhook;
mod wire;

use std::process::ExitCode;

use gateway::Clock;
use url::Url;

use self::{
    behind::Served,
    finding::Finding,
    report::{Outcome, Report},
    stand_in::{NoStandIn, StandIn},
};
use crate::config::{
    Called, Config, ConfigError, ConfigFile, Environment, Look, Remark, RemarkKind,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Print everything as JSON, at the end.
    #[arg(long)]
    json: bool,
    /// Print only what is not well.
    #[arg(long)]
    quiet: bool,
}

/// Checks everything. The exit code: 0 all well, 1 something fails, 2 the configuration cannot be
/// read.
pub(crate) async fn run(options: Options) -> ExitCode {
    let environment = options.file.environment();
    let mut report = Report::new(options.json, options.quiet);
    let outcome = match Config::look(&environment) {
        Err(problems) => {
            for problem in problems {
                report.say(problem_with(problem));
            }
            let words = "nothing else is looked at before the configuration can be read";
            report.say(Finding::skip("everything_else", "not_looked_at", words));
            Outcome::Unreadable
        }
        Ok(look) => {
            check(look, &environment, &mut report).await;
            if report.failed() { Outcome::Failing } else { Outcome::Well }
        }
    };
    ExitCode::from(report.end(outcome))
}

fn problem_with(problem: ConfigError) -> Finding {
    let code = problem.code();
    Finding::fail("configuration", code, format!("{:#}", anyhow::Error::from(problem)))
        .fix("see docs/configuration.md")
}

async fn check(mut look: Look, environment: &Environment, report: &mut Report) {
    let now_ms = Clock::System.now().0;
    let (desks, bots) = (look.settings.desks.len(), look.settings.bots.len());
    if desks > 1 || bots > 1 {
        report.name_subjects();
    }
    let words = format!("the configuration can be read: {desks} desk(s), {bots} bot(s)");
    report.say(Finding::ok("configuration", "read", words));
    for remark in std::mem::take(&mut look.remarks) {
        report.say(remark_on(remark));
    }
    let running = data::check(&mut look, report).await;
    for (desk, called) in look.desks() {
        instance::check(desk, called, now_ms, report).await;
    }
    for (bot, called) in look.bots() {
        behind::check(bot, called, now_ms / 1_000, report).await;
        channel::check(bot, called, now_ms / 1_000, report).await;
    }
    way_in(&look, running, environment, now_ms / 1_000, report).await;
}

/// A channel that is closed is a choice, unless its app id is set; the rest is for somebody to see to.
fn remark_on(Remark { kind, text }: Remark) -> Finding {
    match kind {
        RemarkKind::Closed => Finding::skip("configuration", "closed", text),
        RemarkKind::Weak => Finding::warn("configuration", "remark", text),
        RemarkKind::Unproven => Finding::fail("channel.credentials", "missing", text)
            .fix("see docs/teams.md for how the registration gets one"),
    }
}

/// What others reach us by. Where no gateway runs, one stands in.
async fn way_in(
    look: &Look,
    running: bool,
    environment: &Environment,
    now_s: i64,
    report: &mut Report,
) {
    let public = look.settings.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    let Some(public) = public else {
        let way = look.called().setting("public_url");
        let words = format!("{way} is not set, so nobody knows where to call");
        for check in ["webhook.answers", "direct_line.token"] {
            report.say(Finding::skip(check, "no_public_url", words.clone()));
        }
        for (bot, called) in look.bots() {
            channel::way_in::none(bot, called, report);
            let served = if running { Served::Yes(None) } else { Served::No };
            behind::way_back((bot, called), None, served, now_s, report).await;
        }
        return;
    };
    let stand_in = if running { None } else { stand_in(look.called(), environment, report).await };
    let tag = stand_in.as_ref().map(|stand_in| &stand_in.tag);
    certificate_of(&public, look.called(), now_s, report).await;
    for (desk, called) in look.desks() {
        webhook::check((desk, called), &public, tag, now_s, report).await;
    }
    for (bot, called) in look.bots() {
        direct_line::check((bot, called), &public, tag, now_s, report).await;
        channel::way_in::check((bot, called), &public, tag, now_s, report).await;
        let somebody = running || stand_in.is_some();
        let served = if somebody { Served::Yes(tag) } else { Served::No };
        behind::way_back((bot, called), Some(&public), served, now_s, report).await;
    }
    if let Some(stand_in) = stand_in {
        report.looks_at("the end of the stand-in");
        stand_in.stop().await;
    }
}

async fn stand_in(
    called: Called<'_>,
    environment: &Environment,
    report: &mut Report,
) -> Option<StandIn> {
    const CHECK: &str = "webhook.listener";
    report.looks_at("the address to listen on");
    let (listen, data_dir) = (called.setting("listen"), called.setting("data_dir"));
    match StandIn::start(environment).await {
        Ok(stand_in) => {
            let words = format!(
                "no gateway runs, so one stands in at the address of {listen} while this looks"
            );
            report.say(Finding::ok(CHECK, "stand_in", words));
            Some(stand_in)
        }
        Err(error @ NoStandIn::Taken { .. }) => {
            let words = format!("{error}; what is there is looked at instead");
            report.say(Finding::warn(CHECK, "taken", words).fix(format!(
                "if that is the gateway, run this as its user and with its {data_dir}; otherwise set \
                 {listen} to a free address of this machine"
            )));
            None
        }
        Err(error @ NoStandIn::Failed(_)) => {
            report.say(
                Finding::warn(CHECK, "failed", error.to_string())
                    .fix("start the gateway (warmline serve) and run the check again"),
            );
            None
        }
    }
}

/// Who vouches for the public address, and for how long.
async fn certificate_of(public: &Url, called: Called<'_>, now_s: i64, report: &mut Report) {
    const CHECK: &str = "webhook.tls";
    if public.scheme() != "https" {
        let words = "http on this machine: fine for a trial, and nobody outside can call";
        return report.say(Finding::skip(CHECK, "plain", words));
    }
    report.looks_at("the connection to the public URL");
    report.say(match wire::connect(public, now_s).await {
        Err(trouble) => {
            let fix = trouble.fix_of_public_url(called, |public_url| {
                format!(
                    "give the proxy at {public_url} a certificate for this host, with its whole \
                     chain, from an authority that ServiceNow and browsers trust"
                )
            });
            Finding::fail(CHECK, trouble.code(), trouble.to_string()).fix(fix)
        }
        Ok(connection) => match connection.certificate {
            Some(shown) if shown.days_left < instance::EXPIRY_SEEN_DAYS => {
                let words = format!("issued by {}, ends in {} days", shown.issuer, shown.days_left);
                Finding::warn(CHECK, "ends_soon", words).fix("renew it")
            }
            Some(shown) => {
                let words =
                    format!("issued by {}, good for {} days", shown.issuer, shown.days_left);
                Finding::ok(CHECK, "trusted", words)
            }
            None => Finding::warn(CHECK, "unreadable", "the certificate cannot be read"),
        },
    });
}
