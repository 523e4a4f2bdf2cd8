//! Files at a rotation: read while it goes on, deleted in the middle, cut short, and all there after it.

use std::fs;

use store::ConversationId;

use super::*;
use crate::{
    bed::Bed,
    files::{
        Bringer, Chunks, Intake, Kept, NewFile, Reader, Side,
        faulty::{self, Ending},
        mark, place,
    },
};

const BYTES: usize = 3_000_000;

fn store(bed: &Bed) -> Arc<dyn Store> {
    Arc::<crate::bed::Watched>::clone(&bed.store)
}

fn rotate(bed: &Bed) {
    bed.vault.take(bed.vault.with_new_root(1).unwrap().unwrap());
}

/// Takes every root key off the ring but the current one.
fn retire(bed: &Bed) {
    for root in bed.vault.roots() {
        bed.vault.take(bed.vault.without_root(root.id).unwrap());
    }
}

fn bytes() -> Vec<u8> {
    (0..BYTES).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[4]).collect()
}

async fn conversation(bed: &Bed, name: &str) -> (ConversationId, Keeping) {
    bed.says(name, "hi").await;
    let row = bed.row(name);
    (row.id, Keeping::new(&bed.vault, &row.key).unwrap())
}

async fn begun(files: &Arc<Files>, of: &(ConversationId, Keeping), bytes: &[u8]) -> Intake {
    let new = NewFile {
        by: Bringer::Bot,
        name: "kolibri.bin".to_owned(),
        kind: "application/octet-stream".to_owned(),
        thumbnail: Some(Bytes::from_static(b"small")),
    };
    let mut intake = files.intake(of.0, &of.1, new).await.unwrap();
    intake.write(Bytes::copy_from_slice(bytes)).await.unwrap();
    intake
}

async fn kept(files: &Arc<Files>, of: &(ConversationId, Keeping), bytes: &[u8]) -> Kept {
    begun(files, of, bytes).await.finish().await.unwrap()
}

async fn reads(files: &Arc<Files>, of: &(ConversationId, Keeping), id: FileId) -> Chunks {
    let read = files.read(&of.1, id).await.unwrap();
    read.side(Side::Original, Reader::Page).await.unwrap()
}

async fn rest(mut chunks: Chunks) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(chunk) = chunks.next().await.unwrap() {
        whole.extend(chunk);
    }
    whole
}

async fn wrapped_anew(bed: &Bed, files: &Arc<Files>) -> Looked {
    files.wrap_anew(&store(bed), &|| Duration::ZERO).await.unwrap()
}

/// What lies in the folder beside its mark.
fn names(bed: &Bed) -> Vec<String> {
    let folder = fs::read_dir(bed.dir().join(place::FOLDER)).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != mark::MARK).collect()
}

#[tokio::test]
async fn files_of_every_length_are_wrapped_anew_and_the_old_key_can_go() {
    let bed = Bed::new();
    let (files, of, all) = (bed.files(), conversation(&bed, "c1").await, bytes());
    let lengths = [1, 65_536, 200_000, BYTES];
    let mut there = Vec::new();
    for length in lengths {
        there.push(kept(&files, &of, &all[..length]).await.id);
    }
    let fill = files.fill();
    let path = |id: &FileId| bed.dir().join(place::FOLDER).join(id.to_string());
    let before: Vec<_> = there.iter().map(|id| fs::read(path(id)).unwrap()).collect();
    assert_eq!(wrapped_anew(&bed, &files).await, Looked::default(), "all are under the only key");
    rotate(&bed);
    assert_eq!(files.under_old_keys().await.unwrap(), 4);
    let new = kept(&files, &of, b"it came after the rotation").await.id;
    assert_eq!(wrapped_anew(&bed, &files).await, Looked { done: 4, missed: 0, unreadable: 0 });
    assert_eq!(files.under_old_keys().await.unwrap(), 0);
    assert_eq!(wrapped_anew(&bed, &files).await, Looked::default());
    for (id, before) in there.iter().zip(before) {
        let after = fs::read(path(id)).unwrap();
        let begin = 3 + wrapped_key(&before).unwrap().len();
        assert!(after[..begin] != before[..begin] && after[begin..] == before[begin..]);
    }
    retire(&bed);
    for (id, length) in there.iter().zip(lengths) {
        assert!(rest(reads(&files, &of, *id).await).await == all[..length], "{length}");
    }
    assert_eq!(rest(reads(&files, &of, new).await).await, b"it came after the rotation");
    assert_eq!((files.fill(), names(&bed).len()), {
        let mut fill = fill;
        let more = fs::metadata(path(&new)).unwrap().len();
        fill.0.bytes += more;
        fill.1.iter_mut().for_each(|(_, fill)| fill.bytes += more);
        (fill, 5)
    });
    // Another process looks at all of them once and finds nothing to do.
    assert_eq!(wrapped_anew(&bed, &bed.files()).await, Looked::default());
}

