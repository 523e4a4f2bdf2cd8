//! What an operator should know about a configuration that is right: what is closed and how to open
//! it, what has no use, what is weak.

use std::fmt;

use gateway::{
    BotSetup, DeskSetup, Grant, Settings,
    console::{ADMIN, PasswordHash, WORK_ADVISED},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    desks::{OF_A_CLIENT, OF_A_USER, grant},
    door,
    draft::{Draft, Owner},
    environment::{CONFIG, Environment},
    registration::OF_A_REGISTRATION,
    table::SETTINGS,
};

/// What bots of the SDKs name another cloud by.
const CHANNEL_SERVICE: &str = "ChannelService";

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) kind: Kind,
    /// A sentence without its full stop.
    pub(crate) text: String,
}

/// What a remark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something is closed, which is a choice.
    Closed,
    /// Something for somebody to see to.
    Weak,
    /// A registration is named, and nothing proves that we are its app.
    Unproven,
}

impl Remark {
    pub(super) fn closed(text: impl Into<String>) -> Self {
        Self { kind: Kind::Closed, text: text.into() }
    }

    pub(super) fn weak(text: impl Into<String>) -> Self {
        Self { kind: Kind::Weak, text: text.into() }
    }

    fn unproven(text: impl Into<String>) -> Self {
        Self { kind: Kind::Unproven, text: text.into() }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(super) fn of(draft: &Draft, environment: &Environment, settings: &Settings) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (owner, bot) in draft.bots().zip(&settings.bots) {
        let way = draft.ways(owner, "bot.direct_line_secret");
        match &bot.direct_line_secret {
            None => {
                let text = format!("Direct Line is closed; set {way} to open it for web pages");
                remarks.push(Remark::closed(text));
            }
            Some(secret) => remarks.extend(door::remark(secret, &way)),
        }
    }
    for (owner, bot) in draft.bots().zip(&settings.bots) {
        remarks.extend(channels(draft, owner, bot));
    }
    unknown_variables(environment, &mut remarks);
    for (owner, desk) in draft.desks().zip(&settings.desks) {
        let (useless, with) = match grant(draft, owner) {
            Grant::Password => ([].as_slice(), ""),
            Grant::ClientCredentials => (OF_A_USER.as_slice(), "client_credentials"),
            Grant::Basic => (OF_A_CLIENT.as_slice(), "basic"),
        };
        let set = useless.iter().filter(|id| draft.found(owner, id).is_some());
        remarks.extend(set.map(|id| {
            let name = draft.name(owner, id);
            Remark::weak(format!("{name} is set and has no use with {with}"))
        }));
        remarks.extend(of_webhook(draft, owner, desk, settings));
        if desk.message_token.is_none() && desk.client.signature_secret.is_none() {
            let way = draft.ways(owner, "desk.message_token");
            let text =
                format!("every user is a guest at ServiceNow; set {way} to the message-auth token");
            remarks.push(Remark::weak(text));
        }
        let way = draft.name(owner, "desk.webhook_secret");
        remarks.extend(door::remark(&desk.webhook_secret, &way));
    }
    if settings.console_password_hash.is_none() && settings.operators.is_empty() {
        let way = draft.ways(&Owner::House, "console.password_hash");
        remarks.push(Remark::closed(format!(
            "the console is closed; set {way} to what `warmline console-password` prints to open it \
             at /console"
        )));
    }
    remarks.extend(of_hashes(settings));
    if settings.public_url.is_none() {
        let way = draft.ways(&Owner::House, "public_url");
        let text = format!("ServiceNow cannot be told where to call back; set {way}");
        remarks.push(Remark::weak(text));
    }
    remarks
}

/// What to know of the hashes of passwords.
fn of_hashes(settings: &Settings) -> Vec<Remark> {
    let admin = settings.console_password_hash.iter().map(|hash| (ADMIN, hash));
    let others =
        settings.operators.iter().map(|operator| (&*operator.name, &operator.password_hash));
    // Those that are none were refused.
    let work = |hash: &SecretString| {
        PasswordHash::parse(hash.expose_secret()).map_or(0, |hash| hash.work())
    };
    let all: Vec<_> = admin.chain(others).map(|(name, hash)| (name, work(hash))).collect();
    let below = |least: u64| {
        let names: Vec<_> =
            all.iter().filter(|(_, work)| *work < least).map(|(name, _)| *name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut remarks = Vec::new();
    if let Some(names) = below(WORK_ADVISED) {
        remarks.push(Remark::weak(format!(
            "whoever gets hold of this configuration guesses the password of {names} quickly: the hash asks \
             for less work than m=7168,t=5; make it anew with `warmline console-password`"
        )));
    }
    // A name that is nobody's takes as long as the costliest.
    if let Some(names) = all.iter().map(|(_, work)| *work).max().and_then(below) {
        remarks.push(Remark::weak(format!(
            "how long a sign-in takes tells strangers that there is an operator {names}: the hash asks for \
             less work than another's; make all of them anew with `warmline console-password`"
        )));
    }
    remarks
}

/// What to know of the way in for ServiceNow.
fn of_webhook(draft: &Draft, owner: &Owner, desk: &DeskSetup, settings: &Settings) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if let Some(previous) = &desk.webhook.previous {
        let name = draft.name(owner, "desk.webhook_secret_previous");
        remarks.extend(door::remark(previous, &name));
        remarks.push(Remark::weak(format!(
            "{name} is good as well; take it away when ServiceNow presents the new secret"
        )));
    }
    let proxied = settings.public_url.as_deref().is_some_and(|url| url.starts_with("https:"));
    if !desk.webhook.from.is_empty() && proxied && settings.proxies.trusted.is_empty() {
        remarks.push(Remark::weak(format!(
            "{} is compared with the address of whoever connects, which behind a proxy is the \
             proxy's: set {}",
            draft.name(owner, "desk.webhook_from"),
            draft.ways(&Owner::House, "trusted_proxies")
        )));
    }
    remarks
}

/// Said, not refused: the tools around us may have variables of that name, too.
fn unknown_variables(environment: &Environment, remarks: &mut Vec<Remark>) {
    let known = || SETTINGS.iter().filter_map(|setting| setting.env).chain([CONFIG]);
    let ours: Vec<_> = known().filter(|name| name.starts_with("WARMLINE_")).collect();
    let prefixed = environment.values.keys().filter(|name| name.starts_with("WARMLINE_"));
    for name in prefixed.filter(|name| !ours.contains(&name.as_str())) {
        let text = format!("{name} is no setting of Warmline; there are {}", ours.join(", "));
        remarks.push(Remark::weak(text));
    }
    if environment.get(CHANNEL_SERVICE).is_some() && environment.get("WARMLINE_CLOUD").is_none() {
        let text = format!("{CHANNEL_SERVICE} has no use here; WARMLINE_CLOUD names the cloud");
        remarks.push(Remark::weak(text));
    }
}

/// What holds for Teams and the other channels.
fn channels(draft: &Draft, owner: &Owner, bot: &BotSetup) -> Vec<Remark> {
    const CLOSED: &str = "/api/messages of this gateway is closed: set";
    let ways = |id| draft.ways(owner, id);
    let without = |use_of: &'static [&'static str], needed: &'static str| {
        let set = use_of.iter().filter(|id| draft.found(owner, id).is_some());
        set.map(move |id| {
            let (name, needed) = (draft.name(owner, id), draft.ways(owner, needed));
            Remark::weak(format!("{name} is set and has no use without {needed}"))
        })
    };
    let mut remarks = Vec::new();
    if bot.behind.is_none() {
        remarks.extend(without(&["bot.endpoint_app_id"], "bot.endpoint"));
    }
    match (&bot.channel, draft.found(owner, "bot.app_id")) {
        (None, None) => {
            let (id, password) = (ways("bot.app_id"), ways("bot.app_password"));
            let text = format!(
                "{CLOSED} {id} and {password} to the Azure Bot's to open it for Teams and other channels"
            );
            remarks.push(Remark::closed(text));
            remarks.extend(without(&OF_A_REGISTRATION, "bot.app_id"));
        }
        (None, Some(_)) => {
            let (password, certificate) =
                (ways("bot.app_password"), ways("bot.app_certificate_file"));
            let text =
                format!("{CLOSED} {password}, or {certificate}, beside the app id to open it");
            remarks.push(Remark::unproven(text));
        }
        (Some(channel), _) => {
            if channel.tenants.is_empty() {
                remarks.push(Remark::weak(format!(
                    "users of every tenant of Entra may come to /api/messages; set {} to those whose may",
                    ways("bot.user_tenants")
                )));
            }
            if channel.verify.emulator.is_some() {
                remarks.push(Remark::weak(format!(
                    "whoever has the credentials of the registration can write at /api/messages as \
                     any user: {} is on",
                    draft.name(owner, "bot.emulator")
                )));
            }
        }
    }
    remarks
}
