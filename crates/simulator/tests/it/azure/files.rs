//! Files in Teams, both ways.

use simulator::azure::Upload;

use super::{Rig, kim, text};

#[tokio::test]
async fn an_attached_file_is_loaded_with_its_address_alone() {
    let rig = Rig::start().await;
    let activity = rig.azure.file(&rig.kim(), &kim(), "slip.pdf", b"the slip".to_vec());
    let file = &activity["attachments"][0];
    assert_eq!(file["contentType"], "application/vnd.microsoft.teams.file.download.info");
    assert_eq!((text(&file["name"]), text(&file["content"]["fileType"])), ("slip.pdf", "pdf"));
    let address = text(&file["content"]["downloadUrl"]);
    let answer = rig.http.get(address).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &*answer.bytes().await.unwrap()),
        (200, &b"the slip"[..])
    );
    let (activity, digest) = rig.azure.made_file(&rig.kim(), &kim(), "big.bin", 100_000);
    let address = text(&activity["attachments"][0]["content"]["downloadUrl"]);
    let bytes = rig.http.get(address).send().await.unwrap().bytes().await.unwrap();
    assert_eq!((bytes.len(), digest.len()), (100_000, 64));
}

#[tokio::test]
async fn a_picture_among_the_words_needs_the_bots_token() {
    let rig = Rig::start().await;
    let activity = rig.azure.picture(&rig.kim(), &kim(), "image/png", b"dots".to_vec());
    let address = text(&activity["attachments"][0]["contentUrl"]);
    assert_eq!(rig.http.get(address).send().await.unwrap().status(), 401);
    let answer = rig.http.get(address).bearer_auth(&rig.token).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &*answer.bytes().await.unwrap()), (200, &b"dots"[..]));
}

#[tokio::test]
async fn what_a_user_agrees_to_is_brought_in_pieces_that_follow_each_other() {
    let rig = Rig::start().await;
    let context = serde_json::json!({"file": 1});
    let consent =
        |accepts| rig.azure.consent(&rig.kim(), &kim(), ("17", "a.txt"), &context, accepts);
    let declined = consent(false);
    assert_eq!((text(&declined["value"]["action"]), rig.azure.uploads().len()), ("decline", 0));
    let accepted = consent(true);
    assert_eq!(
        (text(&accepted["name"]), &accepted["value"]["context"]),
        ("fileConsent/invoke", &context)
    );
    let address = text(&accepted["value"]["uploadInfo"]["uploadUrl"]).to_owned();
    let put = |range: &'static str, bytes: &'static str| {
        rig.http.put(&address).header("content-range", range).body(bytes).send()
    };
    assert_eq!(put("all of it", "abc").await.unwrap().status(), 400);
    assert_eq!(put("bytes 3-5/6", "def").await.unwrap().status(), 416);
    assert_eq!(put("bytes 0-2/6", "abc").await.unwrap().status(), 202);
    assert_eq!(rig.azure.uploads()[0].sha256, None);
    assert_eq!(put("bytes 3-5/6", "def").await.unwrap().status(), 201);
    let digest = "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721";
    let Upload { name, size, sha256, .. } = rig.azure.uploads().remove(0);
    assert_eq!((name.as_str(), size, sha256.as_deref()), ("a.txt", 6, Some(digest)));
}
