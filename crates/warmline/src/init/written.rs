//! The configuration file that is written: what was answered, with what it means.

use std::fmt::Write;

use vault::MasterKey;

use crate::{
    config::{
        table::{self, Section, Setting},
        value::quoted,
    },
    init::{Answers, GrantType, registration::Proof},
};

/// The file. Makes the secrets that are Warmline's own.
pub(super) fn file(answers: &Answers) -> anyhow::Result<String> {
    let webhook_secret = MasterKey::fresh_secret()?;
    let direct_line_secret = if answers.web { Some(MasterKey::fresh_secret()?) } else { None };
    let mut text = String::from(
        "# Warmline's configuration, written by `warmline init`. It holds secrets: keep it readable for its\n\
         # owner only. `warmline config default` prints every setting there is.\n",
    );
    let grant = match answers.credentials.grant {
        GrantType::Password => "password",
        GrantType::ClientCredentials => "client_credentials",
    };
    let bot = answers.bot.as_ref();
    let mut values: Vec<(&str, Option<&str>)> = vec![
        ("listen", Some(&answers.listen)),
        ("public_url", answers.public_url.as_deref()),
        ("trusted_proxies", None),
        ("data_dir", Some(&answers.data_dir)),
        ("language", Some(answers.language.code())),
        ("desk.instance", Some(&answers.instance)),
        ("desk.client_id", Some(&answers.credentials.client_id)),
        ("desk.client_secret", Some(&answers.credentials.client_secret)),
        ("desk.grant_type", Some(grant)),
        ("desk.username", answers.credentials.username.as_deref()),
        ("desk.password", answers.credentials.password.as_deref()),
        ("desk.webhook_secret", Some(&webhook_secret)),
        // As they could be: the instance may prove itself otherwise, and from known networks only.
        ("desk.webhook_secret_previous", None),
        ("desk.webhook_user", None),
        ("desk.webhook_header", None),
        ("desk.webhook_from", None),
        ("desk.message_token", answers.message_token.as_deref()),
        ("bot.direct_line_secret", direct_line_secret.as_deref()),
        ("bot.endpoint", bot.map(|bot| bot.endpoint.as_str())),
    ];
    if let Some(bot) = bot {
        values.push(("bot.endpoint_app_id", bot.app_id.as_deref()));
    }
    if let Some(entra) = &answers.entra {
        values.push(("bot.app_id", Some(entra.app_id.as_str())));
        match &entra.proof {
            Proof::Password(password) => values.push(("bot.app_password", Some(password))),
            Proof::Certificate { file, key } => values.extend([
                ("bot.app_certificate_file", Some(file.as_str())),
                ("bot.app_certificate_key", Some(key)),
            ]),
        }
        values.extend([
            ("bot.app_type", Some(entra.app_type())),
            ("bot.app_tenant", entra.tenant.as_deref()),
        ]);
        if entra.is_multi_tenant {
            values.push(("bot.user_tenants", None));
        }
        values.extend(entra.cloud.map(|cloud| ("bot.cloud", Some(cloud))));
    }
    for (section, table) in [
        (Section::Top, ""),
        (Section::Desk, "tenants.default.desks.default"),
        (Section::Bot, "tenants.default.bots.default"),
    ] {
        if !table.is_empty() {
            let _ = write!(text, "\n[{table}]\n");
        }
        for setting in table::of(section) {
            let Some((_, value)) = values.iter().find(|(id, _)| *id == setting.id) else {
                continue;
            };
            line(&mut text, setting, *value);
        }
    }
    Ok(text)
}

fn line(text: &mut String, setting: &Setting, value: Option<&str>) {
    let _ = writeln!(text, "# {}", setting.doc);
    match value {
        Some(value) => drop(writeln!(text, "{} = {}", setting.key(), quoted(value))),
        None => drop(writeln!(text, "# {} = {}", setting.key(), setting.example)),
    }
}
