//! What files are in the store, and what opens them.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use bytes::Bytes;
use store::ConversationId;

use super::*;
use crate::{
    bed::{Bed, START},
    keeping::Keeping,
};

const WORDS: &[u8] = b"kolibri in a picture";

fn new_file(thumbnail: Option<&'static [u8]>) -> NewFile {
    NewFile {
        by: Bringer::Bot,
        name: "kolibri.png".to_owned(),
        kind: "image/png".to_owned(),
        thumbnail: thumbnail.map(Bytes::from_static),
    }
}

/// A conversation, and how its files are bound.
async fn conversation(bed: &Bed, name: &str) -> (ConversationId, Keeping) {
    bed.says(name, "hi").await;
    let row = bed.row(name);
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    (row.id, keeping)
}

fn store(bed: &Bed) -> Arc<dyn Store> {
    Arc::<crate::bed::Watched>::clone(&bed.store)
}

/// Where a file of the bed lies.
#[expect(clippy::needless_pass_by_value, reason = "tests say less")]
fn path(bed: &Bed, name: impl ToString) -> PathBuf {
    bed.dir().join(place::FOLDER).join(name.to_string())
}

/// What lies in the folder beside its mark.
fn names(bed: &Bed) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let names = fs::read_dir(path(bed, "")).unwrap().map(name);
    names.filter(|name| name != mark::MARK).collect()
}

async fn keep(
    files: &Arc<Files>,
    (id, keeping): &(ConversationId, Keeping),
    new: NewFile,
    bytes: &[u8],
) -> Result<Kept, FileError> {
    let mut intake = files.intake(*id, keeping, new).await?;
    // In pieces that no chunk's end falls together with.
    for piece in bytes.chunks(10_007) {
        intake.write(Bytes::copy_from_slice(piece)).await?;
    }
    intake.finish().await
}

async fn all(mut chunks: Chunks) -> Result<Vec<u8>, FileError> {
    let (mut whole, promised) = (Vec::new(), chunks.left());
    while let Some(chunk) = chunks.next().await? {
        whole.extend(chunk);
    }
    assert_eq!(whole.len() as u64, promised);
    Ok(whole)
}

/// Bytes that differ from chunk to chunk.
fn counted_bytes(length: u32) -> Vec<u8> {
    (0..length).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

#[tokio::test]
async fn a_file_comes_back_whole_whatever_its_length() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    for length in [1, 65_535, 65_536, 65_537, 200_000, 3_000_000] {
        let bytes = counted_bytes(length);
        let kept = keep(&files, &of, new_file(Some(WORDS)), &bytes).await.unwrap();
        assert_eq!(kept.bytes, u64::from(length));
        let read = async || files.read(&of.1, kept.id).await.unwrap();
        assert_eq!(read().await.head().name, "kolibri.png");
        assert_eq!(read().await.head().size(Side::Thumbnail), Some(WORDS.len() as u64));
        let original = read().await.side(Side::Original, Reader::Page).await.unwrap();
        assert!(all(original).await.unwrap() == bytes, "{length}");
        let thumbnail = read().await.side(Side::Thumbnail, Reader::Page).await.unwrap();
        assert_eq!(all(thumbnail).await.unwrap(), WORDS);
    }
}

#[tokio::test]
async fn a_part_of_a_file_is_that_part() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    let bytes = counted_bytes(700_001);
    let id = keep(&files, &of, new_file(Some(WORDS)), &bytes).await.unwrap().id;
    for (from, to) in [
        (0, 1),
        (0, 700_001),
        (65_535, 65_537),
        (65_536, 131_072),
        (131_071, 700_000),
        (700_000, 700_001),
        (300_000, 300_000),
        (699_999, 900_000),
    ] {
        let part = files
            .read(&of.1, id)
            .await
            .unwrap()
            .range(Side::Original, from..to, Reader::Page)
            .await;
        let part = all(part.unwrap()).await.unwrap();
        let (begin, end) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
        assert!(part == bytes[begin..end.min(bytes.len())], "{from} to {to}");
    }
    let part = files
        .read(&of.1, id)
        .await
        .unwrap()
        .range(Side::Thumbnail, 3..7, Reader::Page)
        .await
        .unwrap();
    assert_eq!(all(part).await.unwrap(), &WORDS[3..7]);
    let beyond = files
        .read(&of.1, id)
        .await
        .unwrap()
        .range(Side::Original, 900_000..900_001, Reader::Page)
        .await;
    assert_eq!(all(beyond.unwrap()).await.unwrap(), b"");
}

