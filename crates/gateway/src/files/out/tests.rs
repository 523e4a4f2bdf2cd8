//! What leaves leaves in parts of one size, in memory that is used again, and nothing of it stays behind.

use std::{fs, time::Duration};

use super::*;
use crate::{
    bed::Bed,
    files::{
        faulty::{self, Ending},
        place,
    },
};

const NAME: &str = "one";

fn names(bed: &Bed) -> Vec<String> {
    let folder = fs::read_dir(bed.dir().join(place::FOLDER)).unwrap();
    let mut names: Vec<_> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn parts_are_of_one_size_and_take_turns_with_the_same_memory() {
    let bed = Bed::new();
    let mut files = bed.files();
    let faults = faulty::between(&mut files);
    let size = files.place.part_bytes;
    let all: Vec<u8> =
        (0..size * 4 + 17).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[4]).collect();
    let mut out = Out::new(Arc::clone(&files), NAME.to_owned());
    // In pieces that no part's end falls together with.
    for piece in all.chunks(100_003) {
        out.write(piece).await.unwrap();
    }
    out.end().await.unwrap();
    assert!(fs::read(bed.dir().join(place::FOLDER).join(NAME)).unwrap() == all);
    assert_eq!(names(&bed), [NAME]);
    let (sizes, at): (Vec<_>, Vec<_>) = faults.parts.lock().unwrap().iter().copied().unzip();
    assert_eq!(sizes, [size, size, size, size, 17]);
    assert!(at[0] != at[1], "one fills while the other is written");
    assert_eq!((at[2], at[3], at[4]), (at[0], at[1], at[0]), "and they take turns");
}

#[tokio::test]
async fn a_last_step_that_fails_leaves_nothing_and_nobody_else_loses_anything() {
    let bed = Bed::new();
    let mut files = bed.files();
    let faults = faulty::between(&mut files);
    let part = vec![7; files.place.part_bytes];
    let begun = async || {
        let mut out = Out::new(Arc::clone(&files), NAME.to_owned());
        out.write(&part).await.unwrap();
        out.arrive().await.unwrap();
        out
    };
    let (mut one, mut other) = (begun().await, begun().await);
    *faults.ending.lock().unwrap() = Ending::Fails;
    one.end().await.unwrap_err();
    drop(one);
    *faults.ending.lock().unwrap() = Ending::Well;
    other.end().await.unwrap();
    drop(other);
    let alone = async || {
        while names(&bed) != [NAME] {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(10), alone()).await;
    assert!(gone.is_ok(), "what failed goes: {:?}", names(&bed));
    assert!(fs::read(bed.dir().join(place::FOLDER).join(NAME)).unwrap() == part);
}
