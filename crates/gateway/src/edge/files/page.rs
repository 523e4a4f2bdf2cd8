//! What a person reads who opens a file's address in a browser and gets no file. Programs, and pictures in
//! pages, are answered as everywhere.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use session::FileRefusal;

use crate::{
    desk::media::FetchError,
    edge::answer::Refusal,
    files::{FileError, PassError},
    notices::{self, Language, NoFile},
};

/// Nothing is fetched for it, and nothing in it runs.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/// How it looks, in dark and light.
const STYLE: &str = "html{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;\
                     max-width:34rem;margin:20vh auto;padding:0 1rem}h1{font-size:1.25rem}";

/// Why a file is not served, for programs and for people.
#[derive(Debug)]
pub(super) struct Unopened {
    refusal: Refusal,
    why: NoFile,
}

impl Unopened {
    /// The answer in the form that was asked for.
    pub(super) fn told(self, asked: &HeaderMap, language: Language) -> Response {
        let response = self.refusal.into_response();
        let (mut parts, body) = response.into_parts();
        parts.headers.insert(header::VARY, HeaderValue::from_static("accept"));
        if !wants_page(asked) {
            return Response::from_parts(parts, body);
        }
        let fixed: [(HeaderName, &'static str); 5] = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        parts.headers.remove(header::CONTENT_LENGTH);
        for (name, value) in fixed {
            parts.headers.insert(name, HeaderValue::from_static(value));
        }
        Response::from_parts(parts, Body::from(page(language, self.why)))
    }
}

/// Browsers name it first of all when they open a page, and not for a picture.
fn wants_page(asked: &HeaderMap) -> bool {
    let accepts = asked.get_all(header::ACCEPT).iter();
    accepts.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
    })
}

/// All of it is of the catalogue: nothing in it has to be escaped.
fn page(language: Language, why: NoFile) -> String {
    let (title, words) = notices::no_file(language, why);
    format!(
        "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><main>\
         <h1>{title}</h1><p>{words}</p></main></html>\n",
        language.code()
    )
}

impl From<PassError> for Unopened {
    fn from(error: PassError) -> Self {
        let why = match error {
            PassError::Unknown => NoFile::Unknown,
            PassError::Expired => NoFile::Expired,
        };
        Self { refusal: error.into(), why }
    }
}

impl From<FetchError> for Unopened {
    fn from(error: FetchError) -> Self {
        let why = match &error {
            FetchError::Unknown => NoFile::Unknown,
            FetchError::Expired => NoFile::Expired,
            FetchError::NotKept(error) if error.is_for_ever() => NoFile::Damaged,
            other => match other.for_good() {
                // There may be room again.
                Some(FileRefusal::NoRoom) | None => NoFile::Later,
                Some(why) => NoFile::Never(why),
            },
        };
        Self { refusal: error.into(), why }
    }
}

impl From<FileError> for Unopened {
    fn from(error: FileError) -> Self {
        let why = match &error {
            FileError::Gone => NoFile::Unknown,
            error if error.is_for_ever() => NoFile::Damaged,
            _ => NoFile::Later,
        };
        Self { refusal: error.into(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_opens_a_damaged_file_is_not_told_to_try_again() {
        let both = || [FileError::Malformed.into(), FetchError::from(FileError::Malformed).into()];
        for unopened in both() {
            let Unopened { why, .. } = unopened;
            assert_eq!(why, NoFile::Damaged);
        }
        for language in [Language::English, Language::German] {
            let told = |why| page(language, why);
            assert!(told(NoFile::Damaged) != told(NoFile::Later));
            assert!(told(NoFile::Damaged) != told(NoFile::Unknown));
        }
        let away = FileError::Elsewhere(crate::files::Elsewhere::Absent);
        assert_eq!(Unopened::from(away).why, NoFile::Later);
    }
}