#[tokio::test]
async fn a_file_is_its_owners_only_and_shows_nothing_on_the_disk() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    // One that is written at once, and one in parts.
    for times in [1, 100_000] {
        let kept = keep(&files, &of, new_file(None), &WORDS.repeat(times)).await.unwrap();
        let path = path(&bed, kept.id);
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"kolibri" || window == b"picture"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let none =
            files.read(&of.1, kept.id).await.unwrap().side(Side::Thumbnail, Reader::Page).await;
        assert!(matches!(none, Err(FileError::Gone)));
    }
    assert_eq!(fs::metadata(path(&bed, "")).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(names(&bed).len(), 2, "nothing unfinished is left");
}

#[tokio::test]
async fn a_file_of_another_conversation_or_one_that_was_changed_does_not_open() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let (_, other) = conversation(&bed, "c2").await;
    let files = bed.files();
    let id = keep(&files, &of, new_file(None), &vec![7; 70_000]).await.unwrap().id;
    assert!(files.read(&other, id).await.is_err());
    let renamed = FileId { number: bed.clock.fresh_id(), ..id };
    fs::copy(path(&bed, id), path(&bed, renamed)).unwrap();
    assert!(files.read(&of.1, renamed).await.is_err(), "under another number");
    let bytes = fs::read(path(&bed, id)).unwrap();
    let opens = async |changed: &[u8]| {
        fs::write(path(&bed, id), changed).unwrap();
        let reading = files.read(&of.1, id).await?;
        all(reading.side(Side::Original, Reader::Page).await?).await
    };
    assert!(opens(&bytes).await.is_ok());
    for at in (0..bytes.len()).step_by(997).chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(opens(&changed).await.is_err(), "byte {at}");
        assert!(opens(&bytes[..at]).await.is_err(), "length {at}");
        changed[at] ^= 1;
        changed.remove(at);
        assert!(opens(&changed).await.is_err(), "without byte {at}");
    }
}

#[tokio::test]
async fn what_does_not_come_to_its_end_was_never_there() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    let mut intake = files.intake(of.0, &of.1, new_file(None)).await.unwrap();
    for _ in 0..4 {
        intake.write(Bytes::from(vec![7; 1024 * 1024])).await.unwrap();
    }
    assert!(
        ledger::locked(&files.ledger).all().bytes > 4 * 1024 * 1024,
        "it takes room as it comes"
    );
    assert!(names(&bed).iter().all(|name| name.contains('#')), "under its name is nothing yet");
    // As a kill leaves it, for the next start.
    let left = fs::read(path(&bed, &names(&bed)[0])).unwrap();
    drop(intake);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !names(&bed).is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", names(&bed));
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger::locked(&files.ledger).all().bytes, 0);
    let unfinished = path(&bed, "7-0123#1");
    fs::write(&unfinished, left).unwrap();
    bed.files().look().await.unwrap();
    assert!(!unfinished.exists());
    let nothing = files.intake(of.0, &of.1, new_file(None)).await.unwrap().finish().await;
    assert!(matches!(nothing, Err(FileError::Empty)));
}

