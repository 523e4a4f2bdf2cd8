//! The two issuers' doors: what they publish, and the login's tokens for apps (reference 2.2, 2.3).

use std::sync::Arc;

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{
        RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
    },
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use x509_cert::{Certificate, der::Decode as _};

use super::{
    Shared,
    answer::{Answer, broken_off},
    config::Registration,
    keys::b64,
    token::{BOT_FRAMEWORK, BOT_FRAMEWORK_TENANT, Parts, Token},
    trouble::{Door, Trouble},
};

/// A token that an app was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The app.
    pub app_id: String,
    /// The tenant as the address named it.
    pub tenant: String,
    /// What it is for: the scope without `/.default`.
    pub resource: String,
    /// Whether the app proved itself with a certificate and not with a secret.
    pub by_certificate: bool,
    /// The token itself, so that a test can look for it where it must not be, or replay it.
    pub token: String,
}

/// Entra's metadata. `common` and tenants are answered alike but for the issuer.
pub(super) async fn entra_metadata(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
) -> Response {
    open(&shared, Door::Login, || {
        let origin = shared.origin();
        let issuer = match tenant.as_str() {
            "common" | "organizations" => "{tenantid}".to_owned(),
            named => tenant_id(named).to_owned(),
        };
        Json(json!({
            "issuer": format!("https://login.microsoftonline.com/{issuer}/v2.0"),
            "jwks_uri": format!("{origin}/{tenant}/discovery/v2.0/keys"),
            "token_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }))
        .into_response()
    })
    .await
}

pub(super) async fn entra_keys(State(shared): State<Arc<Shared>>) -> Response {
    open(&shared, Door::Login, || Json(shared.lock().entra.document()).into_response()).await
}

pub(super) async fn channel_metadata(State(shared): State<Arc<Shared>>) -> Response {
    open(&shared, Door::ChannelKeys, || {
        Json(json!({
            "issuer": BOT_FRAMEWORK,
            "authorization_endpoint": "https://invalid.botframework.com/",
            "jwks_uri": format!("{}/v1/.well-known/keys", shared.origin()),
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }))
        .into_response()
    })
    .await
}

pub(super) async fn channel_keys(State(shared): State<Arc<Shared>>) -> Response {
    open(&shared, Door::ChannelKeys, || Json(shared.lock().channel.document()).into_response())
        .await
}

/// Answers, unless the door is in trouble.
async fn open(shared: &Shared, door: Door, answer: impl FnOnce() -> Response) -> Response {
    match shared.trouble_at(door) {
        Some(trouble) => troubled(shared, trouble).await,
        None => answer(),
    }
}

async fn troubled(shared: &Shared, trouble: Trouble) -> Response {
    match trouble {
        Trouble::Throttled(after) => Answer::throttled(after, "Too many requests").response(),
        Trouble::Precondition => Answer::precondition().response(),
        Trouble::Refused(refusal) => Answer::refusal(refusal).response(),
        Trouble::Status { status, .. } => Answer::failure(status).response(),
        Trouble::Reset { .. } => broken_off(),
        Trouble::Hang { .. } => std::future::pending().await,
        Trouble::Slow(span) => {
            shared.clock.sleep(span).await;
            Answer::failure(504).response()
        }
        Trouble::NoId => Answer::empty(202).response(),
        Trouble::SecretExpired => {
            Denied(401, "invalid_client", 7_000_222, "The provided client secret keys are expired.")
                .into_response()
        }
    }
}

/// A refusal of the login's: status, error, number, sentence.
#[derive(Debug)]
struct Denied(u16, &'static str, u64, &'static str);

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let Self(status, error, number, sentence) = self;
        let trace = "0badcafe-0000-4000-8000-000000000000";
        let description = format!(
            "AADSTS{number}: {sentence} Trace ID: {trace} Correlation ID: {trace} Timestamp: \
             2026-01-01 00:00:00Z"
        );
        let body = json!({
            "error": error, "error_description": description, "error_codes": [number],
            "timestamp": "2026-01-01 00:00:00Z", "trace_id": trace, "correlation_id": trace,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        let status = StatusCode::from_u16(status).expect("statuses have three digits");
        (status, Json(body)).into_response()
    }
}

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(trouble) = shared.trouble_at(Door::Login) {
        shared.act(|world| world.refused_grants += 1);
        return troubled(&shared, trouble).await;
    }
    match grant(&shared, &tenant, &headers, &body) {
        Ok(answer) => Json(answer).into_response(),
        Err(denied) => {
            shared.act(|world| world.refused_grants += 1);
            denied.into_response()
        }
    }
}

/// The form's fields, and the credentials of a `Basic` header among them.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        kind.starts_with("application/x-www-form-urlencoded").then_some(())?;
        let mut fields: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
        let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(basic) = basic.and_then(|value| value.strip_prefix("Basic ")) {
            let plain = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
            let (id, secret) = plain.split_once(':')?;
            // Both are encoded like a form's values (RFC 6749, 2.3.1).
            let decoded = |text: &str| {
                let pair = format!("v={text}");
                form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
            };
            fields.push(("client_id".to_owned(), decoded(id)?));
            fields.push(("client_secret".to_owned(), decoded(secret)?));
        }
        Some(Self(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn grant(shared: &Shared, tenant: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Denied> {
    let form = Form::read(headers, body).ok_or(Denied(
        400,
        "invalid_request",
        900_144,
        "The request body must contain the following parameter: 'grant_type'.",
    ))?;
    if form.get("grant_type") != Some("client_credentials") {
        let sentence = "The app requested an unsupported grant type.";
        return Err(Denied(400, "unsupported_grant_type", 70_003, sentence));
    }
    let now = shared.now();
    let at = format!("{}/{tenant}/oauth2/v2.0/token", shared.origin());
    shared.act(|world| {
        let tenant_id = tenant_id(tenant);
        let is_known = tenant_id == BOT_FRAMEWORK_TENANT
            || world.tenants.iter().any(|known| known.eq_ignore_ascii_case(tenant_id));
        if !is_known {
            let sentence = "Tenant not found. Check to make sure you have the correct tenant ID.";
            return Err(Denied(400, "invalid_request", 90_002, sentence));
        }
        let client = form.get("client_id").unwrap_or_default();
        let registration = world
            .registrations
            .iter()
            .find(|known| known.app_id.eq_ignore_ascii_case(client))
            .filter(|known| known.tenant.as_ref().is_none_or(|own| own == tenant_id))
            .ok_or(Denied(
                400,
                "unauthorized_client",
                700_016,
                "Application was not found in the directory.",
            ))?;
        let by_certificate = proves(registration, &form, &at, now)?;
        let resource =
            form.get("scope").and_then(|scope| scope.strip_suffix("/.default")).ok_or(Denied(
                400,
                "invalid_scope",
                1_002_012,
                "The provided value for scope is not valid. Client credential flows must have a \
                 scope value with /.default suffixed to the resource identifier.",
            ))?;
        let bare = resource.strip_prefix("api://").unwrap_or(resource);
        let is_app = world.registrations.iter().any(|app| app.app_id.eq_ignore_ascii_case(bare));
        if resource != BOT_FRAMEWORK && !is_app {
            let sentence = "The resource principal was not found in the tenant.";
            return Err(Denied(400, "invalid_resource", 500_011, sentence));
        }
        let life = world.token_seconds;
        let app_id = registration.app_id.clone();
        let token = Token::of_app(&app_id, tenant_id, bare, life, now);
        let token = token.sign(&world.entra, &world.channel);
        world.grants.push(Grant {
            app_id,
            tenant: tenant.to_owned(),
            resource: resource.to_owned(),
            by_certificate,
            token: token.clone(),
        });
        Ok(json!({
            "token_type": "Bearer", "expires_in": life, "ext_expires_in": life,
            "access_token": token,
        }))
    })
}

/// The id of a tenant that an address names.
fn tenant_id(named: &str) -> &str {
    if named.eq_ignore_ascii_case("botframework.com") { BOT_FRAMEWORK_TENANT } else { named }
}

/// Whether the caller is this app; tells whether it was by certificate.
fn proves(app: &Registration, form: &Form, at: &str, now: u64) -> Result<bool, Denied> {
    if let Some(assertion) = form.get("client_assertion") {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let proven = form.get("client_assertion_type") == Some(kind)
            && is_asserted(app, assertion, at, now).unwrap_or(false);
        let sentence = "Client assertion failed signature validation.";
        return proven.then_some(true).ok_or(Denied(401, "invalid_client", 700_027, sentence));
    }
    let Some(given) = form.get("client_secret").filter(|given| !given.is_empty()) else {
        let sentence = "'client_assertion', 'client_secret' or 'request' is required for the \
                        'client_credentials' grant type.";
        return Err(Denied(401, "invalid_client", 7_000_216, sentence));
    };
    let right = app.secret.as_ref().is_some_and(|secret| secret.expose_secret() == given);
    let sentence = "Invalid client secret provided. Ensure the secret being sent in the request \
                    is the client secret value, not the client secret ID.";
    right.then_some(false).ok_or(Denied(401, "invalid_client", 7_000_215, sentence))
}

/// Whether this assertion is signed with the app's certificate, is for this address, and timely.
fn is_asserted(app: &Registration, assertion: &str, at: &str, now: u64) -> Option<bool> {
    let certificate = app.certificate.as_ref()?;
    let parts = Parts::read(assertion)?;
    let thumbprint = b64(digest(&SHA256, certificate).as_ref());
    let named = parts.header["x5t#S256"] == thumbprint;
    let algorithm: &RsaParameters = match parts.header["alg"].as_str()? {
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        _ => return None,
    };
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    let key = UnparsedPublicKey::new(algorithm, key.subject_public_key.raw_bytes().to_vec());
    let signed = key.verify(parts.message.as_bytes(), &parts.signature).is_ok();
    let is_app = |name: &str| {
        parts.claims[name].as_str().is_some_and(|id| id.eq_ignore_ascii_case(&app.app_id))
    };
    let own = is_app("iss") && is_app("sub") && parts.claims["jti"].is_string();
    Some(named && signed && own && parts.claims["aud"] == at && parts.is_timely(now))
}
