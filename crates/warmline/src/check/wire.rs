//! One connection, made step by step, so that each step that fails is known by name: name, address,
//! TLS, answer. Every step has a time-out.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::certificate::{Fault, NoRoots, Shown, Watching};
use crate::config::Called;

/// A name server that takes longer is in trouble, and so is everybody who asks it.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);

/// For one address; the delivery path gives up after three seconds.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// For the TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// For an answer. Longer than ServiceNow waits, to tell slow from dead.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// The largest answer read, in bytes: refusals are short, pages of proxies are cut.
const ANSWER_BYTES_MAX: usize = 256 * 1_024;

/// What a connection runs over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that stands.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// The server's certificate, where there is TLS.
    pub(super) certificate: Option<Shown>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Empty if it is too large.
    pub(super) body: Bytes,
    /// From the first step to the last byte.
    pub(super) took: Duration,
}

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the address has no host")]
    NoHost,
    #[error("the name {host} is not known to the name server ({cause})")]
    NoSuchName { host: String, cause: String },
    #[error("the name {host} leads to {address}, and Warmline does not connect there by this name")]
    LeadsInside { host: String, address: IpAddr },
    #[error("the name server did not answer within {} s", RESOLVE_WITHIN.as_secs())]
    SlowNames,
    #[error("no connection to {host} port {port}: {cause}")]
    NoConnection { host: String, port: u16, cause: String },
    #[error(transparent)]
    NoRoots(#[from] NoRoots),
    #[error("{}", certificate_words(*fault, host, shown.as_ref()))]
    Certificate { fault: Fault, host: String, shown: Option<Shown> },
    #[error("TLS cannot be agreed on with {host}: {cause}")]
    Tls { host: String, cause: String },
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    NoAnswer,
    #[error("the connection broke before the answer: {0}")]
    Broken(String),
}

fn certificate_words(fault: Fault, host: &str, shown: Option<&Shown>) -> String {
    let issuer = shown.map_or("nobody known", |shown| shown.issuer.as_str());
    let days = shown.map_or(0, |shown| shown.days_left);
    match fault {
        Fault::SelfSigned => {
            format!("the certificate of {host} is self-signed ({issuer}): nobody vouches for it")
        }
        Fault::UnknownIssuer => format!(
            "the certificate of {host} was issued by {issuer}, whom this machine does not trust"
        ),
        Fault::WrongHost => {
            format!("the certificate that {host} shows is for another host (issued by {issuer})")
        }
        Fault::Expired => {
            format!("the certificate of {host} expired {} days ago (issued by {issuer})", -days)
        }
        Fault::NotYetValid => format!(
            "the certificate of {host} is not valid yet (issued by {issuer}): is this machine's \
             clock right?"
        ),
        Fault::Revoked => format!("the certificate of {host} was revoked (issued by {issuer})"),
        Fault::Other => {
            format!("the certificate of {host} cannot be trusted (issued by {issuer})")
        }
    }
}

impl Trouble {
    /// Which step: `dns`, `tcp`, `tls` or `answer`.
    pub(super) fn step(&self) -> &'static str {
        match self {
            Self::NoHost | Self::NoSuchName { .. } | Self::LeadsInside { .. } | Self::SlowNames => {
                "dns"
            }
            Self::NoConnection { .. } => "tcp",
            Self::NoRoots(_) | Self::Certificate { .. } | Self::Tls { .. } => "tls",
            Self::NoAnswer | Self::Broken(_) => "answer",
        }
    }

    /// What to do about it where the public URL leads: there is a certificate to be looked at only
    /// where something listens.
    pub(super) fn fix_of_public_url(
        &self,
        called: Called<'_>,
        otherwise: impl FnOnce(&str) -> String,
    ) -> String {
        let way = called.setting("public_url");
        match self.step() {
            "dns" => format!("make a DNS entry for that name, or correct {way}"),
            "tcp" => format!(
                "start the proxy or tunnel that {way} leads to, or correct the port there; see that \
                 no firewall stands between"
            ),
            _ => otherwise(&way),
        }
    }

    /// The stable machine code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NoHost => "no_host",
            Self::NoSuchName { .. } => "no_such_name",
            Self::LeadsInside { .. } => "leads_inside",
            Self::SlowNames => "slow_names",
            Self::NoConnection { .. } => "no_connection",
            Self::NoRoots(_) => "no_roots",
            Self::Certificate { fault, .. } => fault.code(),
            Self::Tls { .. } => "no_tls",
            Self::NoAnswer => "no_answer",
            Self::Broken(_) => "broken",
        }
    }
}

/// What is known of each step of a connection.
pub(super) struct Steps {
    /// The addresses of the name.
    pub(super) addresses: Result<Vec<SocketAddr>, Trouble>,
    /// The connection, if the name has addresses.
    pub(super) connection: Option<Result<Connection, Trouble>>,
}

/// Connects to where a URL points, if the gateway would, and believes these authorities besides the
/// machine's.
pub(super) async fn steps(
    url: &Url,
    now_s: i64,
    authorities: &[Vec<u8>],
    may_be_at: impl Fn(IpAddr) -> bool,
) -> Steps {
    let addresses = addresses(url).await.and_then(|found| judged(url, found, may_be_at));
    let connection = match &addresses {
        Ok(addresses) => Some(connect_to(url, addresses, now_s, authorities).await),
        Err(_) => None,
    };
    Steps { addresses, connection }
}

