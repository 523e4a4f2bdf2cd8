//! The ids by which a bot knows conversations and activities, and the address that only it knows.
//!
//! A conversation's id is its row and a keyed hash over tenant, bot and row. So no table is needed to
//! find the conversation again, whichever process gets the answer; no bot can name a conversation that
//! it was not told of; and nothing in the id means anything elsewhere. It survives being put into a
//! path unencoded, as one SDK does (reference 3.1): letters, digits and hyphens only.

use std::sync::Arc;

use session::id::{BotId, Number, TenantId};
use store::ConversationId;
use vault::{MacKey, SealError, Signing, Vault};

use crate::render::activity_id;

/// How much of a keyed hash goes into an id, in bytes: more than anybody can guess.
const TAG_BYTES: usize = 16;

/// Where a bot without tokens calls; its capability follows.
pub(super) const CAPABILITY_PREFIX: &str = "/bot";

/// How many digits the last part of the address has below which a bot without tokens calls.
pub(super) const CAPABILITY_DIGITS: usize = 2 * TAG_BYTES;

/// Makes and reads these ids.
#[derive(Clone)]
pub(crate) struct Handles {
    /// What conversations are called stays, whatever keys are rotated.
    key: Arc<MacKey>,
    /// What opens follows the root keys.
    addresses: Arc<Signing<MacKey>>,
}

impl Handles {
    /// Both have the purpose that they had in one when there was the master key only: what it made is what
    /// its root key makes, so that addresses of then are good as long as that is on the ring.
    pub(crate) fn of(vault: &Vault) -> Result<Self, SealError> {
        const PURPOSE: &str = "bots";
        let (key, addresses) = (vault.mac_key(PURPOSE)?, vault.signing_texts(PURPOSE)?);
        Ok(Self { key: Arc::new(key), addresses: Arc::new(addresses) })
    }

    /// The last part of the address below which a bot without tokens calls: the newest one.
    pub(crate) fn capability(&self, tenant: &TenantId, bot: &BotId) -> String {
        self.addresses.newest(|key| capability(key, tenant, bot))
    }

    /// All that are good, the newest first.
    pub(super) fn capabilities(&self, tenant: &TenantId, bot: &BotId) -> Vec<String> {
        self.addresses.all(|key| capability(key, tenant, bot))
    }

    /// Whether this is one of that bot's.
    pub(crate) fn is_capability(&self, given: &str, tenant: &TenantId, bot: &BotId) -> bool {
        // All are compared, so that the time it takes tells nothing.
        let right = self.capabilities(tenant, bot);
        right.iter().fold(false, |is, right| is | self.same(given, right))
    }

    /// The conversation's id for this bot.
    pub(crate) fn conversation(
        &self,
        tenant: &TenantId,
        bot: &BotId,
        id: ConversationId,
    ) -> String {
        let tag = self.tag("conversation", tenant, bot, &id.0.to_be_bytes());
        format!("c{}-{tag}", id.0)
    }

    /// The conversation that this bot calls so.
    pub(crate) fn read(
        &self,
        given: &str,
        tenant: &TenantId,
        bot: &BotId,
    ) -> Option<ConversationId> {
        let (row, _) = given.strip_prefix('c')?.split_once('-')?;
        let id = ConversationId(row.parse().ok().filter(|row| *row > 0)?);
        self.same(given, &self.conversation(tenant, bot, id)).then_some(id)
    }

    fn tag(&self, kind: &str, tenant: &TenantId, bot: &BotId, what: &[u8]) -> String {
        tagged(
            &self.key,
            &[kind.as_bytes(), tenant.as_str().as_bytes(), bot.as_str().as_bytes(), what],
        )
    }

    /// Compares hashes, so that the time it takes tells nothing.
    fn same(&self, given: &str, right: &str) -> bool {
        self.key.tag(&[given.as_bytes()]) == self.key.tag(&[right.as_bytes()])
    }
}

fn capability(key: &MacKey, tenant: &TenantId, bot: &BotId) -> String {
    tagged(key, &[b"capability", tenant.as_str().as_bytes(), bot.as_str().as_bytes(), b""])
}

fn tagged(key: &MacKey, parts: &[&[u8]]) -> String {
    hex(&key.tag(parts)[..TAG_BYTES])
}

/// The entry that an activity's id names, ours or the bot's form of it: they end alike. `None` if it
/// is of another conversation or no id that we gave.
pub(crate) fn entry_of(conversation: &str, given: &str) -> Option<Number> {
    let (whose, number) = given.rsplit_once('-')?;
    let number = Number(number.parse().ok().filter(|number| *number > 0)?);
    (whose == conversation && activity_id(conversation, number) == given).then_some(number)
}

