//! How a file that a message names gets to the agent: the instance fetches it, with the headers
//! that came along, from hosts it trusts (reference 9.8).
//!
//! Owns the one attempt and its limits. Whatever goes wrong is told to nobody; the ledger has the
//! reason.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

use crate::{
    instance::FileView,
    ledger::FileFate,
    media::{
        File,
        contents::{Filled, Filling},
    },
    request::Attachment,
    shared::Shared,
};

/// How long one file may take: enough for the largest over a slow link.
const FETCH_WITHIN: Duration = Duration::from_mins(5);

/// How many files are fetched at once: each may fill memory up to what is kept whole.
pub(crate) const FETCHES_MAX: usize = 8;

/// One file to be fetched.
pub(crate) struct Order {
    /// The request's entry in the ledger, and which of its files this is.
    pub(crate) entry: u64,
    pub(crate) index: usize,
    pub(crate) conversation: u64,
    pub(crate) attachment: Attachment,
}

/// Fetches the files of a request, all at once, and shows them to the agent in the order in which they
/// were sent, or writes down why not.
pub(crate) async fn run(shared: Arc<Shared>, orders: Vec<Order>) {
    let fetch = |order: Order| {
        let shared = shared.clone();
        async move {
            let fetched = load(&shared, &order.attachment).await;
            (order, fetched)
        }
    };
    let mut files = stream::iter(orders).map(fetch).buffered(FETCHES_MAX);
    loop {
        let next = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = files.next() => next,
        };
        let Some((order, fetched)) = next else { return };
        show(&shared, &order, fetched);
    }
}

fn show(shared: &Arc<Shared>, order: &Order, fetched: Result<File, &'static str>) {
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
    let (ours, trusted, url, max) = {
        let now = shared.clock.now();
        let world = shared.lock();
        let ours =
            world.media.at(&attachment.url).map(|file| (file.clone(), file.is_available(now)));
        let url = Url::parse(&attachment.url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let profile = &world.instance.setup.profile;
        (ours, profile.trusts(host), url, profile.media_bytes_max)
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
    Ok(File::of(name, &kind, body(&mut answer, max).await?))
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

async fn body(answer: &mut Response, max: u64) -> Result<Filled, &'static str> {
    let mut filling = Filling::new(max);
    while let Some(chunk) = answer.chunk().await.map_err(|_| "the host broke off")? {
        filling.push(&chunk).map_err(|_| "the file is too large")?;
    }
    Ok(filling.finish())
}

impl crate::shared::World {
    /// Keeps a file and gives what the desk shows of it.
    pub(crate) fn keep_file(&mut self, file: File) -> FileView {
        let key = self.instance.sys_id();
        let view = FileView {
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            size: usize::try_from(file.contents.size()).unwrap_or(usize::MAX),
            sha256: file.sha256.clone(),
            url: format!("/admin/api/media/{key}"),
            key: key.clone(),
        };
        self.media.keep(key, file);
        view
    }
}
