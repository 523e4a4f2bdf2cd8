use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret, SecretString};

use super::instance::{Instance, credentials, says};
use super::tokens::{DUE, denied, grants, pass};
use super::{request, retry_of};
use crate::client::{Client, ClientConfig, ConfigError, Credentials, Grant, RefreshTokenKeeper};

/// Keeps a refresh token in memory and counts.
#[derive(Default)]
struct Drawer {
    token: Mutex<Option<String>>,
    loads: AtomicUsize,
    keeps: AtomicUsize,
}

impl Drawer {
    fn with(token: &str) -> Arc<Self> {
        let drawer = Self::default();
        *drawer.token.lock().unwrap() = Some(token.to_owned());
        Arc::new(drawer)
    }

    fn token(&self) -> Option<String> {
        self.token.lock().unwrap().clone()
    }

    /// How often it was asked and how often it was told.
    fn uses(&self) -> (usize, usize) {
        let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (count(&self.loads), count(&self.keeps))
    }
}

impl RefreshTokenKeeper for Drawer {
    fn load(&self) -> Option<SecretString> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.token().map(Into::into)
    }

    fn keep(&self, token: Option<&SecretString>) {
        self.keeps.fetch_add(1, Ordering::SeqCst);
        *self.token.lock().unwrap() = token.map(|token| token.expose_secret().to_owned());
    }
}

fn kept_in(drawer: &Arc<Drawer>, instance: &Instance) -> Client {
    let drawer: Arc<dyn RefreshTokenKeeper> = Arc::<Drawer>::clone(drawer);
    Client::new(instance.config(credentials()).with_keeper(drawer)).unwrap()
}

#[tokio::test]
async fn a_client_without_a_user_proves_itself_by_its_own_credentials() {
    let instance = Instance::start().await;
    instance.gives_refresh_token(Some("refresh-1"));
    let drawer = Drawer::with("old");
    let keeper: Arc<dyn RefreshTokenKeeper> = Arc::<Drawer>::clone(&drawer);
    let alone = Credentials::of_client("client".to_owned(), "s".into());
    let mut config = ClientConfig::new(instance.url().clone(), alone).unwrap().with_keeper(keeper);
    assert!(matches!(Client::new(config.clone()), Err(ConfigError::NoUser)));

    config.grant = Grant::ClientCredentials;
    let client = Client::new(config).unwrap();
    client.send(&request()).await.unwrap();
    pass(DUE).await;
    client.send(&request()).await.unwrap();
    instance.refuses_token_once();
    client.send(&request()).await.unwrap();
    let calls = instance.token_calls();
    assert_eq!(grants(&calls), ["client_credentials"; 3]);
    assert!(
        calls
            .iter()
            .all(|call| call.body
                == b"grant_type=client_credentials&client_id=client&client_secret=s")
    );
    assert_eq!((drawer.uses(), drawer.token()), ((0, 0), Some("old".to_owned())));

    pass(DUE).await;
    pass(DUE).await;
    instance.answers_token_calls(says(
        400,
        "application/json",
        r#"{"error":"unsupported_grant_type"}"#,
    ));
    let error = client.send(&request()).await.unwrap_err();
    assert_eq!(error.code(), "credentials_refused");
    assert!(error.to_string().contains("glide.oauth.inbound.client.credential.grant_type.enabled"));
    assert!(!error.to_string().contains("PASSWORD"), "{error}");
}

#[tokio::test]
async fn a_new_process_starts_with_the_refresh_token_that_was_kept() {
    let instance = Instance::start().await;
    instance.gives_refresh_token(Some("refresh-1"));
    let drawer = Arc::default();
    kept_in(&drawer, &instance).send(&request()).await.unwrap();
    assert_eq!(drawer.token().as_deref(), Some("refresh-1"));

    let restarted = kept_in(&drawer, &instance);
    restarted.send(&request()).await.unwrap();
    pass(DUE).await;
    restarted.send(&request()).await.unwrap();
    assert_eq!(grants(&instance.token_calls()), ["password", "refresh_token", "refresh_token"]);
    assert_eq!(drawer.uses(), (2, 1), "asked once by each, told of the one change");

    instance.gives_refresh_token(Some("refresh-2"));
    pass(DUE).await;
    restarted.send(&request()).await.unwrap();
    assert_eq!(drawer.token().as_deref(), Some("refresh-2"));
}

#[tokio::test]
async fn a_kept_refresh_token_that_is_dead_is_forgotten_or_replaced() {
    for given in [None, Some("refresh-2")] {
        let instance = Instance::start().await;
        instance.gives_refresh_token(given);
        instance.answers_refreshes(denied());
        let drawer = Drawer::with("refresh-1");
        kept_in(&drawer, &instance).send(&request()).await.unwrap();
        assert_eq!(grants(&instance.token_calls()), ["refresh_token", "password"]);
        assert_eq!(drawer.token().as_deref(), given);
    }
}

#[tokio::test]
async fn a_refresh_token_is_not_called_dead_while_the_credentials_are_refused_as_well() {
    let instance = Instance::start().await;
    instance.answers_token_calls(denied());
    let drawer = Drawer::with("refresh-1");
    let client = kept_in(&drawer, &instance);
    for _ in 0..3 {
        assert_eq!(retry_of(client.send(&request()).await).0, "credentials_refused");
    }
    assert_eq!(grants(&instance.token_calls()), ["refresh_token", "password"]);
    assert_eq!((drawer.uses(), drawer.token()), ((1, 0), Some("refresh-1".to_owned())));
}

#[tokio::test]
async fn a_keeper_that_panics_costs_a_password_grant_and_nothing_else() {
    struct Broken;
    impl RefreshTokenKeeper for Broken {
        fn load(&self) -> Option<SecretString> {
            panic!("the drawer is stuck")
        }
        fn keep(&self, _: Option<&SecretString>) {
            panic!("the drawer is stuck")
        }
    }
    let instance = Instance::start().await;
    instance.gives_refresh_token(Some("refresh-1"));
    let config = instance.config(credentials()).with_keeper(Arc::new(Broken));
    let client = Client::new(config).unwrap();
    client.send(&request()).await.unwrap();
    pass(DUE).await;
    client.send(&request()).await.unwrap();
    assert_eq!(grants(&instance.token_calls()), ["password", "refresh_token"]);
}

#[tokio::test]
async fn debug_output_shows_no_refresh_token() {
    let instance = Instance::start().await;
    instance.gives_refresh_token(Some("refresh-1"));
    let config = instance.config(credentials()).with_keeper(Arc::new(Drawer::default()));
    let client = Client::new(config.clone()).unwrap();
    client.send(&request()).await.unwrap();
    let shown = format!("{config:?} {client:?}");
    assert!(!shown.contains("refresh-1") && !shown.contains("token-1"), "{shown}");
}

#[tokio::test]
async fn a_refresh_token_that_only_met_trouble_is_kept() {
    let instance = Instance::start().await;
    instance.answers_refreshes(says(503, "text/html", ""));
    let drawer = Drawer::with("refresh-1");
    let client = kept_in(&drawer, &instance);
    assert_eq!(retry_of(client.send(&request()).await).0, "busy");
    assert_eq!((drawer.uses(), drawer.token()), ((1, 0), Some("refresh-1".to_owned())));
}