/// The same entry's id in another conversation's words: `replyToId` on its way from page to bot, and
/// back. `None` if it names no entry before `below`.
pub(crate) fn renamed(given: &str, conversation: &str, below: Number) -> Option<String> {
    number_in(given, below).map(|number| activity_id(conversation, number))
}

/// The entry that an id names at its end; `None` if that is none before `below`.
pub(crate) fn number_in(given: &str, below: Number) -> Option<Number> {
    let (_, number) = given.rsplit_once('-')?;
    let number = Number(number.parse().ok().filter(|number| *number > 0)?);
    (number < below).then_some(number)
}

/// Bytes as lower-case digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use vault::{MasterKey, Vault};

    use super::*;

    fn handles() -> Handles {
        let vault = Vault::new(&MasterKey::generate().unwrap()).unwrap();
        Handles::of(&vault).unwrap()
    }

    fn names(tenant: &str, bot: &str) -> (TenantId, BotId) {
        (TenantId::new(tenant).unwrap(), BotId::new(bot).unwrap())
    }

    #[test]
    fn a_bot_finds_its_own_conversations_again_and_no_others() {
        let handles = handles();
        let ((tenant, bot), (other, same)) = (names("t", "b"), names("other", "b"));
        let id = handles.conversation(&tenant, &bot, ConversationId(17));
        assert_eq!(handles.read(&id, &tenant, &bot), Some(ConversationId(17)));
        assert_eq!(handles.read(&id, &other, &same), None);
        assert_eq!(handles.read(&id.replace("c17", "c18"), &tenant, &bot), None);
        for wrong in ["", "c", "c17", "c17-", "c-17-00", "c+17-", "c0-00", "17"] {
            assert_eq!(handles.read(wrong, &tenant, &bot), None, "{wrong:?}");
        }
        let upper = id.to_uppercase();
        assert_eq!(handles.read(&upper, &tenant, &bot), None);
    }

    #[test]
    fn ids_survive_a_path_and_are_short() {
        let (tenant, bot) = names("tenant with spaces", "b/c");
        let id = handles().conversation(&tenant, &bot, ConversationId(i64::MAX));
        let id = activity_id(&id, Number(u64::MAX));
        assert!(id.len() <= 100, "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{id}");
    }

    #[test]
    fn a_capability_opens_for_one_bot() {
        let handles = handles();
        let ((tenant, bot), (_, another)) = (names("t", "b"), names("t", "c"));
        let capability = handles.capability(&tenant, &bot);
        assert!(handles.is_capability(&capability, &tenant, &bot));
        assert!(!handles.is_capability(&capability, &tenant, &another));
        assert!(!handles.is_capability("", &tenant, &bot));
    }

    #[test]
    fn a_capability_goes_with_the_root_key_that_made_it_and_handles_stay() {
        let master = MasterKey::generate().unwrap();
        let vault = Vault::new(&master).unwrap();
        let (tenant, bot) = names("t", "b");
        // What an earlier version gave out, which had the master key only.
        let before = vault.mac_key("bots").unwrap();
        let given_then = capability(&before, &tenant, &bot);
        vault.take(vault.adopted_ring().unwrap());
        let handles = Handles::of(&vault).unwrap();
        let conversation = handles.conversation(&tenant, &bot, ConversationId(17));
        assert_eq!(handles.capability(&tenant, &bot), given_then);
        let first = vault.current();
        vault.take(vault.with_new_root(1).unwrap().unwrap());
        let newest = handles.capability(&tenant, &bot);
        assert_ne!(newest, given_then, "the bot is told another one from now on");
        assert_eq!(handles.capabilities(&tenant, &bot), [newest.clone(), given_then.clone()]);
        assert!([&newest, &given_then].iter().all(|of| handles.is_capability(of, &tenant, &bot)));
        vault.take(vault.without_root(first).unwrap());
        assert!(!handles.is_capability(&given_then, &tenant, &bot));
        assert!(handles.is_capability(&newest, &tenant, &bot));
        assert_eq!(handles.read(&conversation, &tenant, &bot), Some(ConversationId(17)));
    }

    #[test]
    fn an_activity_id_names_an_entry_of_its_own_conversation_only() {
        assert_eq!(entry_of("c1-ab", "c1-ab-0000012"), Some(Number(12)));
        for wrong in ["c2-ab-0000012", "c1-ab-12", "c1-ab-0000000", "c1-ab", "", "0000012"] {
            assert_eq!(entry_of("c1-ab", wrong), None, "{wrong:?}");
        }
        assert_eq!(renamed("c1-ab-0000012", "page", Number(13)).as_deref(), Some("page-0000012"));
        assert_eq!(renamed("c1-ab-0000012", "page", Number(12)), None, "nothing of the future");
    }
}