#[tokio::test]
async fn files_go_after_a_day_and_their_room_is_free_again() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    let bytes = vec![7; 4 * 1024 * 1024];
    let first = keep(&files, &of, new_file(None), &bytes).await.unwrap().id;
    assert_eq!(files.kept_until(first).0, START.0 + 86_400_000);
    while keep(&files, &of, new_file(None), &bytes).await.is_ok() {}
    let full = keep(&files, &of, new_file(None), &bytes).await;
    assert!(matches!(full, Err(FileError::ConversationFull)));
    fs::write(path(&bed, "7-x.part"), b"half").unwrap();
    fs::write(path(&bed, "a stranger"), b"?").unwrap();
    let files = bed.files();
    files.look().await.unwrap();
    let full = keep(&files, &of, new_file(None), &bytes).await;
    assert!(matches!(full, Err(FileError::ConversationFull)), "also after a start");
    assert!(!path(&bed, "7-x.part").exists());
    let instant = Duration::from_millis(1);
    bed.advance(KEPT_FOR.checked_sub(instant).unwrap());
    assert_eq!(files.sweep().await.unwrap(), 0);
    bed.advance(instant);
    assert!(files.sweep().await.unwrap() > 10);
    assert!(matches!(files.read(&of.1, first).await, Err(FileError::Gone)));
    assert!(path(&bed, "a stranger").exists(), "what is not ours stays");
    keep(&files, &of, new_file(None), &bytes).await.unwrap();
}

#[tokio::test]
async fn what_strangers_bring_has_its_share_and_its_days_also_after_a_start() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let rules = FileRules { strangers_bytes: 2_000_000, ..FileRules::default() };
    let opened = || bed.files_with(FileSetup { rules: rules.clone(), ..FileSetup::default() });
    let stranger = || NewFile { by: Bringer::Stranger, ..new_file(None) };
    let (mut files, bytes) = (opened(), vec![7; 1_500_000]);
    let first = keep(&files, &of, stranger(), &bytes).await.unwrap().id;
    for _ in 0..2 {
        let full = keep(&files, &of, stranger(), &bytes).await;
        assert!(matches!(full, Err(FileError::TenantFull)));
        files = opened();
        files.look().await.unwrap();
    }
    keep(&files, &of, NewFile { by: Bringer::Page, ..new_file(None) }, &bytes).await.unwrap();
    bed.advance(rules.strangers_kept_for);
    assert_eq!(files.sweep().await.unwrap(), 1);
    assert!(matches!(files.read(&of.1, first).await, Err(FileError::Gone)));
    keep(&files, &of, stranger(), &bytes).await.unwrap();
}

