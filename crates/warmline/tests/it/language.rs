//! A second language: a chat in German, from the greeting to the end.

use crate::{
    house::{House, Setting},
    page::{distinct, gists},
};

#[tokio::test]
async fn a_chat_in_german_from_the_greeting_to_the_end() {
    let mut house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_LANGUAGE".to_owned(), "de".to_owned());
    })
    .await;
    let mut page = house.page("dl_kim").await;
    page.shows(&["bot: Guten Tag!…"]).await;
    page.post("Mein Drucker streikt kolibri").await;
    page.shows(&["user: Mein Drucker streikt kolibri", "bot: Drucker: Wählen Sie…"]).await;
    page.post("Mitarbeiter!").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    let has = |wanted: &'static str| {
        move |heard: &crate::page::Heard| {
            gists(&distinct(&heard.activities)).iter().any(|gist| gist.starts_with(wanted))
        }
    };
    page.until("an agent", has("notice connected")).await;
    page.post("Chat beenden").await;
    page.until("the bot again", has("bot: Ich hoffe")).await;
    let said = page.notices();
    for (key, words) in [
        ("asked", "Ich suche jemanden, der mit Ihnen spricht."),
        // The first sign of an agent may come without the name.
        ("connected", "Schreiben Sie „Chat beenden“, wenn Sie fertig sind."),
        ("ended", "Sie haben den Chat beendet."),
        ("back_with_bot", "Sie sprechen wieder mit dem Assistenten."),
    ] {
        let found = said.iter().find(|(known, _)| known == key);
        assert!(found.is_some_and(|(_, text)| text.contains(words)), "{key}: {said:#?}");
    }
}
