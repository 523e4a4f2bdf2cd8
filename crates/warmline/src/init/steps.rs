//! The page for the ServiceNow admin (reference 10.2), with this installation's own values. It holds
//! no secret, so that it can be passed on: it says where each one is.

use std::{fmt::Write, path::Path};

use gateway::{WEBHOOK_PATH, instance_url};

use crate::init::{Answers, GrantType};

pub(super) fn page(answers: &Answers, file: &Path) -> anyhow::Result<String> {
    let instance = instance_url(&answers.instance)?;
    let instance = instance.as_str().trim_end_matches('/');
    let file = file.display();
    let undecided = "<the public URL, once it is decided>";
    let public = answers.public_url.as_deref().unwrap_or(undecided);
    let steps = [
        apps(),
        oauth(answers),
        user(answers),
        rest_api(),
        message_auth(answers),
        outbound(public),
        provider(),
        files(answers),
        "**Channel.** Table `sys_cs_channel`, record “Bot to Bot”: asynchronous, typing indicator on. An \
         idle time-out is optional; Warmline warns a silent user at 150 seconds unless told otherwise."
            .to_owned(),
        "**Adapter properties** on the provider application: `third_party_chat=true`, \
         `store_history_as=multi-text`."
            .to_owned(),
        "**Advanced Work Assignment.** A service channel for chat, a queue with its schedule and longest \
         wait, an assignment rule, and agents in its group. A queue's conditions may use the context \
         variables that the bot hands over."
            .to_owned(),
        "**Agent Chat.** Agents' names, the waiting-time texts, the texts for transfer and for nobody \
         there; no survey on this channel, before the chat (nothing would be routed) or after it (it is \
         kept from the user). If the texts are not English, put parts of \
         them into `nobody_texts`, `ended_texts` and `joined_texts` of the desk."
            .to_owned(),
        "**Property** `va.bot.to.bot.take.control_times`: a high number, so that Virtual Agent does not \
         give up in the middle of a chat."
            .to_owned(),
        "**Contextual actions**: exclude “Bot to Bot” from `bye`, `hi`, `restart` and `logout`. Until then \
         Warmline guards those words (`command_words` of the desk)."
            .to_owned(),
        format!(
            "**Try it.** `warmline check --config {file}` on the gateway's machine. For more of what \
             happens at the instance: property `va.bot.to.bot.logging_enabled`, then the system log."
        ),
    ];
    let mut page = format!(
        "# ServiceNow steps for Warmline\n\n\
         Instance: {instance}\n\n\
         Callbacks go to: {public}{WEBHOOK_PATH}\n\n\
         This page holds no secrets. They are in `{file}` on the gateway's machine, which only its owner \
         can read, or where that file says.\n\n"
    );
    for (number, step) in (1..).zip(steps) {
        let _ = writeln!(page, "{number}. {step}");
    }
    Ok(page)
}

fn apps() -> String {
    "**Apps.** Install *Virtual Agent API* (`sn_va_as_service`, Pro or Enterprise), with Glide Virtual Agent \
     (`com.glide.cs.chatbot`) and Agent Chat (`com.glide.interaction.awa`)."
        .to_owned()
}

fn oauth(answers: &Answers) -> String {
    let id = &answers.credentials.client_id;
    let entry = match answers.credentials.grant {
        GrantType::Password => String::new(),
        GrantType::ClientCredentials => {
            " Give the entry an *OAuth Application User* (the integration \
             user of the next step) and set the property \
             `glide.oauth.inbound.client.credential.grant_type.enabled` to `true`."
                .to_owned()
        }
    };
    format!(
        "**OAuth entry.** *Application Registry → New → Create an OAuth API endpoint for external \
         clients*. Its client id is `{id}`; its client secret is the desk's `client_secret`.{entry}"
    )
}

fn user(answers: &Answers) -> String {
    let name = answers.credentials.username.as_deref().map_or_else(
        || "the OAuth application user".to_owned(),
        |name| format!("`{name}`, whose password is the desk's `password`"),
    );
    format!(
        "**Integration user** {name}: active, web-service access only, no multi-factor log-in. Roles: \
         `sn_va_as_service.integration_user`; and `interaction_agent` or `virtual_agent_admin`, to fetch \
         what agents said while Warmline was away (without it chats go on, and that is missed)."
    )
}

fn rest_api() -> String {
    "**Scripted REST API** *VA Bot Integration → BOT Integration → Security*: “Requires authentication” on."
        .to_owned()
}

fn message_auth(answers: &Answers) -> String {
    if answers.message_token.is_none() {
        return "**Message auth**: not used; every user is a guest at ServiceNow. To have users known by \
                their e-mail address, set `message_token` of the desk and do this step then: a *token \
                verification* record → `message_auth` (inbound) → `sys_cs_provider_application` “VA Bot \
                to Bot Provider Application”."
            .to_owned();
    }
    "**Message auth.** A *token verification* record with the value of the desk's `message_token` → \
     `message_auth` (inbound) → `sys_cs_provider_application` “VA Bot to Bot Provider Application”, field \
     *Message auth*."
        .to_owned()
}

fn outbound(public: &str) -> String {
    format!(
        "**Outbound calls** to `{public}{WEBHOOK_PATH}` with the header `Authorization: Bearer ` followed \
         by the value of the desk's `webhook_secret`.\n   \
         - App up to 4.0: REST message “VA Bot to Bot”: the endpoint on the message **and** on its \
         method `postMessage`, the header on the method.\n   \
         - App from 4.1: table `sn_va_as_service_outbound_configuration`, record “VA Bot to Bot Provider \
         Application” → *Rest connection* → “Bot Connection”: connection URL, and the header as an \
         attribute.\n   \
         - Where the connection takes a user name and a password only (Basic): set `webhook_user` of the \
         desk, and the secret is the password. Where a proxy keeps `Authorization` for itself: set \
         `webhook_header`, and the secret stands in that header alone. To change the secret later: both \
         are good while the one of before is the desk's `webhook_secret_previous`. To take callbacks from \
         the instance's addresses only: `webhook_from`."
    )
}

fn files(answers: &Answers) -> String {
    let host = answers.public_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let host = host.as_ref().and_then(url::Url::host_str).unwrap_or("<the public URL's host>");
    format!(
        "**Users' files.** Where the instance fetches them (`files` of the desk is `link`, or `auto` with an \
         https public URL that is not of a private network): the provider application's *Trusted media \
         domains*, else those of `sys_cs_provider`, must have `{host}`; files from elsewhere are dropped in \
         silence. Where they are brought to it (`upload`, or `auto` otherwise): the integration user needs a \
         role that the property `glide.attachment.role` names."
    )
}

fn provider() -> String {
    "**Provider.** Table `sys_cs_provider`, record “VA Bot to Bot Provider”: **Maintain message ordering** \
     on (without it an agent's lines may change places). For users known by e-mail: \
     `automatic_link_enabled=true`, `link_account_enabled=true`, \
     `automatic_link_action=sn_va_as_service.virtual_agent__bot_to_bot_auto_link_account`."
        .to_owned()
}
