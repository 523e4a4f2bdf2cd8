//! Files in a bucket: before a stand-in that speaks as much of S3's protocol as they need.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;

use super::*;
use crate::{
    bed::Bed,
    files::{Bringer, FileId, FileSetup, Files, NewFile, Reader, Side},
    keeping::Keeping,
};

/// The most that a test puts into one request, in bytes.
const BODY_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Bytes>,
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    /// Answers this many requests with 503 first.
    away: usize,
    unsigned: usize,
    /// What a list has beside the files, in bytes.
    padding: usize,
    /// What cannot be removed.
    stuck: Option<String>,
    /// Takes a last step and does not say so; nor does it hear that it is not wanted any more.
    mute: bool,
    /// What such a step leads to, later.
    late: Option<(String, Bytes)>,
}

impl Bucket {
    /// What lies there beside its mark.
    fn files(&self) -> impl Iterator<Item = &String> {
        self.objects.keys().filter(|name| !name.ends_with(crate::files::mark::MARK))
    }
}

type Shared = Arc<Mutex<Bucket>>;

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut all = form_urlencoded::parse(query.as_bytes());
    all.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

async fn answer(State(bucket): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES).await.unwrap();
    let mut bucket = bucket.lock().unwrap();
    if bucket.away > 0 {
        bucket.away -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let signed = parts.headers.get(header::AUTHORIZATION).is_some_and(|value| {
        value.to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=id/")
    });
    bucket.unsigned += usize::from(!signed);
    let query = parts.uri.query().unwrap_or_default();
    let name = parts.uri.path().strip_prefix("/shelf").unwrap().trim_start_matches('/').to_owned();
    let upload = parameter(query, "uploadId");
    match (parts.method, upload) {
        (Method::POST, None) => {
            bucket.uploads.insert(name.clone(), BTreeMap::new());
            xml(&format!(
                "<InitiateMultipartUploadResult><Bucket>shelf</Bucket><Key>{name}</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            ))
        }
        (Method::PUT, Some(_)) => {
            let number = parameter(query, "partNumber").unwrap().parse().unwrap();
            bucket.uploads.get_mut(&name).unwrap().insert(number, body);
            tagged(StatusCode::OK)
        }
        (Method::POST | Method::DELETE, Some(_)) if bucket.mute => {
            if let Some(parts) = bucket.uploads.remove(&name) {
                let whole: Vec<u8> = parts.into_values().flatten().collect();
                bucket.late = Some((name, whole.into()));
            }
            // No status that is asked again for.
            StatusCode::FORBIDDEN.into_response()
        }
        (Method::POST, Some(_)) => {
            let parts = bucket.uploads.remove(&name).unwrap();
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            bucket.objects.insert(name, whole.into());
            xml("<CompleteMultipartUploadResult><ETag>\"t\"</ETag></CompleteMultipartUploadResult>")
        }
        (Method::DELETE, Some(_)) => {
            bucket.uploads.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::PUT, None) => {
            bucket.objects.insert(name, body);
            tagged(StatusCode::OK)
        }
        (Method::DELETE, None) if bucket.stuck.as_ref() == Some(&name) => {
            StatusCode::FORBIDDEN.into_response()
        }
        (Method::DELETE, None) => {
            bucket.objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::GET, _) if query.contains("list-type=2") => listed(&bucket, query),
        (Method::GET | Method::HEAD, _) => match bucket.objects.get(&name) {
            Some(object) => part(object, &parts.headers),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (method, _) => panic!("{method} {name}?{query}"),
    }
}

fn xml(text: &str) -> Response {
    let head = [(header::CONTENT_TYPE, "application/xml"), (header::ETAG, "\"t\"")];
    (head, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}")).into_response()
}

fn tagged(status: StatusCode) -> Response {
    (status, [(header::ETAG, "\"t\"")]).into_response()
}

fn listed(bucket: &Bucket, query: &str) -> Response {
    let prefix = parameter(query, "prefix").unwrap_or_default();
    let one = |(name, object): (&String, &Bytes)| {
        format!(
            "<Contents><Key>{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"t\"</ETag><Size>{}</Size></Contents>",
            object.len()
        )
    };
    let all = bucket.objects.iter().filter(|(name, _)| name.starts_with(&prefix));
    let all: String = all.map(one).collect();
    let padding = " ".repeat(bucket.padding);
    xml(&format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated>{all}{padding}</ListBucketResult>"
    ))
}

fn part(object: &Bytes, headers: &HeaderMap) -> Response {
    let modified = (header::LAST_MODIFIED, "Thu, 01 Jan 2026 00:00:00 GMT".to_owned());
    let tag = (header::ETAG, "\"t\"".to_owned());
    let Some(range) = headers.get(header::RANGE) else {
        return ([modified, tag], object.clone()).into_response();
    };
    let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let first: usize = first.parse().unwrap();
    if first >= object.len() {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let end = last.parse::<usize>().unwrap().saturating_add(1).min(object.len());
    let told = format!("bytes {first}-{}/{}", end - 1, object.len());
    let head = [modified, tag, (header::CONTENT_RANGE, told)];
    (StatusCode::PARTIAL_CONTENT, head, object.slice(first..end)).into_response()
}

/// A bucket, and how it is reached.
async fn shelf() -> (Shared, FileSetup) {
    let bucket = Shared::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(Arc::clone(&bucket));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let setup = BucketSetup {
        bucket: "shelf".to_owned(),
        prefix: "a/b".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(endpoint),
        key: Some(("id".to_owned(), "key".into())),
        in_host_name: false,
    };
    (bucket, FileSetup { bucket: Some(setup), ..FileSetup::default() })
}

fn picture() -> NewFile {
    let (name, kind) = ("kolibri.dat".to_owned(), String::new());
    NewFile { by: Bringer::Page, name, kind, thumbnail: None }
}

#[tokio::test]
async fn files_lie_in_a_bucket_as_they_do_in_a_folder() {
    let bed = Bed::new();
    bed.says("c1", "hi").await;
    let row = bed.row("c1");
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let (bucket, setup) = shelf().await;
    let files = bed.files_with(setup.clone());
    // One that is a part alone, and one of several.
    for length in [100_u32, 12_000_000] {
        let bytes: Vec<u8> =
            (0..length).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        bucket.lock().unwrap().away = 2;
        let mut intake = files.intake(row.id, &keeping, picture()).await.unwrap();
        for piece in bytes.chunks(100_000) {
            intake.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        let kept = intake.finish().await.unwrap();
        let name = format!("a/b/{}", kept.id);
        let sealed = bucket.lock().unwrap().objects[&name].clone();
        assert!(sealed.len() > bytes.len());
        for range in [0..u64::from(length), 50..u64::from(length), 70..90] {
            let reading = files.read(&keeping, kept.id).await.unwrap();
            let (begin, end) = (range.start, range.end);
            let mut part = reading.range(Side::Original, range, Reader::Page).await.unwrap();
            let mut whole = Vec::new();
            while let Some(bytes) = part.next().await.unwrap() {
                whole.extend(bytes);
            }
            let expected = usize::try_from(begin).unwrap()..usize::try_from(end).unwrap();
            assert!(whole == bytes[expected], "{length}: {begin} to {end}");
        }
    }
    let again = bed.files_with(setup);
    again.look().await.unwrap();
    assert_eq!(again.sweep().await.unwrap(), 0);
    bed.advance(std::time::Duration::from_hours(31 * 24));
    {
        let mut bucket = bucket.lock().unwrap();
        let first = bucket.files().next().cloned();
        bucket.stuck = first;
    }
    assert_eq!(again.sweep().await.unwrap(), 1, "one that cannot be removed stops no other");
    bucket.lock().unwrap().stuck = None;
    assert_eq!(again.sweep().await.unwrap(), 1);
    let bucket = bucket.lock().unwrap();
    assert_eq!(bucket.files().count(), 0);
    assert_eq!(bucket.unsigned, 0, "every request is signed");
}

fn stored(bed: &Bed) -> Arc<dyn store::Store> {
    Arc::<crate::bed::Watched>::clone(&bed.store)
}

/// Brings a file of this length and makes another root key current.
async fn brought_and_rotated(
    bed: &Bed,
    files: &Arc<Files>,
    length: usize,
) -> (Keeping, FileId, Vec<u8>) {
    bed.says("c1", "hi").await;
    let row = bed.row("c1");
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let bytes: Vec<u8> =
        (0..length).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[4]).collect();
    let mut intake = files.intake(row.id, &keeping, picture()).await.unwrap();
    intake.write(Bytes::from(bytes.clone())).await.unwrap();
    let id = intake.finish().await.unwrap().id;
    bed.vault.take(bed.vault.with_new_root(1).unwrap().unwrap());
    (keeping, id, bytes)
}

const NO_PAUSE: &(dyn Fn() -> std::time::Duration + Send + Sync) = &|| std::time::Duration::ZERO;

#[tokio::test]
async fn files_in_a_bucket_are_wrapped_anew_and_need_no_old_key() {
    let bed = Bed::new();
    let (bucket, setup) = shelf().await;
    let files = bed.files_with(setup);
    let (keeping, small, few) = brought_and_rotated(&bed, &files, 100).await;
    let (_, large, many) = brought_and_rotated(&bed, &files, 12_000_000).await;
    let empty = FileId { number: uuid::Uuid::from_u128(7), ..small };
    bucket.lock().unwrap().objects.insert(format!("a/b/{empty}"), Bytes::new());
    let before = bucket.lock().unwrap().objects.clone();
    let looked = files.wrap_anew(&stored(&bed), NO_PAUSE).await.unwrap();
    assert_eq!((looked.done, looked.missed, looked.unreadable), (2, 0, 1));
    let after = bucket.lock().unwrap().objects.clone();
    for name in bucket.lock().unwrap().files() {
        let before = &before[name];
        let (after, begin) = (&after[name], before.len().min(256));
        assert!(after.len() == before.len() && after[begin..] == before[begin..]);
        assert_eq!(after == before, before.is_empty());
    }
    for root in bed.vault.roots() {
        bed.vault.take(bed.vault.without_root(root.id).unwrap());
    }
    for (id, bytes) in [(small, few), (large, many)] {
        let reading = files.read(&keeping, id).await.unwrap();
        let mut all = reading.side(Side::Original, Reader::Page).await.unwrap();
        let mut whole = Vec::new();
        while let Some(bytes) = all.next().await.unwrap() {
            whole.extend(bytes);
        }
        assert!(whole == bytes);
    }
    assert!(bucket.lock().unwrap().uploads.is_empty());
    assert!(files.remove(empty).await.unwrap(), "an empty one can be removed");
}

#[tokio::test]
async fn a_bucket_that_ends_a_copy_late_brings_no_file_back() {
    let bed = Bed::new();
    let (bucket, setup) = shelf().await;
    let files = bed.files_with(setup);
    let (_, id, _) = brought_and_rotated(&bed, &files, 100).await;
    bucket.lock().unwrap().mute = true;
    let looked = files.wrap_anew(&stored(&bed), NO_PAUSE).await.unwrap();
    assert_eq!((looked.done, looked.missed), (0, 1));
    bucket.lock().unwrap().mute = false;
    assert!(files.remove(id).await.unwrap());
    {
        let mut bucket = bucket.lock().unwrap();
        let (name, copy) = bucket.late.take().unwrap();
        bucket.objects.insert(name, copy);
    }
    assert_eq!(files.sweep().await.unwrap(), 0, "it is not old");
    assert_eq!(bucket.lock().unwrap().files().count(), 0);
}

#[tokio::test]
async fn what_does_not_come_to_its_end_leaves_nothing_in_a_bucket() {
    let bed = Bed::new();
    bed.says("c1", "hi").await;
    let row = bed.row("c1");
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let (bucket, setup) = shelf().await;
    let files = bed.files_with(setup);
    let mut intake = files.intake(row.id, &keeping, picture()).await.unwrap();
    for _ in 0..110 {
        intake.write(Bytes::from(vec![7; 100_000])).await.unwrap();
    }
    assert_eq!(bucket.lock().unwrap().uploads.len(), 1);
    drop(intake);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while !bucket.lock().unwrap().uploads.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "it is still there");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(bucket.lock().unwrap().files().count(), 0);
}

#[tokio::test]
async fn a_list_without_end_is_not_read_to_it() {
    use object_store::ObjectStore as _;
    let (bucket, setup) = shelf().await;
    let store = reached(&setup.bucket.unwrap()).unwrap();
    bucket.lock().unwrap().objects.insert("one".to_owned(), Bytes::from_static(b"x"));
    for (padding, listed) in [(0, true), (LIST_BYTES_MAX, false)] {
        bucket.lock().unwrap().padding = padding;
        let first = store.list(None).next().await.unwrap();
        assert_eq!(first.is_ok(), listed, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_or_trickles_is_given_up() {
    let second = std::time::Duration::from_secs(1);
    let body = |apart| {
        let pieces = stream::unfold((), move |()| async move {
            tokio::time::sleep(apart).await;
            Some((Ok::<_, HttpError>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        StreamBody::new(pieces)
    };
    for (apart, deadline, pieces, after) in
        [(100 * second, None, 0, STALLS_WITHIN), (7 * second, Some(BODY_WITHIN), 8, BODY_WITHIN)]
    {
        let began = Instant::now();
        let mut frames = timely(body(apart), deadline.map(|within| began + within));
        let mut came = 0;
        let error = loop {
            match frames.next().await.expect("it has no end") {
                Ok(_) => came += 1,
                Err(error) => break error,
            }
        };
        assert_eq!((came, began.elapsed()), (pieces, after));
        assert_eq!(error.kind(), HttpErrorKind::Timeout);
        for _ in 0..2 {
            assert!(frames.next().await.is_none(), "and is over, however often one asks");
        }
    }
    // A file's takes as long as whoever reads it, if only it goes on.
    let mut frames = timely(body(20 * second), None);
    for _ in 0..100 {
        frames.next().await.unwrap().unwrap();
    }
}
