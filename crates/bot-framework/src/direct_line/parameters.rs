//! The optional body of `tokens/generate` and of starting a conversation.
//!
//! Read without regard to case, because Microsoft's own samples write `{"User":{"Id":"dl_x"}}`
//! (reference 1.3).

use super::Origin;
use crate::json::{DEPTH_MAX, Fault, Object, string};

/// The longest user id or name, in bytes. Both travel in a token, and a token in a header and a
/// query.
const USER_TEXT_BYTES_MAX: usize = 256;

/// The most origins that a request may name; a site that has more configures them.
const ORIGINS_MAX: usize = 32;

/// What a client asks a token or a conversation to be bound to. Nothing in it is proven but by who
/// sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenParameters {
    /// Who the user is said to be; nobody for `{}`, which `DirectLineJS` sends on its own.
    pub user: TokenUser,
    /// The pages that may use the token; empty for no restriction.
    pub trusted_origins: Vec<Origin>,
    /// The page's language, a BCP 47 tag.
    pub locale: Option<String>,
}

/// A user as named in a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenUser {
    /// The id, at most 256 bytes. An empty one is kept: whoever binds a user to it made a mistake.
    pub id: Option<String>,
    /// The name to show; never empty, at most 256 bytes.
    pub name: Option<String>,
}

/// Why a body cannot be read. All are `BadArgument` to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not JSON, or no object.
    #[error("the body is neither empty nor a JSON object")]
    NotAnObject,
    /// Nested too deep.
    #[error("objects and arrays may be nested at most {DEPTH_MAX} deep")]
    TooDeep,
    /// A name occurs twice in one object, perhaps in another case.
    #[error("`{name}` occurs twice")]
    Duplicate {
        /// Which name, shortened to 64 characters.
        name: String,
    },
    /// A member has the wrong shape.
    #[error("`{name}` must be {expected}")]
    BadMember {
        /// Which member.
        name: &'static str,
        /// What it must be, to be read after "must be".
        expected: &'static str,
    },
}

impl From<Fault> for ParameterError {
    fn from(fault: Fault) -> ParameterError {
        match fault {
            Fault::NotJson | Fault::NotAnObject => ParameterError::NotAnObject,
            Fault::TooDeep => ParameterError::TooDeep,
            Fault::Duplicate { name } => ParameterError::Duplicate { name },
        }
    }
}

impl TokenParameters {
    /// Reads a request's body; an empty one, or `null`, asks for nothing.
    pub fn parse(body: &[u8]) -> Result<TokenParameters, ParameterError> {
        if matches!(body.trim_ascii(), b"" | b"null") {
            return Ok(TokenParameters::default());
        }
        let object = Object::parse(body)?;
        Ok(TokenParameters {
            user: user(&object)?,
            trusted_origins: origins(&object)?,
            locale: text(&object, "locale")?.filter(|locale| !locale.is_empty()),
        })
    }
}

fn user(object: &Object) -> Result<TokenUser, ParameterError> {
    let Some(value) = member(object, "user")? else { return Ok(TokenUser::default()) };
    if !value.starts_with('{') {
        return Err(ParameterError::BadMember { name: "user", expected: "an object" });
    }
    let user = Object::parse(value.as_bytes())?;
    let name = text(&user, "name")?.filter(|name| !name.is_empty());
    Ok(TokenUser { id: text(&user, "id")?, name })
}

fn origins(object: &Object) -> Result<Vec<Origin>, ParameterError> {
    let bad = ParameterError::BadMember {
        name: "trustedOrigins",
        expected: "an array of at most 32 origins, for instance https://shop.example.org",
    };
    let Some(value) = member(object, "trustedOrigins")? else { return Ok(Vec::new()) };
    let Ok(texts) = serde_json::from_str::<Vec<String>>(value) else { return Err(bad) };
    if texts.len() > ORIGINS_MAX {
        return Err(bad);
    }
    texts.iter().map(|text| Origin::parse(text)).collect::<Result<_, _>>().map_err(|_| bad)
}

