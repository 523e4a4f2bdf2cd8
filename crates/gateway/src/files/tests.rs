//! What files are on the disk, and what opens them.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::bed::{Bed, START};

const WORDS: &[u8] = b"kolibri in a picture";

fn new_file(original: Vec<u8>, thumbnail: Option<Vec<u8>>) -> NewFile {
    NewFile { name: "kolibri.png".to_owned(), kind: "image/png".to_owned(), original, thumbnail }
}

/// A conversation, and how its files are bound.
async fn conversation(bed: &Bed, name: &str) -> (ConversationId, Keeping) {
    bed.says(name, "hi").await;
    let row = bed.row(name);
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    (row.id, keeping)
}

fn all(mut chunks: Chunks) -> Result<Vec<u8>, FileError> {
    let mut whole = Vec::new();
    while let Some(chunk) = chunks.next()? {
        whole.extend(chunk);
    }
    Ok(whole)
}

#[tokio::test]
async fn a_file_comes_back_whole_whatever_its_length() {
    let bed = Bed::new();
    let (conversation, keeping) = conversation(&bed, "c1").await;
    let files = bed.files();
    for length in [1, 65_535, 65_536, 65_537, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
        let id = FileId { conversation, number: bed.clock.fresh_id() };
        let new = new_file(bytes.clone(), Some(WORDS.to_vec()));
        files.keep(&bed.vault, &keeping, id, &new).unwrap();
        let read = || files.read(&bed.vault, &keeping, id).unwrap();
        assert_eq!(read().head().name, "kolibri.png");
        assert_eq!(read().head().size(Side::Thumbnail), Some(WORDS.len() as u64));
        assert!(all(read().side(Side::Original).unwrap()).unwrap() == bytes, "{length}");
        assert_eq!(all(read().side(Side::Thumbnail).unwrap()).unwrap(), WORDS);
    }
}

#[tokio::test]
async fn a_file_is_its_owners_only_and_shows_nothing_on_the_disk() {
    let bed = Bed::new();
    let (conversation, keeping) = conversation(&bed, "c1").await;
    let files = bed.files();
    let id = FileId { conversation, number: bed.clock.fresh_id() };
    files.keep(&bed.vault, &keeping, id, &new_file(WORDS.to_vec(), None)).unwrap();
    let path = files.folder.join(id.name());
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"kolibri" || window == b"picture"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&files.folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(&files.folder).unwrap().count(), 1, "nothing unfinished is left");
    let none = files.read(&bed.vault, &keeping, id).unwrap().side(Side::Thumbnail);
    assert!(matches!(none, Err(FileError::Gone)));
}

#[tokio::test]
async fn a_file_of_another_conversation_or_one_that_was_changed_does_not_open() {
    let bed = Bed::new();
    let (conversation, keeping) = conversation(&bed, "c1").await;
    let (_, other) = self::conversation(&bed, "c2").await;
    let files = bed.files();
    let id = FileId { conversation, number: bed.clock.fresh_id() };
    files.keep(&bed.vault, &keeping, id, &new_file(vec![7; 70_000], None)).unwrap();
    assert!(files.read(&bed.vault, &other, id).is_err());
    let renamed = FileId { conversation, number: bed.clock.fresh_id() };
    fs::copy(files.folder.join(id.name()), files.folder.join(renamed.name())).unwrap();
    assert!(files.read(&bed.vault, &keeping, renamed).is_err(), "under another number");
    let path = files.folder.join(id.name());
    let bytes = fs::read(&path).unwrap();
    let opens = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        files
            .read(&bed.vault, &keeping, id)
            .and_then(|reading| all(reading.side(Side::Original)?))
            .is_ok()
    };
    assert!(opens(&bytes));
    for at in (0..bytes.len()).step_by(997).chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(!opens(&changed), "byte {at}");
        assert!(!opens(&bytes[..at]), "length {at}");
    }
}

#[tokio::test]
async fn files_go_after_a_day_and_their_room_is_free_again() {
    let bed = Bed::new();
    let (conversation, keeping) = conversation(&bed, "c1").await;
    let files = bed.files();
    let keep = |files: &Files| {
        let id = FileId { conversation, number: bed.clock.fresh_id() };
        let new = new_file(vec![7; 4 * 1024 * 1024], None);
        files.keep(&bed.vault, &keeping, id, &new).map(|()| id)
    };
    let first = keep(&files).unwrap();
    assert_eq!(first.kept_until().0, START.0 + 86_400_000);
    while keep(&files).is_ok() {}
    assert!(matches!(keep(&files), Err(FileError::ConversationFull)));
    let again = bed.files();
    assert!(matches!(keep(&again), Err(FileError::ConversationFull)), "also after a start");
    fs::write(files.folder.join("7-x.part"), b"half").unwrap();
    fs::write(files.folder.join("a stranger"), b"?").unwrap();
    let files = bed.files();
    assert!(!files.folder.join("7-x.part").exists());
    let instant = Duration::from_millis(1);
    bed.advance(KEPT_FOR.checked_sub(instant).unwrap());
    assert_eq!(files.sweep(bed.clock.now()).unwrap(), 0);
    bed.advance(instant);
    assert!(files.sweep(bed.clock.now()).unwrap() > 10);
    assert!(matches!(files.read(&bed.vault, &keeping, first), Err(FileError::Gone)));
    assert!(files.folder.join("a stranger").exists(), "what is not ours stays");
    keep(&files).unwrap();
}

#[tokio::test]
async fn a_pass_opens_one_side_of_one_file_until_it_ends() {
    let bed = Bed::new();
    let files = bed.files();
    let file = FileId { conversation: ConversationId(7), number: bed.clock.fresh_id() };
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