#[tokio::test]
async fn a_pass_opens_one_side_of_one_file_until_it_ends() {
    let bed = Bed::new();
    let files = bed.files();
    let file =
        FileId { conversation: ConversationId(7), number: bed.clock.fresh_id(), keep: Keep::Day };
    let pass = files.pass(file, Side::Original);
    assert_eq!(pass, files.pass(file, Side::Original), "the same every time");
    assert!(pass.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{pass}");
    let read = |given: &str| files.read_pass(given, bed.clock.now());
    let opened = read(&pass).unwrap();
    assert_eq!((opened.file, opened.side), (file, Side::Original));
    let later = opened.until + 1;
    for forged in [
        pass.replace("original", "thumbnail"),
        pass.replacen("7-", "8-", 1),
        pass.replace(&opened.until.to_string(), &later.to_string()),
        pass[..pass.len() - 1].to_owned(),
        format!("{pass}0"),
        pass.to_uppercase(),
        String::new(),
    ] {
        assert_eq!(read(&forged), Err(PassError::Unknown), "{forged}");
    }
    bed.advance(KEPT_FOR);
    assert_eq!(read(&pass), Err(PassError::Expired));
}

#[tokio::test]
async fn a_file_that_the_version_before_wrote_can_be_read() {
    let bed = Bed::new();
    let (conversation, keeping) = conversation(&bed, "c1").await;
    let files = bed.files();
    let id = FileId { conversation, number: bed.clock.fresh_id(), keep: Keep::Day };
    let place = keeping.file_place(id.number.as_u128());
    let (seal, mut file) = sealed::Seal::fresh(&bed.vault, place).unwrap();
    let (name, kind) = ("kolibri.png".to_owned(), "image/png".to_owned());
    let head = Head { name, kind, original: WORDS.len() as u64, thumbnail: Some(3) };
    let mut head = seal.last(&head).unwrap();
    let length = head.split_off(head.len() - 4);
    file[0] = 1;
    file.extend([length, head].concat());
    file.extend(seal.chunk(Side::Original, 0, WORDS).unwrap());
    file.extend(seal.chunk(Side::Thumbnail, 0, b"dot").unwrap());
    files.look().await.unwrap();
    fs::write(path(&bed, id), file).unwrap();
    let is_read = async || {
        let read = async || files.read(&keeping, id).await.unwrap();
        assert_eq!(read().await.head().name, "kolibri.png");
        let original = read().await.side(Side::Original, Reader::Page).await.unwrap();
        assert_eq!(all(original).await.unwrap(), WORDS);
        let thumbnail = read().await.side(Side::Thumbnail, Reader::Page).await.unwrap();
        assert_eq!(all(thumbnail).await.unwrap(), b"dot");
    };
    is_read().await;
    // And it goes along when root keys are rotated.
    let old = bed.vault.current();
    bed.vault.take(bed.vault.with_new_root(1).unwrap().unwrap());
    assert_eq!(files.wrap_anew(&store(&bed), &|| Duration::ZERO).await.unwrap().done, 1);
    bed.vault.take(bed.vault.without_root(old).unwrap());
    is_read().await;
}

#[tokio::test]
async fn without_a_scanner_files_wait_or_are_taken_unseen_as_somebody_decides() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let with = |without| FileSetup {
        scanning: Some(Scanning {
            clamd: ScannerAddress::Unix("/nonexistent/clamd".into()),
            without,
        }),
        ..FileSetup::default()
    };
    let refused = bed.files_with(with(WithoutScanner::Refuse));
    let told = keep(&refused, &of, new_file(None), WORDS).await;
    assert!(matches!(told, Err(FileError::NotScanned)));
    assert!(names(&bed).is_empty());
    let unseen = bed.files_with(with(WithoutScanner::Take));
    keep(&unseen, &of, new_file(None), WORDS).await.unwrap();
}

#[tokio::test]
async fn what_a_scanner_does_not_want_is_not_taken_unseen() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let refused =
        |error: &FileError| matches!(error, FileError::NotScanned | FileError::TooLargeToScan);
    for answer in [
        &b"INSTREAM size limit exceeded. ERROR\0"[..],
        b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0",
        b"stream: Can't allocate memory ERROR\0",
        // It went away over this file.
        b"",
    ] {
        let clamd = scan::tests::scanner(answer, usize::MAX).await;
        let scanning = Some(Scanning { clamd, without: WithoutScanner::Take });
        let files = bed.files_with(FileSetup { scanning, ..FileSetup::default() });
        let told = keep(&files, &of, new_file(None), WORDS).await;
        assert!(told.as_ref().is_err_and(refused), "{}", String::from_utf8_lossy(answer));
    }
    assert!(names(&bed).is_empty());
}

#[tokio::test]
async fn as_much_room_is_counted_as_a_file_takes() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    let counted = || ledger::locked(&files.ledger).all().bytes;
    for length in [1, 70_000, 3_000_000] {
        let id = keep(&files, &of, new_file(Some(WORDS)), &counted_bytes(length)).await.unwrap().id;
        assert_eq!(counted(), fs::metadata(path(&bed, id)).unwrap().len(), "{length}");
        files.discard(id).await;
        assert_eq!(counted(), 0, "{length}");
    }
}

