//! What an address of a file opens, and for how long.

use http_body_util::BodyExt;

use super::*;
use crate::{
    bed::Bed,
    files::{Bringer, Files, NewFile},
};

#[test]
fn names_become_headers_and_never_paths() {
    for (name, header) in [
        ("a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\b c.txt", "b%20c.txt"),
        ("ü\r\nX: y\".png", "%C3%BCX%3A%20y%22.png"),
        ("", ""),
    ] {
        assert_eq!(file_name(name), header, "{name:?}");
    }
}

#[test]
fn an_address_that_was_good_is_told_from_one_that_never_was() {
    for (error, status, code) in
        [(PassError::Unknown, 404, "no_such_file"), (PassError::Expired, 410, "expired")]
    {
        let refusal = Refusal::from(error);
        assert_eq!((refusal.status.as_u16(), refusal.code), (status, code));
    }
    assert_eq!(Refusal::from(FileError::Gone).code, "no_such_file");
    assert_eq!(Refusal::from(FileError::Disk(std::io::Error::other("away"))).status.as_u16(), 503);
}

#[test]
fn a_file_that_was_damaged_is_gone_for_good_and_one_that_is_away_is_not() {
    use vault::SealError::{Library, Malformed, Refused, UnknownRoot};
    let told = |error: FileError| {
        let response = Refusal::from(error).into_response();
        let again = response.headers().get(header::RETRY_AFTER).cloned();
        (response.status().as_u16(), again.map(|after| after.to_str().unwrap().to_owned()))
    };
    for error in [Malformed, Refused, UnknownRoot] {
        assert_eq!(told(FileError::Sealed(error)), (410, None));
    }
    assert_eq!(told(FileError::Malformed), (410, None));
    assert_eq!(Refusal::from(FileError::Malformed).code, "file_damaged");
    assert_eq!(told(FileError::Sealed(Library)), (503, Some("1".to_owned())));
    assert_eq!(told(crate::files::Elsewhere::Absent.into()), (503, Some("60".to_owned())));
    assert_eq!(Refusal::from(FileError::from(crate::files::Elsewhere::Other)).code, "files_away");
}

#[test]
fn what_passes_is_told_from_what_stays_refused_when_a_desks_file_is_not_kept() {
    use FileError as E;
    let disk = || std::io::Error::other("disk full");
    for (error, status, code) in [
        (E::Disk(disk()), 503, "store_unavailable"),
        (E::Malformed, 410, "file_damaged"),
        (crate::files::Elsewhere::Absent.into(), 503, "files_away"),
        (E::Busy, 503, "busy"),
        (E::NotScanned, 503, "not_scanned"),
        (E::ConversationFull, 429, "no_room"),
        (E::TenantFull, 429, "no_room"),
        (E::Full, 429, "no_room"),
        (E::Gone, 410, "desk_has_no_such_file"),
        (E::TooLarge { limit: 1 }, 403, "file_not_taken"),
        (E::TooLargeToScan, 403, "file_not_taken"),
        (E::Empty, 403, "file_not_taken"),
        (E::NotAllowed, 403, "file_not_taken"),
        (E::Infected, 403, "file_not_taken"),
    ] {
        let what = error.to_string();
        let refusal = Refusal::from(FetchError::from(error));
        assert_eq!((refusal.status.as_u16(), refusal.code), (status, code), "{what}");
    }
}

#[test]
fn whoever_asks_for_a_file_that_failed_is_told_when_it_is_tried_again() {
    for (error, after) in [(FetchError::Away { code: "timeout" }, "20"), (FetchError::Busy, "1")] {
        let response = Refusal::from(error).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], after);
    }
}

/// A megabyte of somebody's in a conversation of this name.
async fn megabyte(bed: &Bed, files: &Arc<Files>, name: &str) -> (Keeping, FileId) {
    bed.says(name, "hi").await;
    let row = bed.row(name);
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let (name, kind) = ("a.txt".to_owned(), "text/plain".to_owned());
    let new = NewFile { by: Bringer::Page, name, kind, thumbnail: None };
    let mut intake = files.intake(row.id, &keeping, new).await.unwrap();
    intake.write(vec![b'x'; 1024 * 1024].into()).await.unwrap();
    (keeping, intake.finish().await.unwrap().id)
}

async fn reader(files: &Arc<Files>, (keeping, id): &(Keeping, FileId)) -> Response {
    let reading = files.read(keeping, *id).await.unwrap();
    let chunks = reading.side(Side::Original, Reader::Page).await.expect("a turn");
    streamed(chunks).await.unwrap()
}

#[tokio::test]
async fn readers_who_take_nothing_make_room_as_soon_as_somebody_waits() {
    let bed = Bed::new();
    let files = bed.files();
    let mut held = Vec::new();
    for n in 0..12 {
        let file = megabyte(&bed, &files, &format!("idle {n}")).await;
        for _ in 0..16 {
            held.push(reader(&files, &file).await);
        }
    }
    let file = megabyte(&bed, &files, "hurried").await;
    tokio::time::pause();
    // Nobody waits: they may take their time.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let began = Instant::now();
    let quick = reader(&files, &file).await;
    assert!(began.elapsed() <= 2 * LOOKED_AT_EVERY, "{:?}", began.elapsed());
    assert_eq!(quick.into_body().collect().await.unwrap().to_bytes().len(), 1024 * 1024);
    for idle in held {
        // No more of them than somebody waited for.
        match idle.into_body().collect().await.map(|body| body.to_bytes().len()) {
            Ok(length) if length == 1024 * 1024 => {}
            Ok(_) | Err(_) => return,
        }
    }
    panic!("one was cut");
}
