//! What tenants have that somebody of another may want: letters that could not be delivered, files, and
//! people in Teams whose bots prove themselves with tokens of Entra.

use std::ops::Deref;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use simulator::{
    Fault, Times,
    azure::{Azure, AzureConfig, Chat, Message, Person, Registration, TENANT},
};

use super::fort::{Fort, State, Theirs, sign_in};
use crate::{
    bot::program::{Bot, Manner},
    house::House,
    page::eventually,
    process::Environment,
};

/// Where the pages of the tenants `default` and `other` may be, and by which keys they get a widget.
pub(super) const PAGES: [(&str, &str); 2] = [
    ("https://default.example", "default-page-key-1"),
    ("https://other.example", "other-page-key-2"),
];

/// The registrations of the tenants `north` and `south` and their bots' own, each with its secret.
const REGISTRATIONS: [[(&str, &str); 2]; 2] = [
    [
        ("a1a10000-1111-4222-8333-444455556666", "north-app-password-51c0"),
        ("a2a20000-1111-4222-8333-444455556666", "north-bot-password-51c1"),
    ],
    [
        ("b1b10000-1111-4222-8333-444455556666", "south-app-password-72d0"),
        ("b2b20000-1111-4222-8333-444455556666", "south-bot-password-72d1"),
    ],
];

/// A fort whose tenants have more to lose.
pub(super) struct Estates {
    pub(super) fort: Fort,
    pub(super) azure: Azure,
    pub(super) north: Organisation,
    pub(super) south: Organisation,
    /// What the bots of the tenants `other` and `third` have shown their users.
    pub(super) of_other: Shown,
    pub(super) of_third: Shown,
    /// Of the tenant `default`: one that can be sent again, and one that cannot.
    pub(super) letters: [i64; 2],
    /// The cookie of the admin of the tenant `default`.
    pub(super) dora: String,
}

/// A tenant whose bot is in Teams.
pub(super) struct Organisation {
    /// The registration that the gateway has for it.
    pub(super) app_id: &'static str,
    pub(super) bot: Bot,
    pub(super) chat: Chat,
    pub(super) person: Person,
    /// What the bot got of that person.
    pub(super) activity: Value,
    /// What the bot proves itself with.
    pub(super) token: String,
    /// What the bot said to them, and a file that it brought.
    pub(super) said: String,
    pub(super) file: String,
}

/// A file that a bot has shown.
pub(super) struct Shown {
    /// How the bot names the activity, and the file.
    pub(super) said: String,
    pub(super) file: String,
    /// Where the page opens it.
    pub(super) address: String,
}

/// How things stand; of the tenant `south` only what is at its desk, since it is south who tries.
#[derive(Debug, PartialEq)]
pub(super) struct Stand {
    fort: State,
    heard_in_the_north: usize,
    shown_in_the_north: Vec<Message>,
}

/// A file of these words, in base64.
fn file() -> Value {
    json!({"type": "text/plain", "name": "plan kolibri.txt", "originalBase64": "Y2xvdWRzIG92ZXIga29saWJyaQ=="})
}

/// A tenant whose bot is behind, in Teams.
fn organisation(name: &str, of: [(&str, &str); 2], bot: &Bot, azure: &Azure) -> String {
    let ([(app, _), (own, _)], endpoint, upper) = (of, bot.endpoint(), name.to_uppercase());
    let (origin, channels) = (azure.origin(), azure.channel_metadata());
    let entra = azure.login_metadata();
    format!(
        r#"
[tenants.{name}.desks.it]
instance = "dev99997"
client_id = "{name}"
client_secret = "env:SHARED_CLIENT_SECRET"
grant_type = "client_credentials"
webhook_secret = "env:{upper}_WEBHOOK_SECRET"
[tenants.{name}.bots.help]
app_id = "{app}"
app_password = "env:{upper}_APP_PASSWORD"
app_tenant = "{TENANT}"
login_url = "{origin}/{TENANT}"
channel_metadata_url = "{channels}"
entra_metadata_url = "{entra}"
connector_hosts = ["127.0.0.1"]
endpoint = "{endpoint}"
endpoint_app_id = "{own}"
"#
    )
}

impl Estates {
    pub(super) async fn start() -> Self {
        Self::start_with("", |_| {}).await
    }

    /// The same with more tables in the configuration.
    pub(super) async fn start_with(more: &str, change: impl FnOnce(&mut Environment)) -> Self {
        let all = REGISTRATIONS.as_flattened().iter();
        let registrations = all.map(|(id, secret)| Registration::new(id, secret)).collect();
        let azure = AzureConfig { registrations, ..AzureConfig::default() };
        let azure = Azure::start(azure).await.unwrap();
        let (north, south) = (Bot::start(Manner::Mute).await, Bot::start(Manner::Mute).await);
        let page =
            |(origin, key)| format!("widget_key = \"{key}\"\ntrusted_origins = [\"{origin}\"]\n");
        let of_default = [
            page(PAGES[0]),
            organisation("north", REGISTRATIONS[0], &north, &azure),
            organisation("south", REGISTRATIONS[1], &south, &azure),
            "[operators.dora]\npassword_hash = \"env:OPERATOR_HASH\"\nrole = \"admin\"\n\
             tenants = [\"default\"]\n"
                .to_owned(),
            more.to_owned(),
        ]
        .concat();
        let mut fort = Fort::start_with([&of_default, &page(PAGES[1])], |environment| {
            for (name, [(_, password), _]) in ["NORTH", "SOUTH"].into_iter().zip(REGISTRATIONS) {
                environment.insert(format!("{name}_APP_PASSWORD"), password.to_owned());
                let webhook = format!("{name}-webhook-secret-0b1c").to_lowercase();
                environment.insert(format!("{name}_WEBHOOK_SECRET"), webhook);
            }
            change(environment);
        })
        .await;
        for (_, secret) in REGISTRATIONS.as_flattened() {
            fort.house.hides(secret);
        }
        let letters = letters(&mut fort).await;
        let of_other = shown(&fort, &fort.other).await;
        let of_third = shown(&fort, &fort.third).await;
        let dora = sign_in(&fort.house, Some("dora")).await;
        let north = Organisation::begin(&fort, &azure, REGISTRATIONS[0], north).await;
        let south = Organisation::begin(&fort, &azure, REGISTRATIONS[1], south).await;
        Self { fort, azure, north, south, of_other, of_third, letters, dora }
    }