#[tokio::test]
async fn files_that_are_away_for_a_while_are_not_taken_for_none() {
    let bed = Bed::new();
    let (files, of) = (bed.files(), conversation(&bed, "c1").await);
    let id = kept(&files, &of, b"kolibri").await.id;
    rotate(&bed);
    let (folder, away) = (bed.dir().join(place::FOLDER), bed.dir().join("away"));
    fs::rename(&folder, &away).unwrap();
    assert!(matches!(files.under_old_keys().await, Err(FileError::Elsewhere(_))));
    let looked = files.wrap_anew(&store(&bed), &|| Duration::ZERO).await;
    assert!(matches!(looked, Err(FileError::Elsewhere(_))));
    fs::rename(&away, &folder).unwrap();
    assert_eq!(files.under_old_keys().await.unwrap(), 1);
    assert_eq!(wrapped_anew(&bed, &files).await.done, 1);
    retire(&bed);
    assert_eq!(rest(reads(&files, &of, id).await).await, b"kolibri");
}

#[tokio::test]
async fn files_that_go_away_while_they_are_listed_are_not_taken_for_none() {
    let bed = Bed::new();
    let (mut files, of) = (bed.files(), conversation(&bed, "c1").await);
    let faults = faulty::between(&mut files);
    let id = kept(&files, &of, b"kolibri").await.id;
    rotate(&bed);
    let (folder, away) = (bed.dir().join(place::FOLDER), bed.dir().join("away"));
    let unmounts = || *faults.unmounts.lock().unwrap() = Some((folder.clone(), away.clone()));
    let mounts = || {
        fs::remove_dir(&folder).unwrap();
        fs::rename(&away, &folder).unwrap();
    };
    unmounts();
    let left = files.under_old_keys().await;
    assert!(matches!(left, Err(FileError::Elsewhere(_))), "{left:?}");
    mounts();
    unmounts();
    let looked = files.wrap_anew(&store(&bed), &|| Duration::ZERO).await;
    assert!(matches!(looked, Err(FileError::Elsewhere(_))), "{looked:?}");
    mounts();
    assert_eq!(files.under_old_keys().await.unwrap(), 1);
    assert_eq!(wrapped_anew(&bed, &files).await.done, 1);
    retire(&bed);
    assert_eq!(rest(reads(&files, &of, id).await).await, b"kolibri");
}