/// Connects to where a URL points.
pub(super) async fn connect(url: &Url, now_s: i64) -> Result<Connection, Trouble> {
    let addresses = addresses(url).await?;
    connect_to(url, &addresses, now_s, &[]).await
}

/// The addresses of a name that the gateway connects to.
fn judged(
    url: &Url,
    found: Vec<SocketAddr>,
    may_be_at: impl Fn(IpAddr) -> bool,
) -> Result<Vec<SocketAddr>, Trouble> {
    let (fine, other): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| may_be_at(address.ip()));
    match other.first() {
        Some(address) if fine.is_empty() => {
            let host = url.host_str().unwrap_or_default().to_owned();
            Err(Trouble::LeadsInside { host, address: address.ip() })
        }
        Some(_) | None => Ok(fine),
    }
}

async fn addresses(url: &Url) -> Result<Vec<SocketAddr>, Trouble> {
    let port = url.port_or_known_default().unwrap_or(443);
    let name = match url.host().ok_or(Trouble::NoHost)? {
        Host::Ipv4(address) => return Ok(vec![(address, port).into()]),
        Host::Ipv6(address) => return Ok(vec![(address, port).into()]),
        Host::Domain(name) => name,
    };
    let unknown = |cause: String| Trouble::NoSuchName { host: name.to_owned(), cause };
    let found = timeout(RESOLVE_WITHIN, lookup_host((name, port))).await;
    let found = found.map_err(|_| Trouble::SlowNames)?;
    let found: Vec<_> =
        found.map_err(|error| unknown(error.to_string()))?.take(ADDRESSES_MAX).collect();
    if found.is_empty() { Err(unknown("it has no address".to_owned())) } else { Ok(found) }
}

async fn connect_to(
    url: &Url,
    addresses: &[SocketAddr],
    now_s: i64,
    authorities: &[Vec<u8>],
) -> Result<Connection, Trouble> {
    let host = url.host_str().ok_or(Trouble::NoHost)?.to_owned();
    let mut cause = String::new();
    let mut tcp = None;
    for address in addresses {
        match timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                tcp = Some(stream);
                break;
            }
            Ok(Err(error)) => cause = error.to_string(),
            Err(_) => cause = format!("nothing within {} s", CONNECT_WITHIN.as_secs()),
        }
    }
    let port = url.port_or_known_default().unwrap_or(443);
    let Some(tcp) = tcp else { return Err(Trouble::NoConnection { host, port, cause }) };
    if url.scheme() != "https" {
        return Ok(Connection { stream: Box::new(tcp), certificate: None });
    }
    encrypted(tcp, host, Watching::new(now_s, authorities)?).await
}

async fn encrypted(
    tcp: TcpStream,
    host: String,
    watching: Arc<Watching>,
) -> Result<Connection, Trouble> {
    let tls = |cause: String| Trouble::Tls { host: host.clone(), cause };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(error.to_string()))?
        // rustls's own verdict, remembered.
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&watching) as Arc<_>)
        .with_no_client_auth();
    let bare = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(bare).map_err(|error| tls(error.to_string()))?;
    let shaking = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let shaken = timeout(HANDSHAKE_WITHIN, shaking).await;
    let shown = watching.shown();
    match shaken {
        Err(_) => Err(tls(format!("nothing within {} s", HANDSHAKE_WITHIN.as_secs()))),
        Ok(Ok(stream)) => Ok(Connection { stream: Box::new(stream), certificate: shown }),
        Ok(Err(error)) => {
            let inner = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
            Err(match inner {
                Some(rustls::Error::InvalidCertificate(wrong)) => {
                    let fault = Fault::of(wrong, shown.as_ref());
                    Trouble::Certificate { fault, host, shown }
                }
                _ => tls(error.to_string()),
            })
        }
    }
}

impl Connection {
    /// What goes over it, for another protocol.
    pub(super) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }
}

/// Makes a connection and one request over it.
pub(super) async fn request(
    url: &Url,
    request: http::request::Builder,
    body: &str,
    now_s: i64,
) -> Result<Answer, Trouble> {
    let began = Instant::now();
    let connection = connect(url, now_s).await?;
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = request
        .uri(target)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .map_err(|error| Trouble::Broken(error.to_string()))?;
    let asked = timeout(ANSWER_WITHIN, ask(connection.stream, request)).await;
    let mut answer = asked.map_err(|_| Trouble::NoAnswer)??;
    answer.took = began.elapsed();
    Ok(answer)
}

async fn ask(stream: Box<dyn Stream>, request: Request<Full<Bytes>>) -> Result<Answer, Trouble> {
    let broken = |error: hyper::Error| Trouble::Broken(error.to_string());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(Answer { status: parts.status, headers: parts.headers, body, took: Duration::ZERO })
    };
    tokio::pin!(exchange);
    tokio::pin!(connection);
    // The connection does the work; when it is done, so is the exchange.
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nothing_is_connected_to_where_the_gateway_would_not_go() {
        let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = inside.local_addr().unwrap().port();
        let url = Url::parse(&format!("http://localhost:{port}/")).unwrap();
        let steps = steps(&url, 0, &[], |_| false).await;
        let Err(trouble) = steps.addresses else { panic!("it was to be refused") };
        assert_eq!((trouble.step(), trouble.code()), ("dns", "leads_inside"));
        assert!(trouble.to_string().contains("localhost leads to "), "{trouble}");
        assert!(steps.connection.is_none());
        let came = inside.into_std().unwrap().accept();
        assert_eq!(came.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}