    /// How things stand, when what was begun is done.
    pub(super) async fn stand(&self) -> Stand {
        Stand {
            fort: self.fort.state().await,
            heard_in_the_north: self.north.bot.got().len(),
            shown_in_the_north: self.azure.shown(&self.north.chat.id),
        }
    }
}

impl Deref for Estates {
    type Target = Fort;

    fn deref(&self) -> &Fort {
        &self.fort
    }
}

impl Drop for Estates {
    fn drop(&mut self) {
        // The house looks for them in its gateway's log.
        for grant in self.azure.grants() {
            self.fort.house.hides(&grant.token);
        }
    }
}

impl Organisation {
    /// Somebody of theirs writes in Teams, and the bot answers with words and brings a file.
    async fn begin(fort: &Fort, azure: &Azure, of: [(&'static str, &str); 2], bot: Bot) -> Self {
        let [(app_id, _), (own, _)] = of;
        let endpoint = format!("{}/api/messages", fort.house.origin());
        assert!(azure.set_endpoint(app_id, &endpoint));
        let person = Person::new("Nora Example", &format!("nora-{}@example.org", &app_id[..4]));
        let chat = azure.personal_chat(app_id, &person);
        let words = format!("good morning from {} kolibri", &app_id[..4]);
        let posted = azure.deliver(&azure.message(&chat, &person, &words)).await.unwrap();
        assert_eq!(posted.status, 200, "{}", posted.body);
        let activity = bot.hears(&words).await;
        let token = azure.sign(&azure.app_token(own, app_id));
        fort.house.hides(&token);
        let mut all = Self {
            app_id,
            bot,
            chat,
            person,
            activity,
            token,
            said: String::new(),
            file: String::new(),
        };
        let message = json!({"type": "message", "text": "and to you kolibri"});
        let path = format!("/conversations/{}/activities", all.conversation());
        all.said = id(all.call(fort, Method::POST, &path).json(&message)).await;
        let path = format!("/conversations/{}/attachments", all.conversation());
        all.file = id(all.call(fort, Method::POST, &path).json(&file())).await;
        all
    }

    /// How the bot knows the conversation.
    pub(super) fn conversation(&self) -> &str {
        self.activity["conversation"]["id"].as_str().unwrap()
    }

    /// A call of the bot's.
    pub(super) fn call(&self, fort: &Fort, method: Method, path: &str) -> RequestBuilder {
        fort.call(method, &format!("/v3{path}")).bearer_auth(&self.token)
    }
}

/// The id that a call is answered with.
async fn id(call: RequestBuilder) -> String {
    let answer = call.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{status}: {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["id"].as_str().unwrap_or_else(|| panic!("no id: {text}")).to_owned()
}

/// A bot behind brings a file and shows it to its user.
async fn shown(fort: &Fort, theirs: &Theirs) -> Shown {
    let (service, handle) = (Fort::service(theirs), Fort::handle(theirs));
    let post =
        |path: &str| fort.house.http.post(format!("{service}/v3/conversations/{handle}/{path}"));
    let file = id(post("attachments").json(&file())).await;
    let view = format!("{service}/v3/attachments/{file}/views/original");
    let message = json!({
        "type": "message", "text": "look kolibri",
        "attachments": [{"contentType": "text/plain", "contentUrl": view, "name": "plan"}],
    });
    let said = id(post("activities").json(&message)).await;
    let path = format!("/v3/directline/conversations/{}/activities", theirs.conversation);
    let address = eventually("the page is shown the file", || async {
        let read = fort.get(&path).bearer_auth(&theirs.token).send().await.unwrap();
        let read: Value = read.json().await.unwrap();
        let mut all = read["activities"].as_array()?.iter();
        all.find_map(|one| Some(one["attachments"][0]["contentUrl"].as_str()?.to_owned()))
    })
    .await;
    Shown { said, file, address }
}

/// Somebody talks with an agent; the instance refuses the end of the chat, and their next request.
async fn letters(fort: &mut Fort) -> [i64; 2] {
    let house = &mut fort.house;
    let ned = house.page("dl_ned").await;
    ned.post("my pay is wrong kolibri").await;
    ned.post("agent").await;
    let chat = house.offered("dl_ned").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    house.desk.inject(Fault::Forbidden, Times::Once);
    ned.post("end chat").await;
    let end = letter(&fort.house, &fort.admin, "end").await;
    fort.house.desk.inject(Fault::Forbidden, Times::Once);
    ned.post("agent").await;
    [end, letter(&fort.house, &fort.admin, "ask").await]
}

/// The number of the newest dead letter, once it is about this.
async fn letter(house: &House, cookie: &str, effect: &str) -> i64 {
    eventually("a dead letter", || async {
        let list = format!("{}/console/api/dead-letters", house.origin());
        let list = house.http.get(list).header("cookie", cookie).send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        let newest = list["letters"].as_array()?.first()?.clone();
        (newest["effect"] == effect).then(|| newest["id"].as_i64()).flatten()
    })
    .await
}
