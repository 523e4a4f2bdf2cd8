//! The widget's files, in the forms that they are sent in.
//!
//! Web Chat is four megabytes of text, so the build compresses what it makes
//! (`web/vite.widget.config.ts`) and only the compressed forms are embedded: Brotli for browsers, and
//! gzip, which is opened here for whoever takes neither.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use flate2::read::GzDecoder;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{behind::hex, edge::widget::pages::not_built};

/// What the widget was built into. Without Node it does not exist, and then no widget does.
#[derive(RustEmbed)]
#[folder = "../../web/dist-widget"]
#[allow_missing = true]
struct Built;

/// A form that the build makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Brotli,
    Gzip,
    /// What does not get smaller is embedded as it is.
    Plain,
}

/// A file in one of the forms it was built in.
pub(super) struct Found {
    file: EmbeddedFile,
    form: Form,
    /// It is gzip, and the caller does not take that.
    opens: bool,
}

impl Found {
    /// The form that the caller takes; gzip, to be opened, where it takes none that there is.
    pub(super) fn by_name(name: &str, headers: &HeaderMap) -> Option<Self> {
        let [brotli, gzip] = [takes(headers, "br"), takes(headers, "gzip")];
        let (form, ending) = if brotli { (Form::Brotli, ".br") } else { (Form::Gzip, ".gz") };
        match Built::get(&format!("{name}{ending}")) {
            Some(file) => Some(Self { file, form, opens: !brotli && !gzip }),
            None => Built::get(name).map(|file| Self { file, form: Form::Plain, opens: false }),
        }
    }

    /// The entity tag of the form that is sent.
    pub(super) fn tag(&self) -> String {
        let ending = if self.opens { "-plain" } else { "" };
        format!("\"{}{ending}\"", hex(&self.file.metadata.sha256_hash()[..16]))
    }

    pub(super) async fn answer(self, kind: &'static str) -> Response {
        let encoding = match self.form {
            Form::Brotli => Some("br"),
            Form::Gzip if !self.opens => Some("gzip"),
            Form::Gzip | Form::Plain => None,
        };
        let kind = [(header::CONTENT_TYPE, kind)];
        let mut response = if self.opens {
            match plain(self.file.data).await {
                Ok(bytes) => (kind, bytes).into_response(),
                Err(error) => {
                    tracing::error!(%error, "a file of the widget is not as it was built");
                    return not_built().into_response();
                }
            }
        } else {
            match self.file.data {
                Cow::Borrowed(bytes) => (kind, bytes).into_response(),
                Cow::Owned(bytes) => (kind, bytes).into_response(),
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

/// What the build has compressed, opened: milliseconds for Web Chat, beside those who wait for less.
async fn plain(gzip: Cow<'static, [u8]>) -> io::Result<Vec<u8>> {
    let open = move || {
        let mut bytes = Vec::new();
        GzDecoder::new(&*gzip).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    tokio::task::spawn_blocking(open).await.map_err(io::Error::other)?
}

/// Whether the caller says that it takes this encoding.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING);
    let each = lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    each.map(|one| one.split_once(';').unwrap_or((one, ""))).any(|(name, quality)| {
        let none = quality
            .trim()
            .strip_prefix("q=")
            .is_some_and(|value| value.trim().parse::<f32>().is_ok_and(|value| value <= 0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !none
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_chosen_by_what_the_caller_takes() {
        for (said, brotli, gzip) in [
            (None, false, false),
            (Some("identity"), false, false),
            (Some("gzip, deflate, br, zstd"), true, true),
            (Some("BR;q=0.8"), true, false),
            (Some("br;q=0, gzip"), false, true),
            (Some("br;q=0.0"), false, false),
            (Some("gzip"), false, true),
            (Some("gzip;q=0"), false, false),
            (Some("brotli"), false, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(said));
            }
            let taken = (takes(&headers, "br"), takes(&headers, "gzip"));
            assert_eq!(taken, (brotli, gzip), "{said:?}");
        }
    }

    #[tokio::test]
    async fn what_was_compressed_is_opened_as_it_was() {
        let text = "the same words, ".repeat(1_000);
        let mut gzip = Vec::new();
        let mut encoder =
            flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::best());
        encoder.read_to_end(&mut gzip).unwrap();
        assert_eq!(plain(Cow::Owned(gzip)).await.unwrap(), text.as_bytes());
        assert!(plain(Cow::Borrowed(b"no gzip")).await.is_err());
    }
}
