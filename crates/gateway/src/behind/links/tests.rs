//! What a page is shown in place of a bot's addresses.

use store::ConversationId;
use uuid::Uuid;

use super::*;
use crate::bed::{Bed, bot, tenant};

fn links(bed: &Bed) -> Links {
    let handles = Handles::of(&bed.vault).unwrap();
    Links {
        files: bed.files(),
        handles,
        tenant: tenant(),
        bot: bot(),
        base: "https://chat.example".to_owned(),
        desk: None,
    }
}

fn file() -> FileId {
    FileId { conversation: ConversationId(7), number: Uuid::from_u128(0xAB), keep: Keep::Day }
}

#[tokio::test]
async fn addresses_of_attachments_become_passes_wherever_they_stand() {
    let bed = Bed::new();
    let links = links(&bed);
    let id = links.handles.attachment(&tenant(), &bot(), file());
    let original =
        format!("https://chat.example/files/{}", links.files.pass(file(), Side::Original));
    let thumbnail =
        format!("https://chat.example/files/{}", links.files.pass(file(), Side::Thumbnail));
    assert_ne!(original, thumbnail);
    for base in ["http://gateway:8080", "https://chat.example/bot/0123", "https://a.example/x/y"] {
        let address = format!("{base}/v3/attachments/{id}/views/");
        let json = format!(
            r#"{{"text":"see ![it]({address}original) or {address}original.","attachments":[{{"contentUrl":"{address}original","thumbnailUrl":"{address}thumbnail?x=1"}}]}}"#
        );
        let shown = links.shown(&json);
        assert_eq!(
            shown,
            format!(
                r#"{{"text":"see ![it]({original}) or {original}.","attachments":[{{"contentUrl":"{original}","thumbnailUrl":"{thumbnail}?x=1"}}]}}"#
            )
        );
        assert_eq!(links.shown(&json.replace('/', "\\/")), shown, "slashes written the other way");
    }
}

#[tokio::test]
async fn other_addresses_stay_as_they_are() {
    let bed = Bed::new();
    let links = links(&bed);
    let id = links.handles.attachment(&tenant(), &bot(), file());
    let anothers =
        links.handles.attachment(&tenant(), &session::id::BotId::new("x").unwrap(), file());
    for same in [
        format!(r#"{{"contentUrl":"https://a.example/v3/attachments/{anothers}/views/original"}}"#),
        format!(r#"{{"contentUrl":"https://a.example/v3/attachments/{id}x/views/original"}}"#),
        format!(r#"{{"contentUrl":"https://a.example/v3/attachments/{id}/views/other"}}"#),
        format!(r#"{{"contentUrl":"/v3/attachments/{id}/views/original"}}"#),
        r#"{"contentUrl":"https://a.example/v3/attachments/"}"#.to_owned(),
        r#"{"contentUrl":"https://a.example/v3/attachments/1/views/original"}"#.to_owned(),
        r#"{"text":"a\\/b \\\"/v3/attachments\\/"}"#.to_owned(),
    ] {
        assert_eq!(links.shown(&same), same);
    }
}

#[tokio::test]
async fn the_address_that_only_the_bot_knows_is_never_shown() {
    let bed = Bed::new();
    let links = links(&bed);
    let capability = links.handles.capability(&tenant(), &bot());
    let json = format!(
        r#"{{"value":{{"serviceUrl":"http://gateway/bot/{capability}"}},"x":"{capability}"}}"#
    );
    let shown = links.shown(&json);
    assert_eq!(shown, r#"{"value":{"serviceUrl":"http://gateway/bot/-"},"x":"-"}"#);
    bed.vault.take(bed.vault.with_new_root(1).unwrap().unwrap());
    assert_eq!(links.shown(&json), shown, "nor is the one of before, while it is good");
}

#[tokio::test]
async fn nor_is_it_in_words_that_an_agent_reads() {
    let bed = Bed::new();
    let links = links(&bed);
    let address = format!(
        "http://gateway/bot/{}/v3/attachments/x",
        links.handles.capability(&tenant(), &bot())
    );
    let words = format!("![a]({address}) and {address}, as /bot/abc or /bots/ do");
    let hidden = hidden(&words);
    assert_eq!(
        hidden,
        "![a](http://gateway/bot/-/v3/attachments/x) and http://gateway/bot/-/v3/attachments/x, as /bot/abc or /bots/ do"
    );
    assert_eq!(super::hidden("nothing"), "nothing");
}
