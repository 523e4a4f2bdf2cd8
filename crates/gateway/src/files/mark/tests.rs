//! A place that is not the known one: nothing is put there, taken from it or concluded of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use store::ConversationId;

use super::*;
use crate::{
    bed::Bed,
    files::{Bringer, FileId, FileSetup, NewFile, Reader, Side, Which, place},
    keeping::Keeping,
};

const WORDS: &[u8] = b"kolibri in a picture";

fn folder(bed: &Bed) -> PathBuf {
    bed.dir().join(place::FOLDER)
}

fn mark(bed: &Bed) -> String {
    fs::read_to_string(folder(bed).join(MARK)).unwrap()
}

/// The folder is where nobody looks; what stands in its place is an empty one, as beneath a mount point.
fn unmounted(bed: &Bed) -> PathBuf {
    let away = bed.dir().join("away");
    fs::rename(folder(bed), &away).unwrap();
    fs::create_dir(folder(bed)).unwrap();
    away
}

fn mounted(bed: &Bed, away: &Path) {
    fs::remove_dir(folder(bed)).expect("nothing was written beneath the mount point");
    fs::rename(away, folder(bed)).unwrap();
}

async fn conversation(bed: &Bed) -> (ConversationId, Keeping) {
    bed.says("c1", "hi").await;
    let row = bed.row("c1");
    (row.id, Keeping::new(&bed.vault, &row.key).unwrap())
}

async fn keep(files: &Arc<Files>, of: &(ConversationId, Keeping)) -> Result<FileId, FileError> {
    let (name, kind) = ("kolibri.txt".to_owned(), "text/plain".to_owned());
    let new = NewFile { by: Bringer::Page, name, kind, thumbnail: None };
    let mut intake = files.intake(of.0, &of.1, new).await?;
    intake.write(WORDS.into()).await?;
    Ok(intake.finish().await?.id)
}

async fn read(
    files: &Arc<Files>,
    of: &(ConversationId, Keeping),
    id: FileId,
) -> Result<Bytes, FileError> {
    let reading = files.read(&of.1, id).await?;
    let mut chunks = reading.side(Side::Original, Reader::Page).await?;
    Ok(chunks.next().await?.unwrap())
}

/// A start on the same data.
async fn started(bed: &Bed) -> (Arc<Files>, PlaceSeen) {
    let files = bed.files();
    files.look().await.ok();
    let seen = files.place_seen();
    (files, seen)
}

fn is_away<T>(told: &Result<T, FileError>, which: Elsewhere) -> bool {
    matches!(told, Err(FileError::Elsewhere(is)) if *is == which)
}

#[tokio::test]
async fn a_first_start_marks_the_place_of_what_is_there_and_the_next_ones_know_it() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let (files, seen) = started(&bed).await;
    assert_eq!(seen, PlaceSeen::Known);
    let id = keep(&files, &of).await.unwrap();
    let first = mark(&bed);
    // As an installation of before there was a mark.
    fs::remove_file(folder(&bed).join(MARK)).unwrap();
    forget_known(&bed);
    let (files, seen) = started(&bed).await;
    assert_eq!(seen, PlaceSeen::Known);
    assert_ne!(mark(&bed), first);
    assert_eq!(read(&files, &of, id).await.unwrap(), WORDS);
    let before = mark(&bed);
    assert_eq!(started(&bed).await.1, PlaceSeen::Known);
    // Killed between the mark and the memory of it, and after a restored copy of the database of before.
    forget_known(&bed);
    assert_eq!(started(&bed).await.1, PlaceSeen::Known);
    assert_eq!(mark(&bed), before, "it is taken for the own one that it is");
    let mode = fs::metadata(folder(&bed).join(MARK)).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

/// Nothing is remembered of the place.
fn forget_known(bed: &Bed) {
    bed.store.keep_setting(REMEMBERED, b"").unwrap();
}

#[tokio::test]
async fn while_the_volume_is_away_nothing_is_written_removed_or_concluded() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let id = keep(&started(&bed).await.0, &of).await.unwrap();
    let away = unmounted(&bed);
    let (files, seen) = started(&bed).await;
    assert_eq!(seen, PlaceSeen::Absent);
    assert!(is_away(&keep(&files, &of).await, Elsewhere::Absent), "it is not written beneath");
    assert!(is_away(&read(&files, &of, id).await, Elsewhere::Absent), "it is away, not gone");
    assert!(is_away(&files.under_old_keys().await, Elsewhere::Absent));
    bed.vault.take(bed.vault.with_new_root(1).unwrap().unwrap());
    let store: Arc<dyn Store> = Arc::<crate::bed::Watched>::clone(&bed.store);
    let wrapped = files.wrap_anew(&store, &|| Duration::ZERO).await;
    assert!(is_away(&wrapped, Elsewhere::Absent));
    assert!(is_away(&files.forget(&[of.0].into()).await, Elsewhere::Absent), "it is not erased");
    assert!(is_away(&files.remove(id).await, Elsewhere::Absent));
    assert!(is_away(&files.sweep().await, Elsewhere::Absent));
    assert!(files.may_have_some(of.0), "nobody knows");
    assert_eq!(fs::read_dir(folder(&bed)).unwrap().count(), 0);
    mounted(&bed, &away);
    assert_eq!(read(&files, &of, id).await.unwrap(), WORDS);
    files.look().await.unwrap();
    assert_eq!(files.place_seen(), PlaceSeen::Known);
    assert!(files.fill().0.bytes > 0, "it is counted as soon as it is there");
    assert_eq!(files.under_old_keys().await.unwrap(), 1);
    assert_eq!(files.wrap_anew(&store, &|| Duration::ZERO).await.unwrap().done, 1);
    keep(&files, &of).await.unwrap();
}

