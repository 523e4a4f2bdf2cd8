//! How a file that a message names gets to the agent: the instance fetches it, with the headers
//! that came along, from hosts it trusts (reference 9.8).
//!
//! Owns the one attempt and its limits. Whatever goes wrong is told to nobody; the ledger has the
//! reason.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

use crate::{
    instance::FileView,
    ledger::FileFate,
    media::{FILE_BYTES_MAX, File},
    request::Attachment,
    shared::Shared,
};

/// How long one file may take: enough for the largest over a slow link.
const FETCH_WITHIN: Duration = Duration::from_secs(30);

/// How many files are fetched at once: each may fill memory up to the largest size.
pub(crate) const FETCHES_MAX: usize = 8;

/// One file to be fetched.
pub(crate) struct Order {
    /// The request's entry in the ledger, and which of its files this is.
    pub(crate) entry: u64,
    pub(crate) index: usize,
    pub(crate) conversation: u64,
    pub(crate) attachment: Attachment,
}

/// Fetches a file and shows it to the agent, or writes down why not.
pub(crate) async fn run(shared: Arc<Shared>, order: Order) {
    let fetched = tokio::select! {
        () = shared.stop.cancelled() => return,
        fetched = load(&shared, &order.attachment) => fetched,
    };
    shared.act(|world, now| {
        let fate = match fetched {
            Err(reason) => FileFate::Dropped(reason),
            Ok(file) => {
                let view = world.keep_file(file);
                if world.instance.show_file(order.conversation, view, now) {
                    FileFate::Shown
                } else {
                    FileFate::Dropped("the conversation is over")
                }
            }
        };
        world.ledger.decide_file(order.entry, order.index, fate);
        world.fetching -= 1;
        ((), Vec::new())
    });
}

async fn load(shared: &Shared, attachment: &Attachment) -> Result<File, &'static str> {
    let (ours, trusted, url) = {
        let now = shared.clock.now();
        let world = shared.lock();
        let ours =
            world.media.at(&attachment.url).map(|file| (file.clone(), file.is_available(now)));
        let url = Url::parse(&attachment.url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        (ours, world.instance.setup.profile.trusts(host), url)
    };
    match ours {
        Some((file, true)) => return Ok(file),
        Some((_, false)) => return Err("the uploaded file is not available"),
        None => {}
    }
    let url = url.ok_or("the address is no URL")?;
    if !trusted {
        return Err("the host is not a trusted media domain");
    }
    let headers = headers(attachment).ok_or("the headers are no headers")?;
    let Ok(_permit) = shared.fetches.acquire().await else { return Err("the instance stops") };
    let request = shared.client.get(url.clone()).headers(headers).timeout(FETCH_WITHIN);
    let mut answer = request.send().await.map_err(|_| "the host cannot be reached")?;
    if answer.status() != StatusCode::OK {
        return Err("the host refuses the file");
    }
    let told = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = if attachment.content_type.is_empty() {
        told.unwrap_or_default().to_owned()
    } else {
        attachment.content_type.clone()
    };
    let last = url.path_segments().and_then(Iterator::last).unwrap_or_default();
    let name = attachment.file_name.as_deref().unwrap_or(last);
    Ok(File::new(name, &kind, body(&mut answer).await?))
}

fn headers(attachment: &Attachment) -> Option<HeaderMap> {
    let pairs = attachment.headers.iter().map(|(name, value)| {
        let name = name.parse::<HeaderName>().ok()?;
        let mut value = HeaderValue::from_str(value.as_str()?).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    });
    pairs.collect()
}

async fn body(answer: &mut Response) -> Result<Bytes, &'static str> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| "the host broke off")? {
        if bytes.len() + chunk.len() > FILE_BYTES_MAX {
            return Err("the file is too large");
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

impl crate::shared::World {
    /// Keeps a file and gives what the desk shows of it.
    pub(crate) fn keep_file(&mut self, file: File) -> FileView {
        let key = self.instance.sys_id();
        let view = FileView {
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            size: file.bytes.len(),
            url: format!("/admin/api/media/{key}"),
            key: key.clone(),
        };
        self.media.keep(key, file);
        view
    }
}
