//! The instance's OAuth registry: which tokens exist and until when (reference 7.1).
//!
//! Owns the rules of the token endpoint. It has no clock and makes no randomness: both come in.

use std::collections::VecDeque;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::config::Credentials;

/// A refresh token lives one hundred days, and using it does not lengthen that.
const REFRESH_TOKEN_MS: u64 = 8_640_000_000;

/// How many access tokens may be valid at once. Only a caller that refreshes in a loop makes
/// more than one or two; the oldest goes first.
const ACCESS_TOKENS_MAX: usize = 1_000;

/// The one answer to every credential fault: 401 with this body.
pub(crate) fn access_denied() -> Value {
    json!({"error_description": "access_denied", "error": "server_error"})
}

/// The tokens of the one registry entry this instance has.
#[derive(Default)]
pub(crate) struct Registry {
    access: VecDeque<Token>,
    refresh: Option<Token>,
    granted: u64,
}

struct Token {
    text: String,
    expires_at: u64,
}

/// One call of the token endpoint.
pub(crate) struct TokenCall<'a> {
    pub(crate) form: &'a [(String, String)],
    pub(crate) now: u64,
    pub(crate) access_ms: u64,
    /// Text for new tokens, should any be needed.
    pub(crate) fresh: [String; 2],
}

impl Registry {
    /// Answers a call, or refuses it with `None`; the caller is never told why.
    pub(crate) fn grant(&mut self, known: &Credentials, call: TokenCall<'_>) -> Option<Value> {
        let field = |name: &str| {
            call.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
        };
        let TokenCall { now, access_ms, fresh: [new_access, new_refresh], .. } = call;
        let client = field("client_id")? == known.client_id
            && field("client_secret")? == known.client_secret.expose_secret();
        if !client {
            return None;
        }
        self.access.retain(|token| token.expires_at > now);
        let expires_at = now.saturating_add(access_ms);
        match field("grant_type")? {
            "password" => {
                let user = field("username")? == known.username
                    && field("password")? == known.password.expose_secret();
                if !user {
                    return None;
                }
                // A token that is still valid comes back, with both expiries set anew.
                match self.access.back_mut() {
                    Some(token) => token.expires_at = expires_at,
                    None => self.access.push_back(Token { text: new_access, expires_at }),
                }
                let text = match self.refresh.take() {
                    Some(token) if token.expires_at > now => token.text,
                    _ => new_refresh,
                };
                let expires_at = now.saturating_add(REFRESH_TOKEN_MS);
                self.refresh = Some(Token { text, expires_at });
            }
            "refresh_token" => {
                let presented = field("refresh_token")?;
                let known = self
                    .refresh
                    .as_ref()
                    .is_some_and(|token| token.text == presented && token.expires_at > now);
                if !known {
                    return None;
                }
                if self.access.len() == ACCESS_TOKENS_MAX {
                    self.access.pop_front();
                }
                self.access.push_back(Token { text: new_access, expires_at });
            }
            _ => return None,
        }
        self.granted += 1;
        Some(json!({
            "scope": "useraccount",
            "token_type": "Bearer",
            "expires_in": access_ms / 1_000,
            "refresh_token": self.refresh.as_ref()?.text,
            "access_token": self.access.back()?.text,
        }))
    }

    /// Whether this access token opens the API now.
    pub(crate) fn admits(&self, token: &str, now: u64) -> bool {
        self.access.iter().any(|known| known.text == token && known.expires_at > now)
    }

    /// Forgets every token, as an administrator does under Manage Tokens.
    pub(crate) fn revoke(&mut self) {
        self.access.clear();
        self.refresh = None;
    }

    /// How many token calls were answered with a token.
    pub(crate) fn granted(&self) -> u64 {
        self.granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn ask(registry: &mut Registry, form: &[(&str, &str)], now: u64, fresh: &str) -> Option<Value> {
        let form: Vec<_> =
            form.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let fresh = [format!("access-{fresh}"), format!("refresh-{fresh}")];
        let call = TokenCall { form: &form, now, access_ms: HOUR, fresh };
        registry.grant(&Credentials::default(), call)
    }

    fn password() -> Vec<(&'static str, &'static str)> {
        vec![
            ("grant_type", "password"),
            ("client_id", "simulator-client"),
            ("client_secret", "simulator-client-secret"),
            ("username", "simulator.user"),
            ("password", "simulator-password"),
        ]
    }

    fn refresh(token: &'static str) -> Vec<(&'static str, &'static str)> {
        vec![
            ("grant_type", "refresh_token"),
            ("client_id", "simulator-client"),
            ("client_secret", "simulator-client-secret"),
            ("refresh_token", token),
        ]
    }

    #[test]
    fn the_same_token_comes_back_while_it_is_valid_and_lives_anew() {
        let mut registry = Registry::default();
        let first = ask(&mut registry, &password(), 0, "1").unwrap();
        let second = ask(&mut registry, &password(), HOUR - 1, "2").unwrap();
        assert_eq!(first, second);
        assert!(registry.admits("access-1", HOUR + 1));
        let third = ask(&mut registry, &password(), 3 * HOUR, "3").unwrap();
        assert_eq!(third["access_token"], "access-3");
        assert_eq!(third["refresh_token"], "refresh-1");
        assert!(!registry.admits("access-1", 3 * HOUR));
    }

    #[test]
    fn refreshing_gives_a_new_access_token_and_keeps_the_refresh_token_and_its_expiry() {
        let mut registry = Registry::default();
        ask(&mut registry, &password(), 0, "1").unwrap();
        let renewed = ask(&mut registry, &refresh("refresh-1"), 1, "2").unwrap();
        assert_eq!(renewed["access_token"], "access-2");
        assert_eq!(renewed["refresh_token"], "refresh-1");
        assert!(ask(&mut registry, &refresh("refresh-1"), REFRESH_TOKEN_MS, "3").is_none());
    }

    #[test]
    fn every_credential_fault_is_refused() {
        for index in 0..password().len() {
            let mut wrong = password();
            wrong[index].1 = "wrong";
            assert!(ask(&mut Registry::default(), &wrong, 0, "1").is_none(), "wrong {index}");
            let mut missing = password();
            missing.remove(index);
            assert!(ask(&mut Registry::default(), &missing, 0, "1").is_none(), "missing {index}");
        }
        assert!(ask(&mut Registry::default(), &refresh("refresh-1"), 0, "1").is_none());
    }

    #[test]
    fn revoked_tokens_open_nothing() {
        let mut registry = Registry::default();
        ask(&mut registry, &password(), 0, "1").unwrap();
        registry.revoke();
        assert!(!registry.admits("access-1", 1));
        assert!(ask(&mut registry, &refresh("refresh-1"), 1, "2").is_none());
    }
}