#[tokio::test]
async fn a_volume_that_goes_away_under_a_running_gateway_is_seen_by_whoever_brings_a_file() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let (files, _) = started(&bed).await;
    let id = keep(&files, &of).await.unwrap();
    let away = unmounted(&bed);
    tokio::time::pause();
    tokio::time::advance(TRUSTED_FOR).await;
    assert!(is_away(&keep(&files, &of).await, Elsewhere::Absent));
    mounted(&bed, &away);
    keep(&files, &of).await.unwrap();
    // Also where all of the folder goes; it is not made again.
    fs::rename(folder(&bed), &away).unwrap();
    tokio::time::advance(TRUSTED_FOR).await;
    assert!(is_away(&keep(&files, &of).await, Elsewhere::Absent));
    assert!(!folder(&bed).exists());
    fs::rename(&away, folder(&bed)).unwrap();
    assert_eq!(read(&files, &of, id).await.unwrap(), WORDS);
}

#[tokio::test]
async fn a_file_of_a_volume_that_has_just_gone_is_not_said_to_be_removed() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let (files, _) = started(&bed).await;
    tokio::time::pause();
    let id = keep(&files, &of).await.unwrap();
    let away = unmounted(&bed);
    // Its place was seen a moment ago, which is no more than that.
    assert!(is_away(&files.remove(id).await, Elsewhere::Absent));
    mounted(&bed, &away);
    assert!(files.remove(id).await.unwrap());
    files.look().await.unwrap();
    assert!(!files.remove(id).await.unwrap());
}

#[tokio::test]
async fn what_is_under_way_stays_where_a_place_is_accepted() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let (files, _) = started(&bed).await;
    let (name, kind) = ("slow.txt".to_owned(), "text/plain".to_owned());
    let new = NewFile { by: Bringer::Page, name, kind, thumbnail: None };
    let mut intake = files.intake(of.0, &of.1, new).await.unwrap();
    for _ in 0..3 {
        intake.write(vec![b'x'; 1024 * 1024].into()).await.unwrap();
    }
    let taken = files.fill().0.bytes;
    fs::write(folder(&bed).join(MARK), "another").unwrap();
    assert!(files.accept_place().await.unwrap());
    assert_eq!(files.fill().0.bytes, taken, "it keeps its room");
    let id = intake.finish().await.unwrap().id;
    read(&files, &of, id).await.unwrap();
}

#[tokio::test]
async fn a_file_that_came_while_the_volume_went_away_is_not_written_beneath_it() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let (files, _) = started(&bed).await;
    let (name, kind) = ("slow.txt".to_owned(), "text/plain".to_owned());
    let new = NewFile { by: Bringer::Page, name, kind, thumbnail: None };
    let mut intake = files.intake(of.0, &of.1, new).await.unwrap();
    intake.write(WORDS.into()).await.unwrap();
    let away = unmounted(&bed);
    tokio::time::pause();
    tokio::time::advance(TRUSTED_FOR).await;
    assert!(is_away(&intake.finish().await.map(|_| ()), Elsewhere::Absent));
    mounted(&bed, &away);
}

#[tokio::test]
async fn anothers_place_is_neither_used_nor_swept_and_is_taken_by_order_only() {
    let (bed, other) = (Bed::new(), Bed::new());
    let of = conversation(&bed).await;
    let (files, _) = started(&bed).await;
    let id = keep(&files, &of).await.unwrap();
    let theirs = conversation(&other).await;
    let their_files = started(&other).await.0;
    let their_id = keep(&their_files, &theirs).await.unwrap();
    // Two are mixed up.
    let aside = bed.dir().join("aside");
    fs::rename(folder(&bed), &aside).unwrap();
    fs::rename(folder(&other), folder(&bed)).unwrap();
    bed.advance(Duration::from_hours(365 * 24));
    let (files, seen) = started(&bed).await;
    assert_eq!(seen, PlaceSeen::Other);
    assert!(is_away(&files.sweep().await, Elsewhere::Other));
    assert!(is_away(&keep(&files, &of).await, Elsewhere::Other));
    assert!(is_away(&files.under_old_keys().await, Elsewhere::Other));
    let which = Which { tenant: bed.row("c1").key.tenant.clone(), strangers: false, before: None };
    assert!(is_away(&files.drop_those(&which).await, Elsewhere::Other));
    assert!(folder(&bed).join(their_id.to_string()).exists());
    // By order it is the own one from now on, and whoever had it before sees that.
    assert!(files.accept_place().await.unwrap());
    assert!(!files.accept_place().await.unwrap(), "it is the known one");
    keep(&files, &of).await.unwrap();
    assert_eq!(started(&bed).await.1, PlaceSeen::Known);
    fs::rename(folder(&bed), folder(&other)).unwrap();
    assert_eq!(started(&other).await.1, PlaceSeen::Other);
    // What was given up is another place, too.
    fs::rename(&aside, folder(&bed)).unwrap();
    let (files, seen) = started(&bed).await;
    assert_eq!(seen, PlaceSeen::Other);
    assert!(files.accept_place().await.unwrap());
    assert!(folder(&bed).join(id.to_string()).exists());
}

