//! What a page's user does to what was said before: changes it, takes it back, reacts to it. An agent
//! reads words only, so it is told in words, and which message is meant.

use bot_framework::{Activity, activity::kinds, direct_line::token::Claims};
use session::{Author, Said, id::Number};
use store::Store;

use crate::{
    behind::handles::number_in,
    channel::words,
    edge::{
        Edge,
        direct_line::{Refused, refused::unreadable},
        messages::meaning::{is_about, masked},
    },
    keeping::{Entry, Keeping},
};

/// What an agent is told of it; nothing of what concerns no person, and nothing where somebody would
/// change what others said. With it the activity as it may be kept, where it changes a secret.
pub(super) async fn told(
    edge: &Edge,
    claims: &Claims,
    activity: &Activity,
) -> Result<(Option<Said>, Option<Activity>), Refused> {
    let about = match is_about(activity) {
        Some(id) => entry(edge, claims, &id).await?,
        None => None,
    };
    let is_change = activity.kind() != kinds::MESSAGE_REACTION;
    if is_change && about.as_ref().is_some_and(|entry| entry.author != Author::User) {
        return Ok((None, None));
    }
    let about = about.as_ref().and_then(|entry| entry.content.said());
    let secret = about.filter(|said| is_change && said.masked.is_some());
    let masked = secret.map(|said| masked(activity.clone(), &said.text));
    let about = about.map(|said| said.text.as_str());
    let told = words::for_agent(masked.as_ref().unwrap_or(activity), about, edge.language);
    Ok((told, masked))
}

/// The entry of this conversation that its pages know by this id.
async fn entry(edge: &Edge, claims: &Claims, id: &str) -> Result<Option<Entry>, Refused> {
    let is_own =
        id.strip_prefix(claims.conversation.as_str()).is_some_and(|rest| rest.starts_with('-'));
    let Some(number) = number_in(id, Number(u64::MAX)).filter(|_| is_own) else {
        return Ok(None);
    };
    let key = edge.key_of(claims)?;
    let read = move |store: &dyn Store| {
        let Some(row) = store.conversation(&key)? else { return Ok(None) };
        Ok(Some((row.key, store.entries_upto(row.id, number, 1)?)))
    };
    let read = crate::blocking(&edge.store, read).await.map_err(|error| unreadable(&error))?;
    let Some((key, rows)) = read else { return Ok(None) };
    let entries = Keeping::new(&edge.vault, &key)
        .and_then(|keeping| keeping.read_entries(&edge.vault, &rows))
        .map_err(|error| unreadable(&error))?;
    Ok(entries.into_iter().find(|entry| entry.number == number))
}