#[tokio::test]
async fn the_room_of_a_file_that_several_remove_at_once_is_given_back_once() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    let stays = keep(&files, &of, new_file(None), &counted_bytes(70_000)).await.unwrap().id;
    for _ in 0..10 {
        let goes = keep(&files, &of, new_file(None), &counted_bytes(1_000)).await.unwrap().id;
        tokio::join!(files.remove(goes), files.remove(goes), files.discard(goes)).0.unwrap();
        let counted = ledger::locked(&files.ledger).all().bytes;
        assert_eq!(counted, fs::metadata(path(&bed, stays)).unwrap().len());
    }
}

#[tokio::test]
async fn what_is_too_large_or_may_not_be_brought_is_refused_as_soon_as_that_is_known() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let rules = FileRules { file_bytes: 1_000_000, ..FileRules::default() };
    let files = bed.files_with(FileSetup { rules, ..FileSetup::default() });
    let by = |by| NewFile { by, ..new_file(None) };
    let large = keep(&files, &of, by(Bringer::Page), &vec![7; 1_000_001]).await;
    assert!(matches!(large, Err(FileError::TooLarge { limit: 1_000_000 })));
    let mut intake = files.intake(of.0, &of.1, by(Bringer::Page)).await.unwrap();
    let program = [b"MZ".as_slice(), &vec![0; 20_000]].concat();
    let told = intake.write(program.clone().into()).await;
    assert!(matches!(told, Err(FileError::NotAllowed)), "before all of it came");
    drop(intake);
    // What an agent sends is the desk's affair, and kept for what it is.
    let kept = keep(&files, &of, by(Bringer::Desk), &program).await.unwrap();
    assert_eq!(kept.name, "kolibri.png.exe");
    assert_eq!(kept.kind, "application/vnd.microsoft.portable-executable");
}

/// Changes one byte of a file where it lies.
fn damage(bed: &Bed, id: FileId, at: usize) {
    let mut bytes = fs::read(path(bed, id)).unwrap();
    bytes[at] ^= 1;
    fs::write(path(bed, id), bytes).unwrap();
}

fn found_damaged(bed: &Bed) -> u64 {
    bed.observer.files().found_damaged()
}

#[tokio::test]
async fn a_file_that_is_damaged_is_told_of_once_and_is_read_again_when_it_is_put_back() {
    let bed = Bed::new();
    let of = conversation(&bed, "c1").await;
    let files = bed.files();
    // In what is read first, and in a chunk in the middle.
    for (found, at) in [(1, 40), (3, 150_000)] {
        let bytes = counted_bytes(300_000);
        let id = keep(&files, &of, new_file(None), &bytes).await.unwrap().id;
        damage(&bed, id, at);
        let read = async || {
            let reading = files.read(&of.1, id).await?;
            all(reading.side(Side::Original, Reader::Page).await?).await
        };
        for _ in 0..3 {
            let error = read().await.unwrap_err();
            assert!(error.is_for_ever(), "{error:?}");
            assert_eq!(found_damaged(&bed), found, "{at}: once");
        }
        // Whoever knows that it is damaged is told before anything of it is given out.
        assert!(files.read(&of.1, id).await.is_err());
        damage(&bed, id, at);
        assert!(read().await.unwrap() == bytes, "it is as it was");
        damage(&bed, id, at);
        read().await.unwrap_err();
        assert_eq!(found_damaged(&bed), found + 1, "and is told of when it is damaged again");
        damage(&bed, id, at);
        files.read(&of.1, id).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_was_changed_on_its_way_only_is_read_once_more() {
    let bed = Bed::new();
    let mut files = bed.files();
    let faults = faulty::between(&mut files);
    let of = conversation(&bed, "c1").await;
    let id = keep(&files, &of, new_file(None), WORDS).await.unwrap().id;
    faults.damages_once.store(true, Ordering::SeqCst);
    let read = files.read(&of.1, id).await.unwrap().side(Side::Original, Reader::Page).await;
    let mut chunks = read.unwrap();
    faults.damages_once.store(true, Ordering::SeqCst);
    assert!(chunks.next().await.unwrap().unwrap() == WORDS);
    assert_eq!(found_damaged(&bed), 0);
}
