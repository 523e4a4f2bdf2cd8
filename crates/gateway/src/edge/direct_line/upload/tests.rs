//! Whose files are whose when something comes between.

use bytes::Bytes;
use store::ConversationId;
use tokio::time::Instant;

use super::*;
use crate::{
    bed::{self, Bed, Fault},
    files::{Bringer, FileError, FileId, NewFile},
};

/// A file that was kept for a message which is not taken in yet.
async fn brought(
    bed: &Bed,
    files: &Arc<Files>,
    (id, keeping): (ConversationId, &Keeping),
) -> (Taken, FileId) {
    assert_eq!(bed.row("c1").id, id);
    let (name, kind) = ("a.txt".to_owned(), "text/plain".to_owned());
    let new = NewFile { by: Bringer::Page, name, kind, thumbnail: None };
    let mut intake = files.intake(id, keeping, new).await.unwrap();
    intake.write(Bytes::from_static(b"kolibri")).await.unwrap();
    let kept = intake.finish().await.unwrap();
    let file = kept.id;
    let kept = vec![Brought { called: "a.txt".to_owned(), kept }];
    (Taken { files: Arc::clone(files), kept }, file)
}

/// Waits until nobody else works with the files.
async fn at_rest(files: &Arc<Files>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Arc::strong_count(files) > 1 {
        assert!(Instant::now() < deadline, "somebody still works with the files");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_message_that_was_taken_keeps_its_files_though_its_caller_went_away() {
    let bed = Bed::new();
    bed.says("c1", "hi").await;
    let row = bed.row("c1");
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let files = bed.files();
    let (taken, file) = brought(&bed, &files, (row.id, &keeping)).await;
    bed.store.hold();
    let caller = tokio::spawn(taken_in(bed.engine.clone(), bed::says("c1", "see"), taken));
    bed.store.stands_before_commit().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    bed.store.release();
    bed.engine.caught_up().await.unwrap();
    at_rest(&files).await;
    assert!(files.read(&keeping, file).await.is_ok(), "the message shows it");
}

#[tokio::test]
async fn files_stay_only_with_a_message_that_is_new_or_may_be() {
    let bed = Bed::new();
    bed.says("c1", "hi").await;
    let row = bed.row("c1");
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let files = bed.files();
    let says = || bed::says_again("c1", "see", "dl:1");
    for (what, fault, stays) in [
        ("the disk is full", Fault::Full, false),
        ("new", Fault::None, true),
        ("a repeat", Fault::None, false),
    ] {
        bed.store.set(fault);
        let (taken, file) = brought(&bed, &files, (row.id, &keeping)).await;
        let told = taken_in(bed.engine.clone(), says(), taken).await;
        assert_eq!(told.is_ok(), fault == Fault::None, "{what}: {told:?}");
        at_rest(&files).await;
        assert_eq!(files.read(&keeping, file).await.is_ok(), stays, "{what}");
    }
    let (taken, file) = brought(&bed, &files, (row.id, &keeping)).await;
    bed::finish(bed.engine.clone()).await;
    let told = taken_in(bed.engine.clone(), bed::says("c1", "more"), taken).await;
    assert!(matches!(told, Err(EngineError::Stopping)), "{told:?}");
    at_rest(&files).await;
    assert!(files.read(&keeping, file).await.is_ok(), "nobody knows whether it was taken");
    let (taken, file) = brought(&bed, &files, (row.id, &keeping)).await;
    drop(taken);
    at_rest(&files).await;
    let gone = files.read(&keeping, file).await.map(|_| ());
    assert!(matches!(gone, Err(FileError::Gone)), "nothing was submitted: {gone:?}");
}
