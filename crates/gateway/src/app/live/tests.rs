//! What a running gateway takes over from new settings, and what it leaves.

use std::time::Duration;

use servicenow::{ClientConfig, Credentials, client::instance_url};
use session::Policy;

use super::*;
use crate::{
    app::{PageRules, WebhookRules},
    bot::BuiltInBot,
    desk::{media::FilesBy, news::Wording},
    network::Proxies,
    notices::Language,
};

fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

fn desk_id(name: &str) -> DeskId {
    DeskId::new(name).unwrap()
}

fn desk(name: &str, secret: &str) -> DeskSetup {
    let credentials = Credentials::of_client("id".to_owned(), secret.into());
    DeskSetup {
        tenant: tenant(),
        desk: desk_id(name),
        client: ClientConfig::new(instance_url("dev1").unwrap(), credentials).unwrap(),
        webhook_secret: format!("webhook secret of {name}").into(),
        webhook: WebhookRules::default(),
        message_token: None,
        command_words: Vec::new(),
        receipts: true,
        files: FilesBy::default(),
        wording: Wording::default(),
    }
}

fn bot(name: &str, desk: &str) -> BotSetup {
    BotSetup {
        tenant: tenant(),
        bot: BotId::new(name).unwrap(),
        policy: Policy::new(desk_id(desk)),
        pages: PageRules::default(),
        direct_line_secret: None,
        behind: None,
        channel: None,
        built_in_bot: None,
    }
}

fn settings(desks: Vec<DeskSetup>, bots: Vec<BotSetup>) -> Settings {
    Settings {
        data_dir: "data".into(),
        masks: HashMap::new(),
        rates: HashMap::new(),
        desks,
        bots,
        public_url: None,
        proxies: Proxies::default(),
        built_in_bot: BuiltInBot::help_desk().unwrap(),
        console_password_hash: None,
        metrics_token: None,
        operators: Vec::new(),
        audit_keep: crate::audit::KEEP_FOR,
        language: Language::English,
        files: crate::files::FileSetup::default(),
        retention: Vec::new(),
        tracing: crate::trace::Tracing::default(),
    }
}

fn names(rest: &[NeedsRestart]) -> Vec<String> {
    rest.iter().map(ToString::to_string).collect()
}

#[test]
fn rules_secrets_and_bots_of_desks_that_run_are_taken_over() {
    let before = settings(vec![desk("a", "one")], vec![bot("b", "a")]);
    let mut changed = bot("b", "a");
    changed.policy.silence = Duration::from_secs(5);
    let new = settings(vec![desk("a", "two")], vec![changed, bot("c", "a")]);
    let (taken, rest) = applicable(&before, new);
    assert_eq!(names(&rest), Vec::<String>::new());
    assert_eq!((taken.bots.len(), taken.bots[0].policy.silence), (2, Duration::from_secs(5)));
    assert!(!taken.desks[0].client.is_as(&before.desks[0].client), "other credentials");
    assert!(desk("a", "one").client.is_as(&before.desks[0].client), "the same ones");
    assert!(!same_rules(&before.bots, &taken.bots));
    assert!(same_rules(&before.bots, &[bot("b", "a")]));
}

#[test]
fn what_hangs_on_a_start_is_named_and_stays() {
    let before = settings(vec![desk("a", "s"), desk("gone", "s")], vec![bot("b", "a")]);
    let mut new = settings(
        vec![desk("a", "s"), desk("new", "s")],
        vec![bot("b", "new"), bot("c", "new"), bot("d", "a")],
    );
    new.data_dir = "elsewhere".into();
    new.metrics_token = Some("token".into());
    new.console_password_hash = Some("hash".into());
    new.language = Language::German;
    let (taken, rest) = applicable(&before, new);
    let expected = [
        "the data directory",
        "the console's password",
        "the token of /metrics",
        "the language",
        "the new desk new of tenant t",
        "the removal of desk gone of tenant t",
        "the bot b of tenant t, whose desk is new,",
        "the bot c of tenant t, whose desk is new,",
    ];
    assert_eq!(names(&rest), expected);
    assert_eq!(taken.data_dir, before.data_dir);
    assert!(taken.metrics_token.is_none() && taken.console_password_hash.is_none());
    assert_eq!(taken.language, Language::English);
    let desks: Vec<_> = taken.desks.iter().map(|desk| desk.desk.as_str()).collect();
    assert_eq!(desks, ["a", "gone"]);
    let bots: Vec<_> =
        taken.bots.iter().map(|bot| (bot.bot.as_str(), bot.policy.desk.as_str())).collect();
    assert_eq!(bots, [("d", "a"), ("b", "a")], "the old one goes on, the new one waits");
}

#[test]
fn the_bots_of_a_desk_that_is_gone_stay_with_it_until_the_restart() {
    let before = settings(
        vec![desk("a", "s"), desk("gone", "s")],
        vec![bot("b", "a"), bot("c", "gone"), bot("moved", "gone")],
    );
    let new = settings(vec![desk("a", "s")], vec![bot("b", "a"), bot("moved", "a")]);
    let (taken, rest) = applicable(&before, new);
    assert_eq!(names(&rest), ["the removal of desk gone of tenant t"]);
    let bots: Vec<_> =
        taken.bots.iter().map(|bot| (bot.bot.as_str(), bot.policy.desk.as_str())).collect();
    assert_eq!(bots, [("b", "a"), ("moved", "a"), ("c", "gone")], "its chats still have rules");
}