/// A string; absent and `null` are the same.
fn text(object: &Object, name: &'static str) -> Result<Option<String>, ParameterError> {
    let Some(value) = member(object, name)? else { return Ok(None) };
    match string(value) {
        Some(said) if said.len() <= USER_TEXT_BYTES_MAX => Ok(Some(said.into_owned())),
        _ => Err(ParameterError::BadMember { name, expected: "a string of at most 256 bytes" }),
    }
}

/// The one member of this name in any case. Two that differ only in case are refused: picking one
/// would let a caller show one user to whoever checks the request and another to us.
fn member<'a>(object: &'a Object, name: &str) -> Result<Option<&'a str>, ParameterError> {
    let mut found = object.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
    let first = found.next();
    if found.next().is_some() {
        return Err(ParameterError::Duplicate { name: name.to_owned() });
    }
    Ok(first.map(|(_, value)| value).filter(|value| *value != "null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: Option<&str>, name: Option<&str>) -> TokenParameters {
        let [id, name] = [id, name].map(|text| text.map(str::to_owned));
        TokenParameters { user: TokenUser { id, name }, ..TokenParameters::default() }
    }

    #[test]
    fn parameters_are_read_in_any_case() {
        for (body, expected) in [
            ("", TokenParameters::default()),
            ("  \n", TokenParameters::default()),
            ("null", TokenParameters::default()),
            ("{}", TokenParameters::default()),
            (r#"{"user":{}}"#, TokenParameters::default()),
            (r#"{"user":null}"#, TokenParameters::default()),
            (r#"{"user":{"id":"","name":""}}"#, named(Some(""), None)),
            (r#"{"user":{"name":"Ann"}}"#, named(None, Some("Ann"))),
            (r#"{"user":{"id":"dl_1","name":"Ann"},"eTag":"x"}"#, named(Some("dl_1"), Some("Ann"))),
            (r#"{"User":{"Id":"dl_1","Name":null}}"#, named(Some("dl_1"), None)),
            (r#"{"USER":{"ID":"dl_1"},"ETag":"x"}"#, named(Some("dl_1"), None)),
            (
                r#"{"TrustedOrigins":["https://A/"],"locale":"de-DE"}"#,
                TokenParameters {
                    user: TokenUser::default(),
                    trusted_origins: vec![Origin::parse("https://a").unwrap()],
                    locale: Some("de-DE".to_owned()),
                },
            ),
        ] {
            assert_eq!(TokenParameters::parse(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn each_bad_parameter_is_named() {
        let long = format!(r#"{{"user":{{"id":"{}"}}}}"#, "u".repeat(USER_TEXT_BYTES_MAX + 1));
        let one = "\"https://a.example\"";
        let many =
            format!(r#"{{"trustedOrigins":[{one}{}]}}"#, format!(",{one}").repeat(ORIGINS_MAX));
        let origins = "`trustedOrigins` must be an array of at most 32 origins, for instance \
                       https://shop.example.org";
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(99), "]".repeat(99));
        for (body, sentence) in [
            ("x", "the body is neither empty nor a JSON object"),
            ("[]", "the body is neither empty nor a JSON object"),
            (deep.as_str(), "objects and arrays may be nested at most 64 deep"),
            (r#"{"user":"ann"}"#, "`user` must be an object"),
            (r#"{"user":{"id":7}}"#, "`id` must be a string of at most 256 bytes"),
            (long.as_str(), "`id` must be a string of at most 256 bytes"),
            (r#"{"user":{"id":"a","ID":"b"}}"#, "`id` occurs twice"),
            (r#"{"user":{"id":"a"},"User":{}}"#, "`user` occurs twice"),
            (r#"{"user":{},"user":{}}"#, "`user` occurs twice"),
            (r#"{"trustedOrigins":"https://a"}"#, origins),
            (r#"{"trustedOrigins":["https://a","*"]}"#, origins),
            (r#"{"trustedOrigins":[7]}"#, origins),
            (many.as_str(), origins),
        ] {
            let error = TokenParameters::parse(body.as_bytes()).expect_err(body);
            assert_eq!(error.to_string(), sentence, "{body}");
        }
    }

    #[test]
    fn limits_in_sentences_are_the_limits_in_force() {
        assert_eq!((USER_TEXT_BYTES_MAX, ORIGINS_MAX), (256, 32));
    }
}
