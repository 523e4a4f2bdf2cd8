//! A house whose gateway is an Azure Bot, and its users in Teams.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use simulator::azure::{APP_ID, Azure, AzureConfig, Chat, Person, Posted, Received, Registration};

use crate::{
    bot::program::Bot,
    house::{House, Life, Setting},
    page::eventually,
    process::{Environment, WITHIN},
};

/// What the registration proves itself with.
const SECRET: &str = "app-password-3e81b0c7d2";

pub(crate) struct Rig {
    pub(super) house: House,
    pub(crate) azure: Azure,
}

impl Rig {
    /// The small built-in bot, reached through Teams.
    pub(super) async fn start(setting: Setting) -> Self {
        Self::start_with(setting, |_| {}).await
    }

    /// A bot of a team's own behind it.
    pub(super) async fn start_before(bot: &Bot, setting: Setting) -> Self {
        let endpoint = bot.endpoint();
        Self::start_with(setting, |environment| {
            environment.insert("BOT_ENDPOINT".to_owned(), endpoint);
        })
        .await
    }

    pub(super) async fn start_with(
        setting: Setting,
        change: impl FnOnce(&mut Environment),
    ) -> Self {
        Self::start_at(Self::azure().await, setting, change).await
    }

    /// A stand-in that knows the bot's registration.
    pub(super) async fn azure() -> Azure {
        let registrations = vec![Registration::new(APP_ID, SECRET)];
        let azure = AzureConfig { registrations, ..AzureConfig::default() };
        Azure::start(azure).await.unwrap()
    }

    /// The same without the counts of Teams, for those who have much to say.
    pub(crate) async fn azure_without_limits() -> Azure {
        let registrations = vec![Registration::new(APP_ID, SECRET)];
        let azure = AzureConfig { registrations, limits: false, ..AzureConfig::default() };
        Azure::start(azure).await.unwrap()
    }

    /// The same before a stand-in that is there already.
    pub(crate) async fn start_at(
        azure: Azure,
        setting: Setting,
        change: impl FnOnce(&mut Environment),
    ) -> Self {
        let house = House::start_with(setting, |environment| {
            for (name, value) in azure.settings(&Registration::new(APP_ID, SECRET)) {
                environment.insert(name.to_owned(), value);
            }
            environment.insert("MicrosoftAppPassword".to_owned(), SECRET.to_owned());
            change(environment);
        })
        .await;
        house.hides(SECRET);
        azure.set_endpoint(APP_ID, &format!("{}/api/messages", house.origin()));
        Self { house, azure }
    }

    /// Somebody who has just installed the app, and was greeted.
    pub(super) async fn user(&self, name: &str) -> User {
        let user = self.stranger(name);
        user.delivers(&self.azure.installation(&user.chat, &user.person, "add")).await;
        user
    }

    /// Somebody of whom the gateway has not heard.
    pub(super) fn stranger(&self, name: &str) -> User {
        self.user_of(APP_ID, name)
    }

    /// Somebody with another bot.
    pub(super) fn user_of(&self, app_id: &str, name: &str) -> User {
        let email = format!("{}@example.org", name.to_lowercase().replace(' ', "."));
        let person = Person::new(name, &email);
        let chat = self.azure.personal_chat(app_id, &person);
        User { azure: self.azure.clone(), chat, person, looked: 0 }
    }

    /// How many rows everything durable has.
    pub(super) fn rows(&self) -> BTreeMap<String, i64> {
        let path = self.data_dir().join("warmline.db");
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        ["conversation", "log", "session", "repeat", "outbox", "dead_letter"]
            .into_iter()
            .map(|table| {
                let count = format!("SELECT count(*) FROM {table}");
                let rows = connection.query_row(&count, [], |row| row.get(0)).unwrap();
                (table.to_owned(), rows)
            })
            .collect()
    }

    /// Waits until everything that was to be done outside is done.
    pub(crate) async fn settles(&self) {
        eventually("the outbox is empty", || async { (self.rows()["outbox"] == 0).then_some(()) })
            .await;
    }

    /// The end of a step: where life is hard, all that is under way arrives, and then the gateway is
    /// killed and started again.
    pub(super) async fn step(&mut self) {
        if self.setting.life == Life::Killed {
            self.desk.hold_callbacks(true);
            self.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await.unwrap();
            self.settles().await;
            self.house.step().await;
        }
    }

    /// What the Connector got of the bot for this user.
    pub(super) fn requests(&self, user: &User) -> Vec<Received> {
        let own = |one: &Received| one.conversation.as_deref() == Some(&user.chat.id);
        self.azure.received().into_iter().filter(own).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // The house looks for them in its gateway's log.
        for grant in self.azure.grants() {
            self.house.hides(&grant.token);
        }
    }
}

impl Deref for Rig {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

impl DerefMut for Rig {
    fn deref_mut(&mut self) -> &mut House {
        &mut self.house
    }
}

/// Somebody in Teams, alone with the bot.
pub(crate) struct User {
    pub(super) azure: Azure,
    pub(crate) chat: Chat,
    pub(crate) person: Person,
    looked: usize,
}

impl User {
    /// By what the desk knows them.
    pub(super) fn id(&self) -> String {
        self.person.aad_object_id.clone()
    }

    /// Says something; the activity by which it was said.
    pub(crate) async fn says(&self, text: &str) -> Value {
        let activity = self.azure.message(&self.chat, &self.person, text);
        self.delivers(&activity).await;
        activity
    }

    /// Teams delivers an activity until somebody takes it.
    pub(crate) async fn delivers(&self, activity: &Value) {
        let posted = eventually("an activity is taken", || async {
            let posted = self.azure.deliver(activity).await.ok()?;
            // It starts, or stops; what is not answered well is delivered again.
            (posted.status < 500).then_some(posted)
        })
        .await;
        let taken = Posted { status: 200, body: String::new() };
        assert_eq!(posted, taken, "{}", activity["type"]);
    }

    /// What they see of the bot, in its order, repeats included.
    pub(super) fn sees(&self) -> Vec<String> {
        self.azure.texts(&self.chat.id)
    }

    /// The next things that they see are exactly these. What ends in `…` only has to begin so.
    pub(super) async fn shows(&mut self, expected: &[&str]) {
        let upto = self.looked + expected.len();
        let there = self.azure.wait_until(|_| self.sees().len() >= upto, WITHIN).await;
        let seen = self.sees();
        let next = &seen[self.looked.min(seen.len())..upto.min(seen.len())];
        assert!(there, "in vain: {expected:#?}, seen {next:#?}");
        for (seen, expected) in next.iter().zip(expected) {
            let fits = match expected.strip_suffix('…') {
                Some(beginning) => seen.starts_with(beginning),
                None => seen == expected,
            };
            assert!(fits, "expected {expected:?}, seen {next:#?}");
        }
        self.looked = upto;
    }

    /// Waits until they see this, whatever comes before it.
    pub(super) async fn comes_to_see(&mut self, text: &str) {
        let found = |_: &Azure| self.sees()[self.looked..].iter().any(|seen| seen.contains(text));
        let there = self.azure.wait_until(found, WITHIN).await;
        assert!(there, "in vain: {text:?}, seen {:#?}", self.sees());
        let at = self.sees()[self.looked..].iter().position(|seen| seen.contains(text));
        self.looked += at.unwrap() + 1;
    }

    /// They have seen nothing but what was looked at.
    pub(super) fn shows_nothing_more(&self) {
        assert_eq!(self.sees()[self.looked..], Vec::<String>::new()[..], "nothing more");
    }
}
