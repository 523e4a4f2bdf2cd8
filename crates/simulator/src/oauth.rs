//! The instance's OAuth registry: which tokens exist and until when (reference 7.1).
//!
//! Owns the rules of the token endpoint. It has no clock and makes no randomness: both come in.

use std::collections::VecDeque;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::config::Credentials;

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
    pub(crate) refresh_ms: u64,
    /// The `client_credentials` grant is on.
    pub(crate) client_credentials: bool,
    /// Text for new tokens, should any be needed.
    pub(crate) fresh: [String; 2],
}

impl TokenCall<'_> {
    /// A parameter of the form.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn access_expires_at(&self) -> u64 {
        self.now.saturating_add(self.access_ms)
    }
}

impl Registry {
    /// Answers a call, or refuses it with `None`; the caller is never told why.
    pub(crate) fn grant(&mut self, known: &Credentials, call: TokenCall<'_>) -> Option<Value> {
        let client = call.field("client_id")? == known.client_id
            && call.field("client_secret")? == known.client_secret.expose_secret();
        if !client {
            return None;
        }
        self.access.retain(|token| token.expires_at > call.now);
        let access_ms = call.access_ms;
        let with_refresh = match call.field("grant_type")? {
            "password" => {
                let user = call.field("username")? == known.username
                    && call.field("password")? == known.password.expose_secret();
                if !user {
                    return None;
                }
                self.grant_by_password(call);
                true
            }
            "refresh_token" => {
                let presented = call.field("refresh_token")?;
                self.refresh
                    .as_ref()
                    .filter(|token| token.text == presented && token.expires_at > call.now)?;
                if self.access.len() == ACCESS_TOKENS_MAX {
                    self.access.pop_front();
                }
                let expires_at = call.access_expires_at();
                let [text, _] = call.fresh;
                self.access.push_back(Token { text, expires_at });
                true
            }
            "client_credentials" if call.client_credentials => {
                let expires_at = call.access_expires_at();
                let [text, _] = call.fresh;
                self.prolong(text, expires_at);
                false
            }
            _ => return None,
        };
        let mut answer = json!({
            "scope": "useraccount",
            "token_type": "Bearer",
            "expires_in": access_ms / 1_000,
            "access_token": self.access.back()?.text,
        });
        if with_refresh {
            answer["refresh_token"] = self.refresh.as_ref()?.text.as_str().into();
        }
        self.granted += 1;
        Some(answer)
    }

    /// Asking with the password while tokens are valid gives the same ones, with both expiries set
    /// anew.
    fn grant_by_password(&mut self, call: TokenCall<'_>) {
        let (now, access_expires_at) = (call.now, call.access_expires_at());
        let expires_at = now.saturating_add(call.refresh_ms);
        let [access, refresh] = call.fresh;
        self.prolong(access, access_expires_at);
        let text = match self.refresh.take() {
            Some(token) if token.expires_at > now => token.text,
            _ => refresh,
        };
        self.refresh = Some(Token { text, expires_at });
    }

    fn prolong(&mut self, fresh: String, expires_at: u64) {
        match self.access.back_mut() {
            Some(token) => token.expires_at = expires_at,
            None => self.access.push_back(Token { text: fresh, expires_at }),
        }
    }

    /// Whether this access token opens the API now.
    pub(crate) fn admits(&self, token: &str, now: u64) -> bool {
        self.access.iter().any(|known| known.text == token && known.expires_at > now)
    }

    /// Forgets one access token, as if its time had come.
    pub(crate) fn forget_access(&mut self, token: &str) {
        self.access.retain(|known| known.text != token);
    }

    /// Forgets the refresh token and keeps the access tokens.
    pub(crate) fn forget_refresh(&mut self) {
        self.refresh = None;
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
    const REFRESH_MS: u64 = 100 * HOUR;
    /// From this moment on the client credentials grant is on.
    const GRANT_ON: u64 = 1_000 * HOUR;

    fn ask(registry: &mut Registry, form: &[(&str, &str)], now: u64, fresh: &str) -> Option<Value> {
        let form: Vec<_> =
            form.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let fresh = [format!("access-{fresh}"), format!("refresh-{fresh}")];
        let call = TokenCall {
            form: &form,
            now,
            access_ms: HOUR,
            refresh_ms: REFRESH_MS,
            client_credentials: now >= GRANT_ON,
            fresh,
        };
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
        assert!(ask(&mut registry, &refresh("refresh-1"), REFRESH_MS - 1, "3").is_some());
        assert!(ask(&mut registry, &refresh("refresh-1"), REFRESH_MS, "4").is_none());
    }

    #[test]
    fn asking_with_the_password_moves_the_refresh_tokens_expiry_too() {
        let mut registry = Registry::default();
        ask(&mut registry, &password(), 0, "1").unwrap();
        ask(&mut registry, &password(), HOUR, "2").unwrap();
        assert!(ask(&mut registry, &refresh("refresh-1"), REFRESH_MS, "3").is_some());
        let late = REFRESH_MS + HOUR;
        assert!(ask(&mut registry, &refresh("refresh-1"), late, "4").is_none());
        let anew = ask(&mut registry, &password(), late, "5").unwrap();
        assert_eq!(anew["refresh_token"], "refresh-5");
    }

    #[test]
    fn client_credentials_are_refused_until_the_property_is_on_and_give_no_refresh_token() {
        let mut form = password();
        form[0].1 = "client_credentials";
        form.truncate(3);
        let mut registry = Registry::default();
        assert!(ask(&mut registry, &form, GRANT_ON - 1, "1").is_none());
        let first = ask(&mut registry, &form, GRANT_ON, "2").unwrap();
        assert_eq!(
            (&first["access_token"], first.get("refresh_token")),
            (&"access-2".into(), None)
        );
        assert_eq!(ask(&mut registry, &form, GRANT_ON + 1, "3").unwrap(), first);
        form[2].1 = "wrong";
        assert!(ask(&mut registry, &form, GRANT_ON, "4").is_none());
    }

    #[test]
    fn one_token_can_be_forgotten_without_the_other() {
        let mut registry = Registry::default();
        ask(&mut registry, &password(), 0, "1").unwrap();
        registry.forget_access("access-1");
        assert!(!registry.admits("access-1", 1));
        let renewed = ask(&mut registry, &refresh("refresh-1"), 1, "2").unwrap();
        assert_eq!(renewed["access_token"], "access-2");
        registry.forget_refresh();
        assert!(registry.admits("access-2", 2));
        assert!(ask(&mut registry, &refresh("refresh-1"), 2, "3").is_none());
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