#[tokio::test]
async fn a_fresh_gateway_does_not_take_over_what_is_anothers() {
    let (bed, fresh) = (Bed::new(), Bed::new());
    started(&bed).await;
    fs::create_dir_all(folder(&fresh)).unwrap();
    // The beds share a master key; a ring of its own makes the difference.
    fresh.vault.take(fresh.vault.fresh_ring(1).unwrap());
    for theirs in [mark(&bed), "another\n".to_owned(), String::new()] {
        fs::write(folder(&fresh).join(MARK), theirs).unwrap();
        assert_eq!(started(&fresh).await.1, PlaceSeen::Other);
    }
    fs::remove_file(folder(&fresh).join(MARK)).unwrap();
    assert_eq!(started(&fresh).await.1, PlaceSeen::Known);
}

#[tokio::test]
async fn files_begin_anew_by_order_where_no_folder_is() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let (files, _) = started(&bed).await;
    keep(&files, &of).await.unwrap();
    fs::remove_dir_all(folder(&bed)).unwrap();
    let (files, seen) = started(&bed).await;
    assert_eq!(seen, PlaceSeen::Absent);
    assert!(!folder(&bed).exists(), "a folder that is away is not made");
    assert!(files.accept_place().await.unwrap());
    assert_eq!(files.fill().0.bytes, 0);
    let id = keep(&files, &of).await.unwrap();
    assert_eq!(read(&files, &of, id).await.unwrap(), WORDS);
}

#[tokio::test]
async fn a_mark_that_cannot_be_read_is_no_other_one() {
    let bed = Bed::new();
    let of = conversation(&bed).await;
    let (files, _) = started(&bed).await;
    let kept = mark(&bed);
    // A link to itself cannot be read, whoever one is.
    let path = folder(&bed).join(MARK);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    assert!(matches!(files.look().await, Err(FileError::Disk(_))));
    assert_eq!(files.place_seen(), PlaceSeen::Unknown);
    assert!(matches!(keep(&files, &of).await, Err(FileError::Disk(_))));
    assert!(matches!(files.accept_place().await, Err(FileError::Disk(_))), "nothing is replaced");
    fs::remove_file(&path).unwrap();
    fs::write(&path, kept).unwrap();
    tokio::time::pause();
    tokio::time::advance(TRUSTED_FOR).await;
    keep(&files, &of).await.unwrap();
}

#[tokio::test]
async fn a_pipe_in_place_of_the_mark_keeps_nobody_waiting() {
    let bed = Bed::new();
    let (files, _) = started(&bed).await;
    let path = folder(&bed).join(MARK);
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let look = tokio::time::timeout(std::time::Duration::from_secs(5), files.look()).await;
    // Whoever waited for the other end has it now, so that a failure is no standstill.
    drop(fs::OpenOptions::new().read(true).write(true).open(&path).unwrap());
    assert!(matches!(look, Ok(Err(FileError::Disk(_)))), "{look:?}");
    assert_eq!(files.place_seen(), PlaceSeen::Unknown);
}

#[tokio::test]
async fn who_only_looks_sees_the_same_and_changes_nothing() {
    let bed = Bed::new();
    let (dir, setup) = (bed.dir().to_owned(), FileSetup::default());
    let look = async || examine_files(&dir, &setup, &bed.vault).await;
    assert!(matches!(look().await, PlaceExamined::ToBeKnown));
    assert!(!folder(&bed).exists());
    started(&bed).await;
    assert!(matches!(look().await, PlaceExamined::Known));
    let away = unmounted(&bed);
    assert!(matches!(look().await, PlaceExamined::Elsewhere(Elsewhere::Absent)));
    mounted(&bed, &away);
    fs::write(folder(&bed).join(MARK), "another").unwrap();
    assert!(matches!(look().await, PlaceExamined::Elsewhere(Elsewhere::Other)));
}

#[test]
fn the_mark_is_no_file() {
    assert!(MARK.parse::<FileId>().is_err());
    assert!(!MARK.contains(place::UNFINISHED));
}
