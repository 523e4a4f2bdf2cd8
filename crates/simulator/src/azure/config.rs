//! What a stand-in is started with: the apps it knows, and the people who write to them.

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::SecretString;

use super::keys::b64;

/// The tenant of people and apps, unless another is named.
pub const TENANT: &str = "5c0ffee0-0000-4000-8000-2d7cd011db47";

/// The app of the default registration.
pub const APP_ID: &str = "a9900000-1111-4222-8333-444455556666";

/// Its secret.
pub const APP_SECRET: &str = "secret-of-the-stand-in";

/// The channels that the Bot Framework's keys speak for.
const ENDORSEMENTS: [&str; 9] =
    ["msteams", "directline", "webchat", "slack", "email", "telegram", "line", "skype", "emulator"];

/// An app registration, and the bot that is registered with it.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its id, a GUID.
    pub app_id: String,
    /// What it proves itself with at the login; one of the two is enough.
    pub secret: Option<SecretString>,
    /// Its certificate in DER, where it signs assertions with the private key.
    pub certificate: Option<Vec<u8>>,
    /// Its tenant if it is a single-tenant app; a multi-tenant one asks at `botframework.com`.
    pub tenant: Option<String>,
    /// Whether a bot is registered with it, with the Teams channel. Without one the Connector
    /// refuses it.
    pub is_bot: bool,
    /// Where the bot is, if it is known already.
    pub endpoint: Option<String>,
}

impl Registration {
    /// A single-tenant bot with a secret, in the usual tenant.
    pub fn new(app_id: &str, secret: &str) -> Self {
        Self {
            app_id: app_id.to_ascii_lowercase(),
            secret: Some(secret.into()),
            certificate: None,
            tenant: Some(TENANT.to_owned()),
            is_bot: true,
            endpoint: None,
        }
    }
}

/// A person with an account in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As others see it.
    pub name: String,
    /// The account in the directory.
    pub aad_object_id: String,
    /// The address; also the principal name.
    pub email: String,
    /// The directory.
    pub tenant: String,
}

impl Person {
    /// A person of the usual tenant. Who has the same address is the same person.
    pub fn new(name: &str, email: &str) -> Self {
        let hash = digest(&SHA256, email.to_ascii_lowercase().as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_ref()[..16]);
        let aad_object_id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
        let (name, email) = (name.to_owned(), email.to_owned());
        Self { name, aad_object_id, email, tenant: TENANT.to_owned() }
    }

    /// The id under which a bot knows this person: another one for each bot.
    pub fn id_for(&self, app_id: &str) -> String {
        let of = format!("{} {}", app_id.to_ascii_lowercase(), self.aad_object_id);
        format!("29:1{}", b64(digest(&SHA256, of.as_bytes()).as_ref()))
    }
}

/// What a stand-in is started with.
#[derive(Debug, Clone)]
pub struct AzureConfig {
    /// The apps that it knows.
    pub registrations: Vec<Registration>,
    /// The tenants that its login knows.
    pub tenants: Vec<String>,
    /// Whom it knows; others are added when they write.
    pub people: Vec<Person>,
    /// The channels that its keys speak for.
    pub endorsements: Vec<String>,
    /// Whether the Connector counts as Teams does, and answers 429.
    pub limits: bool,
    /// How long an app's token lives, in seconds.
    pub token_seconds: u64,
}

impl Default for AzureConfig {
    fn default() -> Self {
        Self {
            registrations: vec![Registration::new(APP_ID, APP_SECRET)],
            tenants: vec![TENANT.to_owned()],
            people: vec![
                Person::new("Kim Example", "kim@example.org"),
                Person::new("Alex Example", "alex@example.org"),
            ],
            endorsements: ENDORSEMENTS.map(str::to_owned).to_vec(),
            limits: true,
            token_seconds: 3_599,
        }
    }
}