#[tokio::test]
async fn files_that_go_away_in_the_middle_of_a_round_are_not_taken_for_done() {
    let bed = Bed::new();
    let (files, of) = (bed.files(), conversation(&bed, "c1").await);
    let there = [kept(&files, &of, b"one").await.id, kept(&files, &of, b"two").await.id];
    rotate(&bed);
    let (folder, away) = (bed.dir().join(place::FOLDER), bed.dir().join("away"));
    // As a volume that is unmounted, after the round has seen what is there.
    let unmounts = || {
        if folder.join(mark::MARK).exists() {
            fs::rename(&folder, &away).unwrap();
            fs::create_dir(&folder).unwrap();
        }
        Duration::ZERO
    };
    let looked = files.wrap_anew(&store(&bed), &unmounts).await.unwrap();
    assert_eq!(looked, Looked { done: 0, missed: 2, unreadable: 0 });
    fs::remove_dir(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    assert_eq!(files.under_old_keys().await.unwrap(), 2);
    assert_eq!(wrapped_anew(&bed, &files).await.done, 2);
    retire(&bed);
    for id in there {
        assert_eq!(rest(reads(&files, &of, id).await).await.len(), 3);
    }
}

#[tokio::test]
async fn who_reads_a_file_while_it_is_put_in_place_anew_reads_it_to_its_end() {
    let bed = Bed::new();
    let (files, of, all) = (bed.files(), conversation(&bed, "c1").await, bytes());
    let id = kept(&files, &of, &all).await.id;
    let read = files.read(&of.1, id).await.unwrap();
    let mut under_way = reads(&files, &of, id).await;
    let first = under_way.next().await.unwrap().unwrap();
    rotate(&bed);
    let copy = files.copy(&store(&bed), id, &|| Duration::ZERO).await.unwrap().unwrap();
    assert!(rest(reads(&files, &of, id).await).await == all, "while it is copied");
    assert_eq!(files.put(copy).await.unwrap(), Outcome::Wrapped);
    assert!([first.to_vec(), rest(under_way).await].concat() == all);
    // Who has read its head before, and asks for bytes after it.
    let later = read.range(Side::Original, 1_000_000..1_000_100, Reader::Page).await.unwrap();
    assert_eq!(rest(later).await, all[1_000_000..1_000_100]);
}

#[tokio::test]
async fn a_file_that_is_deleted_while_it_is_copied_does_not_come_back() {
    let bed = Bed::new();
    let (files, of, all) = (bed.files(), conversation(&bed, "c1").await, bytes());
    for length in [10, BYTES] {
        let id = kept(&files, &of, &all[..length]).await.id;
        rotate(&bed);
        let copy = files.copy(&store(&bed), id, &|| Duration::ZERO).await.unwrap().unwrap();
        assert!(files.remove(id).await.unwrap());
        assert!(matches!(files.put(copy).await, Err(FileError::Gone)), "{length}");
        assert_eq!(files.fill().0.bytes, 0);
        let unfinished = async || {
            while !names(&bed).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(10), unfinished()).await;
        assert!(gone.is_ok(), "what was copied goes with it: {:?}", names(&bed));
    }
}

#[tokio::test]
async fn a_copy_does_not_take_the_place_of_another_file_of_the_same_name() {
    let bed = Bed::new();
    let (files, of) = (bed.files(), conversation(&bed, "c1").await);
    let id = kept(&files, &of, b"the one of before").await.id;
    rotate(&bed);
    let copied = async || files.copy(&store(&bed), id, &|| Duration::ZERO).await.unwrap().unwrap();
    let (one, other) = (copied().await, copied().await);
    // It comes in again, under the number that is made of where it comes from.
    let again = NewFile {
        by: Bringer::Bot,
        name: "kolibri.bin".to_owned(),
        kind: String::new(),
        thumbnail: None,
    };
    let mut intake = files.intake_as(id, &of.1, again).await.unwrap();
    assert_eq!(files.put(one).await.unwrap(), Outcome::Missed, "it is coming");
    intake.write(Bytes::from_static(b"another")).await.unwrap();
    intake.finish().await.unwrap();
    assert_eq!(files.put(other).await.unwrap(), Outcome::Missed, "it is another");
    assert_eq!(rest(reads(&files, &of, id).await).await, b"another");
}

#[tokio::test]
async fn a_gateway_that_is_killed_in_the_middle_of_a_copy_loses_nothing_and_leaves_nothing() {
    let bed = Bed::new();
    let (files, of, all) = (bed.files(), conversation(&bed, "c1").await, bytes());
    let id = kept(&files, &of, &all).await.id;
    rotate(&bed);
    let copy = files.copy(&store(&bed), id, &|| Duration::ZERO).await.unwrap().unwrap();
    // Nothing of it is cleared away, as after a kill.
    std::mem::forget(copy);
    let litter = || names(&bed).iter().filter(|name| name.contains('#')).count();
    assert_eq!(litter(), 1);
    let next = bed.files();
    next.look().await.unwrap();
    assert_eq!(litter(), 0, "the next start removes it");
    assert!(rest(reads(&next, &of, id).await).await == all);
    assert_eq!(next.under_old_keys().await.unwrap(), 1);
    assert_eq!(wrapped_anew(&bed, &next).await.done, 1);
    retire(&bed);
    assert!(rest(reads(&next, &of, id).await).await == all);
}

#[tokio::test]
async fn a_file_that_comes_in_during_a_rotation_holds_the_old_key_until_it_is_wrapped_anew() {
    let bed = Bed::new();
    let (files, of) = (bed.files(), conversation(&bed, "c1").await);
    let intake = begun(&files, &of, b"it takes its time").await;
    rotate(&bed);
    assert_eq!(wrapped_anew(&bed, &files).await, Looked::default(), "it is not there yet");
    assert_eq!(files.under_old_keys().await.unwrap(), 1);
    let id = intake.finish().await.unwrap().id;
    assert_eq!(files.under_old_keys().await.unwrap(), 1);
    assert_eq!(wrapped_anew(&bed, &files).await.done, 1);
    assert_eq!(files.under_old_keys().await.unwrap(), 0);
    retire(&bed);
    assert_eq!(rest(reads(&files, &of, id).await).await, b"it takes its time");
    // One that does not come to its end holds nothing.
    let intake = begun(&files, &of, b"never").await;
    rotate(&bed);
    drop(intake);
    wrapped_anew(&bed, &files).await;
    assert_eq!(files.under_old_keys().await.unwrap(), 0);
}

#[tokio::test]
async fn another_rotation_in_the_middle_begins_anew_and_what_opens_under_no_key_holds_nothing_up() {
    let bed = Bed::new();
    let (files, of) = (bed.files(), conversation(&bed, "c1").await);
    let mut whole = Vec::new();
    for n in 0..3_u8 {
        whole.push(kept(&files, &of, &[n; 10]).await.id);
    }
    let damaged = kept(&files, &of, b"damaged").await.id;
    let path = bed.dir().join(place::FOLDER).join(damaged.to_string());
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    rotate(&bed);
    let rotated = std::sync::atomic::AtomicU64::new(0);
    let pause = || {
        if rotated.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            rotate(&bed);
        }
        Duration::ZERO
    };
    let looked = files.wrap_anew(&store(&bed), &pause).await.unwrap();
    assert!(looked.missed == 1 && looked.done < 3, "{looked:?}");
    assert_eq!(files.under_old_keys().await.unwrap(), 4, "all are looked at again");
    let looked = wrapped_anew(&bed, &files).await;
    assert_eq!((looked.missed, looked.unreadable), (0, 1));
    assert_eq!(files.under_old_keys().await.unwrap(), 0);
    assert_eq!(fs::read(&path).unwrap(), bytes, "it is left as it is");
    retire(&bed);
    for (n, id) in (0..).zip(whole) {
        assert_eq!(rest(reads(&files, &of, id).await).await, [n; 10]);
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("it comes")
}

#[tokio::test]
async fn a_stop_in_the_middle_of_the_last_step_brings_no_file_back_that_is_erased_meanwhile() {
    let bed = Bed::new();
    let mut files = bed.files();
    let faults = faulty::between(&mut files);
    let of = conversation(&bed, "c1").await;
    let id = kept(&files, &of, b"erase me").await.id;
    rotate(&bed);
    *faults.ending.lock().unwrap() = Ending::WhenLet;
    let (copying, its_store) = (Arc::clone(&files), store(&bed));
    let work = tokio::spawn(async move { copying.wrap_anew(&its_store, &|| Duration::ZERO).await });
    within(faults.begun.acquire()).await.unwrap().forget();
    let erasing = Arc::clone(&files);
    let erased = tokio::spawn(async move { erasing.forget(&[id.conversation].into()).await });
    // As at a stop: whoever waited for the last step is gone, and it goes on.
    work.abort();
    work.await.unwrap_err();
    tokio::time::timeout(Duration::from_millis(50), faults.ended.acquire()).await.unwrap_err();
    assert!(!erased.is_finished(), "it waits for the last step");
    faults.let_end.add_permits(1);
    within(faults.ended.acquire()).await.unwrap().forget();
    assert_eq!(within(erased).await.unwrap().unwrap(), 1);
    assert!(names(&bed).is_empty(), "{:?}", names(&bed));
}

#[tokio::test]
async fn a_copy_that_comes_after_its_file_was_removed_is_removed() {
    let bed = Bed::new();
    let (files, of) = (bed.files(), conversation(&bed, "c1").await);
    let id = kept(&files, &of, b"erase me").await.id;
    rotate(&bed);
    let mut copy = files.copy(&store(&bed), id, &|| Duration::ZERO).await.unwrap().unwrap();
    copy.out.arrive().await.unwrap();
    files.known().is_in_doubt(id, copy.begin.clone());
    files.sweep().await.unwrap();
    assert_eq!(names(&bed).iter().filter(|name| !name.contains('#')).count(), 1, "it is there");
    assert!(files.remove(id).await.unwrap());
    copy.out.complete().await.unwrap();
    assert_eq!(names(&bed), [id.to_string()], "it is back");
    files.sweep().await.unwrap();
    assert!(names(&bed).is_empty());
}

#[tokio::test]
async fn a_last_step_that_fails_is_looked_after_and_tried_again_later_and_later() {
    let bed = Bed::new();
    let mut files = bed.files();
    let faults = faulty::between(&mut files);
    let of = conversation(&bed, "c1").await;
    let id = kept(&files, &of, b"it takes its time").await.id;
    rotate(&bed);
    tokio::time::pause();
    *faults.ending.lock().unwrap() = Ending::Fails;
    let tries = || faults.parts.lock().unwrap().len();
    for (rests, tried) in [(0, 1), (59, 1), (2, 2), (60, 2), (61, 3), (240, 4), (3_600, 5)] {
        tokio::time::advance(Duration::from_secs(rests)).await;
        assert_eq!(wrapped_anew(&bed, &files).await.missed, 1);
        assert_eq!((tries(), names(&bed)), (tried, vec![id.to_string()]), "after {rests} more");
    }
    assert_eq!((files.under_old_keys().await.unwrap(), files.stuck()), (1, 1));
    // It says that it failed, and did not.
    *faults.ending.lock().unwrap() = Ending::IsThere;
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(wrapped_anew(&bed, &files).await, Looked { done: 1, missed: 0, unreadable: 0 });
    assert_eq!((files.under_old_keys().await.unwrap(), files.stuck()), (0, 0));
    retire(&bed);
    assert_eq!(rest(reads(&files, &of, id).await).await, b"it takes its time");
}

#[tokio::test]
async fn no_copy_is_begun_that_would_fill_the_disk() {
    let bed = Bed::new();
    let mut files = bed.files();
    let faults = faulty::between(&mut files);
    let of = conversation(&bed, "c1").await;
    kept(&files, &of, b"it takes room").await;
    rotate(&bed);
    Arc::get_mut(&mut files).unwrap().place.reserve_bytes = u64::MAX / 2;
    assert_eq!(wrapped_anew(&bed, &files).await.missed, 1);
    assert_eq!((faults.parts.lock().unwrap().len(), files.stuck()), (0, 1));
    assert!(files.known().told_full);
    Arc::get_mut(&mut files).unwrap().place.reserve_bytes = 0;
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(wrapped_anew(&bed, &files).await.done, 1);
}

#[tokio::test]
async fn a_file_that_is_cut_short_keeps_no_root_key_and_can_be_removed() {
    let bed = Bed::new();
    let (files, of) = (bed.files(), conversation(&bed, "c1").await);
    for length in [0, 2, 30] {
        let id = kept(&files, &of, b"it is cut short").await.id;
        let path = bed.dir().join(place::FOLDER).join(id.to_string());
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        rotate(&bed);
        let looked = wrapped_anew(&bed, &files).await;
        assert_eq!(looked, Looked { done: 0, missed: 0, unreadable: 1 }, "{length}");
        assert_eq!(files.under_old_keys().await.unwrap(), 0);
        let read = files.read(&of.1, id).await.map(|_| ());
        assert!(matches!(read, Err(FileError::Malformed)), "{read:?}");
        assert!(files.remove(id).await.unwrap(), "{length}");
        retire(&bed);
    }
}

#[tokio::test]
async fn a_file_that_did_not_open_once_is_read_once_more_before_it_is_given_up() {
    let bed = Bed::new();
    let mut files = bed.files();
    let faults = faulty::between(&mut files);
    let of = conversation(&bed, "c1").await;
    let id = kept(&files, &of, b"it is whole").await.id;
    rotate(&bed);
    faults.damages_once.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(wrapped_anew(&bed, &files).await, Looked { done: 1, missed: 0, unreadable: 0 });
    retire(&bed);
    assert_eq!(rest(reads(&files, &of, id).await).await, b"it is whole");
}

#[tokio::test]
async fn what_fails_for_another_reason_than_its_bytes_is_not_given_up() {
    use SealError::{Library, Malformed, OtherMasterKey, Refused, UnknownRoot};
    let bed = Bed::new();
    let files = bed.files();
    let id = kept(&files, &conversation(&bed, "c1").await, b"it is whole").await.id;
    let sealed = |error| files.judged(id, Err(FileError::Sealed(error)));
    for error in [Malformed, Refused, UnknownRoot] {
        assert_eq!(sealed(error), Outcome::Unreadable);
    }
    for error in [Library, OtherMasterKey] {
        assert_eq!(sealed(error), Outcome::Missed);
    }
    assert_eq!(files.judged(id, Err(FileError::Busy)), Outcome::Missed);
}
